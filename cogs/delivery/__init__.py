"""cogs/delivery: what the outbox owes is sent, and messages of forgotten pets are deleted.

The promises kept here: each part of a job has exactly one visible answer. Answers are sent by channel and message id
with the bot's token; no interaction token is stored, as those expire after 15 minutes.

cog.py         when sending and deleting begin and end
sender.py      an answer is looked for, sent, moved to another place, and marked as sent: in this order
render.py      an outbox row as text and pictures
look.py        what a look at photos found, as text, sheet and buttons
notifier.py    who hears that an answer is there
routes.py      where an answer goes, and under which nonce
takedown.py    messages of forgotten pets are deleted
"""

"""cogs/delivery: the outbox's side towards Discord. Every answer is seen exactly once.

cog.py         when sending and taking down begin and end
sender.py      in which order an answer is sought, sent, moved and noted
render.py      an outbox row as words and pictures
routes.py      where an answer goes, and under which nonce
takedown.py    messages of forgotten pets come down
"""

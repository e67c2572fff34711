"""cogs/shared: what several cogs use.

text.py        what people read: finds the languages, fills the sentences
texts/         every sentence; a language is one file
access.py      what the bot may do where it is asked: membership, permissions, the invite link
errors.py      what went wrong, as one sentence: the only place that turns exceptions into words
persistent.py  buttons and menus that work after a restart
services.py    what a cog may use, put together in bot.py
models.py      whether the models are complete
pet_choice.py  which dog people mean
style_choice.py  which style people mean
examples.py    pictures of styles, from this server
owners.py      what the owners of dogs are called
portraits.py   what people may do with a portrait that is posted
rerolls.py     what may be painted from a portrait that there is, as values
portrait_buttons.py  the buttons under it, as values
photos.py      how photos are downloaded, and how those left out are named
uploads.py     what people attach: photos are kept for a job, or left out with a reason
enrolments.py  what every enrolment begins with
photo_form.py  the form that asks for them
failed_buttons.py  the buttons under an enrolment that failed
look_buttons.py    the buttons under photos that were looked at
notices.py     one line to a person who reacted
threads.py     a job's own thread
"""

"""`make demo`: the whole bot against a Discord on this machine, as a story with pictures.

__main__.py    the story, and what must be true at each point of it
stage.py       what the story needs of the bot and of Discord
page.py        the page that it becomes
poster.py      the README's picture
"""

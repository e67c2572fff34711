"""The short-lived process that decodes a stranger's photo: `python -I storage/decoder LEAST_PX`, started by intake.py.

Knows: Pillow, pi-heif and the formats that are taken. Does not know: files, the database, the bot.
It is started for each photo, so it imports little (named tuples for dataclasses), and what only some formats need is
imported where it is needed.

    __main__.py  limits, stdin, stdout
    verdict.py   bytes -> the clean photo, or the reason why not
    formats.py   what type of file this is, told by its first bytes
    opened.py    each format's bytes -> a photo whose header was read
    jpeg.py png.py heif.py  what a format needs that Pillow does not do
    colours.py   what the photo's numbers mean -> sRGB; icc.py: a profile made of numbers
    pixels.py    many pixels -> few
    reasons.py   why a photo is not taken
"""

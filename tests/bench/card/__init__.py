"""`make card`: what a card does at full size, in eight minutes and without any download.

__main__.py      which measurements there are, in which order; the command line
models.py        SDXL and a Llama at full size with random weights, made on the card (configs/: the published figures)
bench.py         what all measurements share: the models, a clock, photos, two pets
measuring.py     each measurement for itself: its error, its memory, its time; what is written down after each
limits.py        the limits (limits.toml), and how the figures stand to them
training.py      a training step of ours, and beside the straightforward loop (plain.py)
interrupting.py  how soon a training gives way, and whether it goes on with the same bytes
painting.py      portraits in many steps and in few; one pet after another
llama.py         tokens a second
loading.py       from disk to the card
"""

"""`python -m tests.bench.photo_checks [--data FOLDER]`: good photos and worsened copies of them through the photo checks.

Knows: which remark a copy must get, and how masks come from the real nano segmenter. Does not know: how copies are made
(photos_worsened.py), or how the checks work. The data are not part of the project: without them nothing is measured.
Bars: each kind of copy is named in 90 % or more, no more than 3 % of good photos are.
"""

from pathlib import Path

DATA = Path(__file__).parents[3] / "shared" / "data"
NAMED, FALSE = 0.90, 0.03  # bars
ANIMALS = range(14, 24)  # of COCO's classes; a dog may well be a bear or a sheep to it

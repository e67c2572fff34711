"""One picture of the whole demo, for the README: a person's photos on the left, portraits on the right.

Knows: where pictures go on a sheet. Does not know: what they show.
"""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

PHOTO, PORTRAIT, GAP, EDGE = 160, 246, 8, 16  # pixels
BACK = (49, 51, 56)  # Discord's dark grey


def poster(photos: Sequence[Path], portraits: Sequence[Path], file: Path) -> None:
    """Two columns of photos, then portraits in two rows."""
    rows = -(-len(photos) // 2)
    height = rows * (PHOTO + GAP) - GAP + 2 * EDGE
    columns = -(-len(portraits) // 2)
    left = 2 * (PHOTO + GAP) + 2 * EDGE
    whole = Image.new("RGB", (left + columns * (PORTRAIT + GAP) - GAP + EDGE, height), BACK)
    for number, photo in enumerate(photos):
        row, column = divmod(number, 2)
        _put(whole, photo, EDGE + column * (PHOTO + GAP), EDGE + row * (PHOTO + GAP), PHOTO)
    for number, portrait in enumerate(portraits):
        row, column = divmod(number, columns)
        _put(whole, portrait, left + column * (PORTRAIT + GAP), EDGE + row * (PORTRAIT + GAP), PORTRAIT)
    whole.save(file, optimize=True)


def _put(whole: Image.Image, path: Path, x: int, y: int, side: int) -> None:
    with Image.open(path) as image:
        whole.paste(image.convert("RGB").resize((side, side), Image.Resampling.LANCZOS), (x, y))

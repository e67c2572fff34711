"""The biggest photos that are promised to be taken, one of each kind whose decoding costs something else.

Knows: the most pixels of each format, and Discord's 10 MB. Does not know: what decoding them costs.
"""

from collections.abc import Iterator
from pathlib import Path
from random import Random

from PIL import Image

from tests.bench.photos_made import Made
from tests.bench.photos_parts import deep, saved, scene, veil

PHONE = 8160, 6120  # 49.9 megapixels
HEIC = Path(__file__).parents[1] / "storage" / "photos" / "50mp.heic"


def grainy(size: tuple[int, int], grain: int) -> Image.Image:
    """A scene with a camera's noise, so that its file is as big as a photo's."""
    image, noise = scene(Random(1), (size[0] // 8, size[1] // 8)).resize(size), Image.effect_noise((1024, 1024), grain)
    tile = Image.merge("RGB", [noise, noise.rotate(90), noise.rotate(180)])
    for top in range(0, size[1], 1024):
        for left in range(0, size[0], 1024):
            box = (left, top, min(left + 1024, size[0]), min(top + 1024, size[1]))
            part = tile.crop((0, 0, box[2] - left, box[3] - top))
            image.paste(Image.blend(image.crop(box), part, 0.3), box)
    return image


def big_photos() -> Iterator[Made]:
    """One by one, as each takes some hundred megabytes to make."""
    phone = grainy(PHONE, 90)
    yield Made(name="JPEG, 50 MP", data=saved(phone, "JPEG", quality=55))
    yield Made(name="JPEG, 50 MP, progressive", data=saved(phone, "JPEG", quality=55, progressive=True))
    yield Made(name="WebP, 50 MP", data=saved(phone, "WEBP", quality=45, method=0))
    yield Made(name="AVIF, 50 MP", data=saved(phone, "AVIF", quality=55, speed=10))
    clear = phone.copy()
    clear.putalpha(veil(phone))
    yield Made(name="WebP, 50 MP, alpha", data=saved(clear, "WEBP", quality=40, method=2))
    yield Made(name="AVIF, 50 MP, alpha", data=saved(clear, "AVIF", quality=55, speed=10))
    yield from without_loss(scene(Random(1), PHONE))
    yield from beyond(16320, 12240)
    if HEIC.exists():
        yield Made(name="HEIC, 50 MP", data=HEIC.read_bytes())


def without_loss(plain: Image.Image) -> Iterator[Made]:
    """Without noise, or they would have more than 10 MB."""
    yield Made(name="PNG, 50 MP", data=saved(plain, "PNG", compress_level=1))
    yield Made(name="PNG, 50 MP, 16 bits of grey", data=saved(deep(plain.convert("L")), "PNG", compress_level=1))
    yield Made(name="PNG, 50 MP, palette", data=saved(plain.quantize(64), "PNG", compress_level=1))
    plain.putalpha(veil(plain))
    yield Made(name="PNG, 50 MP, alpha", data=saved(plain, "PNG", compress_level=1))
    yield Made(name="WebP, 50 MP, alpha, lossless", data=saved(plain, "WEBP", lossless=True, quality=0, method=0))


def beyond(width: int, height: int) -> Iterator[Made]:
    """What only JPEG may have: a phone's 200 megapixels, and fewer in scans."""
    whole = scene(Random(2), (width // 8, height // 8)).resize((width, height))
    yield Made(name="JPEG, 200 MP", data=saved(whole, "JPEG", quality=80))
    part = whole.resize((8940, 6705))
    del whole
    yield Made(name="JPEG, 60 MP, progressive", data=saved(part, "JPEG", quality=80, progressive=True, subsampling=0))

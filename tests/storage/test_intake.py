"""Photos on their way in: each hostile one has one verdict, each odd one comes out upright, plain and bare."""

import asyncio
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageCms

from storage.decoder.reasons import Reason
from storage.files import Files
from storage.intake import DECODER, Intake, PhotoRefused, Upload
from tests.helpers import hostile

JOB = "0123456789ab"


@pytest.fixture
def intake(tmp_path: Path) -> Intake:
    return Intake(Files(tmp_path))


def tree(root: Path) -> list[Path]:
    return sorted(root.rglob("*"))


HOSTILE: list[tuple[Callable[[], bytes], Reason]] = [
    (hostile.truncated_jpeg, "truncated"),
    (hostile.bomb, "too_many_pixels"),
    (hostile.gif, "wrong_type"),
    (hostile.text, "not_an_image"),
    (bytes, "empty"),
    (hostile.eleven_megabytes, "too_big"),
    (lambda: hostile.encode(Image.new("RGB", (200, 63)), "PNG"), "too_small"),
    (lambda: hostile.heic()[:300], "truncated"),
    (lambda: hostile.webp()[:100], "truncated"),
    (lambda: b"\x89PNG\r\n\x1a\n", "truncated"),
]


@pytest.mark.parametrize(("make", "reason"), HOSTILE)
async def test_hostile_photo(intake: Intake, tmp_path: Path, make: Callable[[], bytes], reason: Reason) -> None:
    with pytest.raises(PhotoRefused) as refused:
        await intake.take(Upload(name="dog.jpg", data=make()), JOB)
    assert refused.value.reason == reason
    assert tree(tmp_path) == []


def test_the_bomb_is_small() -> None:
    assert len(hostile.bomb()) < 12_000


ODD = [
    hostile.rotated,
    hostile.cmyk,
    hostile.mpo,
    hostile.webp,
    hostile.avif,
    hostile.heic,
    hostile.profiled,
]


def near(pixel: tuple[int, ...], colour: tuple[int, ...]) -> bool:
    return max(abs(a - b) for a, b in zip(pixel, colour, strict=True)) < 12


async def take(intake: Intake, data: bytes) -> tuple[Image.Image, bytes]:
    photo = await intake.take(Upload(name="dog", data=data), JOB)
    kept = photo.path.read_bytes()
    image = Image.open(io.BytesIO(kept))
    assert image.mode == "RGB"
    assert image.size == (photo.width, photo.height)
    assert photo.path.stem == photo.sha256
    return image, kept


@pytest.mark.parametrize("make", ODD)
async def test_odd_photo_comes_out_upright_and_bare(intake: Intake, make: Callable[[], bytes]) -> None:
    image, kept = await take(intake, make())
    assert image.size == (hostile.WIDTH, hostile.HEIGHT)
    assert near(image.getpixel((5, 32)), hostile.RED)
    assert near(image.getpixel((90, 32)), hostile.BLUE)
    assert not image.getexif()
    assert not {"icc_profile", "comment", "exif", "mp"} & set(image.info)
    assert hostile.MARKER.encode() not in kept


@pytest.mark.parametrize("make", [make for make in ODD if make is not hostile.profiled])
def test_odd_photo_had_something_to_hide(make: Callable[[], bytes]) -> None:
    assert hostile.MARKER.encode() in make()


async def test_sixteen_bits_are_scaled_not_clipped(intake: Intake) -> None:
    image, kept = await take(intake, hostile.sixteen_bits())
    assert image.getpixel((5, 32)) == (200, 200, 200)
    assert image.getpixel((90, 32)) == (30, 30, 30)
    assert hostile.MARKER.encode() not in kept


async def test_what_is_transparent_turns_white(intake: Intake) -> None:
    image, _ = await take(intake, hostile.transparent())
    assert (image.getpixel((5, 32)), image.getpixel((90, 32))) == (hostile.RED, (255, 255, 255))


async def test_a_profile_that_does_not_fit_is_no_reason_to_refuse(intake: Intake) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    image, _ = await take(intake, hostile.encode(hostile.scene(), "PNG", icc_profile=lab.tobytes()))  # does not fit
    assert image.getpixel((5, 32)) == hostile.RED


async def test_a_big_photo_is_shrunk(intake: Intake) -> None:
    image, _ = await take(intake, hostile.encode(Image.new("RGB", (4000, 3000)), "JPEG"))
    assert image.size == (2048, 1536)


async def test_many_at_once_are_stored_once_each(intake: Intake, tmp_path: Path) -> None:
    uploads = [Upload(name="a.jpg", data=hostile.rotated()), Upload(name="b.webp", data=hostile.webp())] * 2
    photos = await asyncio.gather(*(intake.take(upload, JOB) for upload in uploads))
    assert photos[:2] == photos[2:]
    assert {path for path in tree(tmp_path) if path.is_file()} == {photo.path for photo in photos}
    await intake.discard(JOB)
    assert tree(tmp_path / "jobs") == []


async def test_a_decoder_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    slow = Intake(Files(tmp_path), timeout_s=0.01)
    with pytest.raises(PhotoRefused, match="decoder_died"):
        await slow.take(Upload(name="dog.jpg", data=hostile.rotated()), JOB)
    assert tree(tmp_path) == []


async def test_cancelling_an_intake_leaves_nothing(intake: Intake, tmp_path: Path) -> None:
    task = asyncio.create_task(intake.take(Upload(name="dog.jpg", data=hostile.rotated()), JOB))
    await asyncio.sleep(0.03)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert tree(tmp_path) == []


LIMITED = f"import sys; sys.path[0] = {str(DECODER.parents[1])!r}; from storage.decoder.__main__ import limit; limit()"


def test_the_decoder_has_no_gigabyte_to_spend() -> None:
    script = f"{LIMITED}; bytes(1 << 30)"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "MemoryError" in answer.stderr


def test_the_decoder_may_write_no_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    script = f"{LIMITED}; from pathlib import Path; Path({str(file)!r}).write_text('here')"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert answer.returncode != 0
    assert file.read_bytes() == b""


def test_the_decoder_loads_no_torch() -> None:
    script = f"{LIMITED}; assert not {{'torch', 'numpy', 'discord', 'pydantic', 'asyncio'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)

"""What the fake studio (fake_studio.py) leaves in a job's folder, and jobs for tests.

Knows: files and values of jobs and results. Does not know: steps, or when anything happens.
"""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

from PIL import Image

from gpu.styles import medium
from gpu.types import (
    Adapter,
    Cutout,
    Done,
    Enroll,
    Enrolled,
    Paint,
    Painted,
    Photo,
    Portrait,
    Prompt,
    Rejected,
    Wish,
)

TILE, SIDE = 32, 128  # pixels


def steps_taken(job: Enroll) -> list[int]:
    """Every training step, in the order in which they were taken, the repeated ones too."""
    return [int(line) for line in (job.folder / "steps").read_text().split()]


def saved_step(job: Enroll) -> int:
    """The step of the checkpoint on disk."""
    file = job.folder / "checkpoint"
    return int(file.read_text()) if file.exists() else 0


def cut(job: Enroll, rejects: int = 0, count: int | None = None) -> tuple[Cutout, ...]:
    """The first `count` photos as cut-outs, but for the rejected ones; and the sheet of them."""
    photos = job.photos[rejects:count]
    cutouts = tuple(_cutout(photo, job.folder / "cutouts") for photo in photos)
    sheet = Image.new("RGB", (TILE * max(len(cutouts), 1), TILE), "white")
    for number, cutout in enumerate(cutouts):
        with Image.open(cutout.image) as image:
            sheet.paste(image, (number * TILE, 0))
    _save(sheet, job.folder / "sheet.png")
    return cutouts


def _cutout(photo: Photo, folder: Path) -> Cutout:
    cutout = Cutout(
        image=folder / f"{photo.sha256}.png", mask=folder / f"{photo.sha256}.mask.png", photo=photo.sha256, share=0.5
    )
    with Image.open(photo.path) as image:
        _save(image.resize((TILE, TILE)), cutout.image)
    _save(Image.new("L", (TILE, TILE), 255), cutout.mask)
    return cutout


def learn(job: Enroll, steps: int) -> None:
    """The adapter's folder appears whole or not at all; the checkpoint has served."""
    fresh = job.folder / "adapter.tmp"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    (fresh / "light.safetensors").write_bytes(hashlib.sha256(f"{job.seed} {steps}".encode()).digest())
    fresh.rename(job.folder / "adapter")
    (job.folder / "checkpoint").unlink(missing_ok=True)


def adapter(folder: Path, steps: int) -> Adapter:
    return Adapter(
        folder=folder / "adapter", tokens=("<s0>", "<s1>"), class_word="dog", base="0", steps=steps, likeness=0.5
    )


def portrait(folder: Path, seed: int, prompt: Prompt) -> Portrait:
    """A pattern of colours: the same for the same seed and prompt, another for any other."""
    colours = hashlib.shake_256(f"{seed} {prompt.text}".encode()).digest(8 * 8 * 3)
    path = folder / "portraits" / f"{seed}.png"
    _save(Image.frombytes("RGB", (8, 8), colours).resize((SIDE, SIDE), Image.Resampling.NEAREST), path)
    return Portrait(
        path=path, seed=seed, prompt=prompt, likeness=0.5, profile="light", batch=1, versions=(), seconds=0.1
    )


def prompt(wish: Wish) -> Prompt:
    return Prompt(text=", ".join(filter(None, [f"{medium(wish.style)} of <s0> <s1> dog", wish.text])))


def _save(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".tmp")
    image.save(fresh, "PNG")
    fresh.replace(path)


def enroll_job(root: Path, job_id: str, text: str = "") -> Enroll:
    folder = root / job_id
    folder.mkdir(parents=True, exist_ok=True)
    return Enroll(job_id=job_id, folder=folder, photos=(), wish=Wish(style="ink", text=text))


def paint_job(root: Path, job_id: str, text: str = "steps=2", seeds: tuple[int, ...] = (7, 8)) -> Paint:
    folder = root / job_id
    folder.mkdir(parents=True, exist_ok=True)
    wish = Wish(style="ink", text=text)
    return Paint(job_id=job_id, folder=folder, adapter=adapter(root, 20), cutouts=(), wish=wish, seeds=seeds)


def learnt(job: Enroll, steps: int = 20, rejects: int = 0) -> Enrolled:
    """Before its first portrait."""
    return Enrolled(
        adapter=replace(adapter(job.folder, steps), likeness=None),
        cutouts=cut(job, rejects),
        rejected=tuple(Rejected(photo=photo.sha256, reason="no_dog") for photo in job.photos[:rejects]),
        sheet=job.folder / "sheet.png",
        portraits=(),
    )


def enrolled(job: Enroll, steps: int = 20, rejects: int = 0) -> Enrolled:
    first = portrait(job.folder, job.seed, prompt(job.wish))
    return replace(learnt(job, steps, rejects), adapter=adapter(job.folder, steps), portraits=(first,))


def painted(job: Paint) -> Painted:
    words = job.prompt or prompt(job.wish)
    return Painted(portraits=tuple(portrait(job.folder, seed, words) for seed in job.seeds))


def done(job: Enroll | Paint) -> Done:
    """An outcome; the photos need not be pictures."""
    result = enrolled(replace(job, photos=())) if isinstance(job, Enroll) else painted(job)
    return Done(result=result, seconds=1.0)

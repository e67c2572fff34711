"""What the fake studio (fake_studio.py) leaves in a job's folder, and jobs for tests.

Knows: files and values of jobs and results. Does not know: steps, or when anything happens.
"""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

from PIL import Image

from gpu.adapter_files import recipe
from gpu.errors import AdapterMismatch
from gpu.jobs import Enroll, Job, Look, Paint
from gpu.outcomes import LOOKED, Done, Enrolled, Looked, Painted
from gpu.pets import Adapter, Cutout, Photo, Rejected, Remark
from gpu.portraits import Portrait, Prompt, Wish
from gpu.studio.exclusions import read
from gpu.styles import medium
from gpu.words import clean
from tests.helpers.adapter_folder import BASE, write_adapter

TILE, SIDE = 32, 128  # pixels


def steps_taken(job: Enroll) -> list[int]:
    """Every training step, in the order in which they were taken, the repeated ones too."""
    return [int(line) for line in (job.folder / "steps").read_text().split()]


def saved_step(job: Enroll) -> int:
    """The step of the checkpoint on disk."""
    file = job.folder / "checkpoint"
    return int(file.read_text()) if file.exists() else 0


def cut(job: Enroll | Look, rejects: int = 0, count: int | None = None) -> tuple[Cutout, ...]:
    """The first `count` photos as cut-outs, but for the rejected ones; and the sheet of them."""
    photos = job.photos[rejects:count]
    cutouts = tuple(_cutout(photo, job.folder / "cutouts") for photo in photos)
    sheet = Image.new("RGB", (TILE * max(len(cutouts), 1), TILE), "white")
    for number, cutout in enumerate(cutouts):
        with Image.open(cutout.image) as image:
            sheet.paste(image, (number * TILE, 0))
    _save(sheet, job.folder / "sheet.png")
    return cutouts


def looked(job: Enroll | Look, rejects: int = 0, remarks: int = 0) -> Looked:
    """The first photos are rejected, and the next ones get a remark. What was cut out before is not cut again."""
    if before := seen_before(job):
        return before
    cutouts = cut(job, rejects)
    found = Looked(
        cutouts=cutouts,
        rejected=tuple(Rejected(photo=photo.sha256, reason="no_dog") for photo in job.photos[:rejects]),
        remarks=tuple(Remark(photo=cutout.photo, what="blurred") for cutout in cutouts[:remarks]),
        lacks=("no_side_view",) if remarks else (),
        sheet=job.folder / "sheet.png",
        class_word="dog" if job.class_word == "auto" else job.class_word,
    )
    note = job.folder / "cutouts" / "cut.json"
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_bytes(LOOKED.dump_json(found))
    return found


def seen_before(job: Enroll | Look) -> Looked | None:
    """What was cut out in this folder, if all of it was."""
    note = job.folder / "cutouts" / "cut.json"
    return LOOKED.validate_json(note.read_bytes()) if note.exists() else None


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
    write_adapter(fresh, job.seed, steps)
    fresh.rename(job.folder / "adapter")
    (job.folder / "checkpoint").unlink(missing_ok=True)


def adapter(folder: Path, steps: int, class_word: str = "dog") -> Adapter:
    return Adapter(
        folder=folder / "adapter", tokens=("<s0>", "<s1>"), class_word=class_word, base=BASE, steps=steps, likeness=0.5
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
    wanted = read(clean(wish.text)).wanted
    return Prompt(text=", ".join(filter(None, [f"{medium(wish.style)} of <s0> <s1> dog", wanted])))


def _save(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".tmp")
    image.save(fresh, "PNG")
    fresh.replace(path)


def enroll_job(root: Path, job_id: str, text: str = "") -> Enroll:
    folder = root / job_id
    folder.mkdir(parents=True, exist_ok=True)
    return Enroll(job_id=job_id, folder=folder, photos=(), wish=Wish(style="ink", text=text))


def look_job(root: Path, job_id: str, photos: int = 4) -> Look:
    """Its photos are plain pictures of one colour."""
    folder = root / job_id
    (folder / "photos").mkdir(parents=True, exist_ok=True)
    given = tuple(
        Photo(path=folder / "photos" / f"{n}.png", sha256=f"{n}", width=TILE, height=TILE) for n in range(photos)
    )
    for number, photo in enumerate(given):
        Image.new("RGB", (TILE, TILE), (10 * number, 0, 0)).save(photo.path)
    return Look(job_id=job_id, folder=folder, photos=given)


def paint_job(root: Path, job_id: str, text: str = "steps=2", seeds: tuple[int, ...] = (7, 8)) -> Paint:
    folder = root / job_id
    folder.mkdir(parents=True, exist_ok=True)
    wish = Wish(style="ink", text=text)
    return Paint(job_id=job_id, folder=folder, adapter=adapter(root, 20), cutouts=(), wish=wish, seeds=seeds)


def learnt(job: Enroll, steps: int = 20, rejects: int = 0) -> Enrolled:
    """Before its first portrait."""
    seen = looked(job, rejects)
    return Enrolled(
        adapter=replace(adapter(job.folder, steps, seen.class_word), likeness=None),
        cutouts=seen.cutouts,
        rejected=seen.rejected,
        sheet=seen.sheet,
        portraits=(),
    )


def import_job(root: Path, job_id: str, base: str = BASE) -> Enroll:
    """What was learnt elsewhere, on this base model."""
    job = replace(enroll_job(root, job_id), imported=True)
    (job.folder / "adapter").mkdir(parents=True)
    write_adapter(job.folder / "adapter", 1, 20, base=base)
    return job


def taken_in(job: Enroll) -> Enrolled:
    """An import before its first portrait. Raises AdapterMismatch."""
    found = recipe(job.folder / "adapter")
    if found.base != BASE:
        raise AdapterMismatch
    pet = replace(adapter(job.folder, found.steps, found.class_word), likeness=None)
    return Enrolled(adapter=pet, cutouts=(), rejected=(), sheet=None, portraits=())


def enrolled(job: Enroll, steps: int = 20, rejects: int = 0) -> Enrolled:
    known = taken_in(job) if job.imported else learnt(job, steps, rejects)
    first, likeness = portrait(job.folder, job.seed, prompt(job.wish)), None if job.imported else 0.5
    adapter, first = replace(known.adapter, likeness=likeness), replace(first, likeness=likeness)
    return replace(known, adapter=adapter, portraits=(first,))


def painted(job: Paint) -> Painted:
    words = job.prompt or prompt(job.wish)
    made = (portrait(job.folder, seed, words) for seed in job.seeds)
    recipe = {name: getattr(job.options, name) for name in ("preset", "size", "around", "parent")}
    return Painted(portraits=tuple(replace(one, **recipe) for one in made))


def done(job: Job) -> Done:
    """An outcome; the photos need not be pictures."""
    match job:
        case Enroll():
            return Done(result=enrolled(replace(job, photos=())), seconds=1.0)
        case Look():
            return Done(result=looked(replace(job, photos=())), seconds=1.0)
        case Paint():
            return Done(result=painted(job), seconds=1.0)

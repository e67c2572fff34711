"""The whole studio on tiny_models: it keeps the contract, and a disturbed enrolment ends in the very same files."""

import errno
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch
from PIL import Image

from gpu.errors import AdapterMismatch, Cancelled, OutOfMemory, PauseAsked, TooFewPhotos
from gpu.jobs import Enroll, Look, Paint
from gpu.pets import Photo
from gpu.portraits import Prompt, Wish
from gpu.studio import checkpoint, studio
from gpu.studio.studio import Studio
from tests.contracts.studio import Listener, StudioContract
from tests.helpers import tiny_models as tiny_models
from tests.helpers.fake_jobs import look_job

pytestmark = tiny_models.QUIET
PROMPT = Prompt(text="an oil painting of <s0> <s1> dog")


def build() -> Studio:
    built = studio.build(tiny_models.pool().profile)
    torch.set_num_threads(1)
    return built


def enrolment_in(folder: Path, job_id: str = "enroll") -> Enroll:
    """One whose photos are cut out already: a segmenter with random weights finds no dogs."""
    tiny_models.cut_out(folder)
    return Enroll(job_id=job_id, folder=folder, photos=(), wish=Wish(style="photo"), seed=3)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("undisturbed")
    build().enroll(enrolment_in(folder), Listener())
    return results(folder)


@pytest.fixture(scope="module")
def painting(undisturbed: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Paint:
    """A portrait of another pet."""
    folder = tmp_path_factory.mktemp("painting")
    job = enrolment_in(folder)
    learnt = build().enroll(job, Listener())
    return Paint(
        job_id="paint",
        folder=folder,
        adapter=learnt.adapter,
        cutouts=learnt.cutouts,
        wish=job.wish,
        seeds=(4, 5),
        prompt=PROMPT,
    )


def results(folder: Path) -> dict[str, bytes]:
    """What was learnt and painted, by file."""
    found = [path for kind in ("adapter", "previews", "portraits") for path in sorted((folder / kind).iterdir())]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


class TestContract(StudioContract):
    @pytest.fixture
    def build(self) -> Callable[[], Studio]:
        return build

    @pytest.fixture
    def enrolment(self, tmp_path: Path) -> Enroll:
        return enrolment_in(tmp_path)

    @pytest.fixture
    def looking(self, tmp_path: Path) -> Look:
        return look_job(tmp_path, "other")

    @pytest.fixture
    def importing(self, painting: Paint, tmp_path: Path) -> Enroll:
        shutil.copytree(painting.adapter.folder, tmp_path / "adapter")
        return Enroll(job_id="import", folder=tmp_path, photos=(), wish=Wish(style="photo"), imported=True)

    @pytest.fixture
    def painting(self, painting: Paint) -> Paint:
        return painting


@pytest.mark.parametrize("warm", [True, False], ids=["warm", "after a restart"])
@pytest.mark.parametrize("paused_at", [2, 5], ids=["tokens", "LoRA"])
def test_a_pause_with_a_painting_ends_in_the_same_files(
    paused_at: int, warm: bool, undisturbed: dict[str, bytes], painting: Paint, tmp_path: Path
) -> None:
    one, job = build(), enrolment_in(tmp_path)
    with pytest.raises(PauseAsked):
        one.enroll(job, Listener(stop_at=paused_at))
    one.paint(painting, Listener())
    one.checkpoint_paused()
    again = Listener()
    (one if warm else build()).enroll(job, again)
    assert again.learnt == list(range(paused_at + 1, 7))
    assert results(tmp_path) == undisturbed


def test_a_second_enrolment_puts_the_first_aside_on_disk(undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    one, first, second = build(), enrolment_in(tmp_path / "1", "1"), enrolment_in(tmp_path / "2", "2")
    with pytest.raises(PauseAsked):
        one.enroll(first, Listener(stop_at=4))
    one.enroll(second, Listener())
    one.enroll(first, Listener())
    assert results(tmp_path / "1") == results(tmp_path / "2") == undisturbed


def test_a_second_enrolment_does_not_write_back_one_that_was_forgotten(
    undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    one, first, second = build(), enrolment_in(tmp_path / "1", "1"), enrolment_in(tmp_path / "2", "2")
    with pytest.raises(PauseAsked):
        one.enroll(first, Listener(stop_at=4))
    shutil.rmtree(first.folder)
    one.enroll(second, Listener())
    assert not first.folder.exists()
    assert results(second.folder) == undisturbed


def test_a_full_disk_under_a_paused_training_fails_nobody_elses(
    undisturbed: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It goes on from the checkpoint that it has, and ends in the same files."""
    one, first, second = build(), enrolment_in(tmp_path / "1", "1"), enrolment_in(tmp_path / "2", "2")
    with pytest.raises(PauseAsked):
        one.enroll(first, Listener(stop_at=4))
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "write", full)
        one.checkpoint_paused()
    assert "Step 4 is not on disk" in caplog.text
    write = checkpoint.write

    def full_for_the_first(path: Path, *rest: Any) -> None:
        if first.folder in path.parents:
            full()
        write(path, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "write", full_for_the_first)
        one.enroll(second, Listener())
    one.enroll(first, Listener())
    assert results(tmp_path / "1") == results(tmp_path / "2") == undisturbed


def full(*_: Any) -> NoReturn:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_what_is_done_is_not_done_again(undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    one, job = build(), enrolment_in(tmp_path)
    first = one.enroll(job, Listener())
    again = Listener()
    second = one.enroll(job, again)
    assert {progress.phase for progress in again.heard} == {"loading", "thinking", "painting"}
    assert [portrait.likeness for portrait in second.portraits] == [portrait.likeness for portrait in first.portraits]
    assert not (tmp_path / "checkpoint").exists()
    assert results(tmp_path) == undisturbed


def test_a_cancelled_training_leaves_nothing_in_the_models(painting: Paint, tmp_path: Path) -> None:
    one = build()
    (before, _) = one.paint(painting, Listener()).portraits
    pixels = before.path.read_bytes()
    with pytest.raises(Cancelled):
        one.enroll(enrolment_in(tmp_path), Listener(stop_at=5, stop=Cancelled))
    assert one.warm is None
    (after, _) = one.paint(painting, Listener()).portraits
    assert after.path.read_bytes() == pixels


def test_the_recipe_of_a_portrait_paints_it_again(painting: Paint, tmp_path: Path) -> None:
    one = build()
    for portrait in one.paint(painting, Listener()).portraits:
        pixels = portrait.path.read_bytes()
        recipe = {"seeds": (portrait.seed,), "prompt": portrait.prompt, "folder": tmp_path}
        (again,) = one.paint(replace(painting, **recipe), Listener()).portraits
        assert again.path.read_bytes() == pixels
        assert -1 <= portrait.likeness == again.likeness <= 1


def test_photos_without_a_dog_are_named(tmp_path: Path) -> None:
    photos = []
    for number in range(3):
        Image.new("RGB", (90, 60), (0, 80 * number, 0)).save(tmp_path / f"{number}.png")
        photos.append(Photo(path=tmp_path / f"{number}.png", sha256=f"{number:064}", width=90, height=60))
    job = Enroll(job_id="1", folder=tmp_path, photos=tuple(photos), wish=Wish(style="photo"))
    listener = Listener()
    with pytest.raises(TooFewPhotos) as caught:
        build().enroll(job, listener)
    assert [(rejected.photo, rejected.reason) for rejected in caught.value.rejected] == [
        (photo.sha256, "no_dog") for photo in photos
    ]
    cutting = [progress for progress in listener.heard if progress.phase == "cutting"]
    assert [progress.step for progress in cutting] == [1, 2, 3, 3], "and then the sheet"
    assert [progress.picture for progress in cutting] == [None, None, None, tmp_path / "sheet.png"]


def test_another_bases_adapter_is_refused(painting: Paint) -> None:
    stranger = replace(painting.adapter, base="another")
    with pytest.raises(AdapterMismatch):
        build().paint(replace(painting, adapter=stranger), Listener())


def cramped(pivoted: bool = False, most: int = 1) -> Studio:
    """One whose memory holds so many samples of a training step, before the pivot or after it."""
    one = build()

    def hold(module: torch.nn.Module, args: tuple[torch.Tensor, ...]) -> None:
        learns = torch.is_grad_enabled() and one.warm and bool(one.warm.state.layers) == pivoted
        if learns and len(args[0]) > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    with one.pool.use("sdxl") as pipe:
        pipe.unet.register_forward_pre_hook(hold)
    return one


@pytest.mark.parametrize("pivoted", [False, True], ids=["tokens", "LoRA"])
def test_a_batch_that_memory_does_not_hold_is_learnt_in_halves(pivoted: bool, tmp_path: Path) -> None:
    jobs = [enrolment_in(tmp_path / name) for name in ("straight", "disturbed")]
    cramped(pivoted).enroll(jobs[0], Listener())
    with pytest.raises(PauseAsked):  # at a step that only the second try comes to
        cramped(pivoted).enroll(jobs[1], Listener(stop_at=5))
    again = Listener()
    cramped(pivoted).enroll(jobs[1], again)  # as after a kill: from the checkpoint before the first mark
    assert again.learnt == [4, 5, 6], "it neither tried a whole batch again nor began anew"
    recipe = json.loads((tmp_path / "straight" / "adapter" / "recipe.json").read_text())
    assert recipe["parts"] == 2
    assert results(tmp_path / "straight") == results(tmp_path / "disturbed")


def test_memory_that_does_not_hold_half_a_batch_fails_the_job_only(painting: Paint, tmp_path: Path) -> None:
    one, listener = cramped(pivoted=True, most=0), Listener()
    (before, _) = one.paint(painting, Listener()).portraits
    pixels = before.path.read_bytes()
    with pytest.raises(OutOfMemory):
        one.enroll(enrolment_in(tmp_path), listener)
    assert listener.learnt == [1, 2, 3] * 2
    assert one.warm is None
    (after, _) = one.paint(painting, Listener()).portraits
    assert after.path.read_bytes() == pixels

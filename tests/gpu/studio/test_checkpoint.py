"""What a training does when its checkpoint, its disk, its memory or its numbers are no good."""

import json
import resource
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionXLPipeline
from safetensors.torch import load_file, save_file

from gpu.studio import adapter, checkpoint, train
from gpu.studio.dataset import Sample
from gpu.studio.state import State
from tests.helpers import tiny_models

CPU = torch.device("cpu")


def begin(pipe: StableDiffusionXLPipeline, seed: int = 7, photos: int = 0) -> State:
    recipe = adapter.recipe(tiny_models.pool(), (), "dog", seed) | {"photos": [f"{n:064}" for n in range(photos)]}
    return State(pipe, tiny_models.pool().profile.learning, recipe)


def kept(pipe: StableDiffusionXLPipeline, samples: list[Sample], path: Path, steps: int = 4) -> None:
    """A checkpoint after some steps."""
    state = begin(pipe)
    training = train.train(state, samples, CPU)
    while next(training).step < steps:
        pass
    state.save(path)
    state.close()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip(path: Path) -> None:
    """One bit of the last tensor."""
    whole = bytearray(path.read_bytes())
    whole[-3] ^= 0x40
    path.write_bytes(whole)


def unlabelled(path: Path) -> None:
    save_file(load_file(path), path)


def older(path: Path) -> None:
    """As the version before wrote it."""
    save_file(load_file(path), path, metadata={"state": json.dumps({"step": 4, "pivoted": True, "recipe": {}})})


def _relabelled(path: Path, **changes: object) -> None:
    metadata = json.loads(_header(path)["__metadata__"][checkpoint.KEY])
    save_file(load_file(path), path, metadata={checkpoint.KEY: json.dumps(metadata | changes)})


def _header(path: Path) -> dict[str, dict[str, str]]:
    data = path.read_bytes()
    return json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])


def newer(path: Path) -> None:
    _relabelled(path, version=2)


def garbled(path: Path) -> None:
    _relabelled(path, facts="none")


def one_row(path: Path) -> None:
    """A tensor that would have been broadcast."""
    tensors = load_file(path)
    save_file(tensors | {"param.clip_l": tensors["param.clip_l"][:1]}, path, metadata=_header(path)["__metadata__"])


SPOILS = (cut, empty, flip, unlabelled, older, newer, garbled, one_row)


@pytest.mark.parametrize("spoil", SPOILS, ids=lambda spoil: spoil.__name__)
def test_a_spoilt_checkpoint_is_told_and_the_training_begins_anew(
    spoil: Callable[[Path], None],
    pipe: StableDiffusionXLPipeline,
    samples: list[Sample],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = tmp_path / "folder" / "training.safetensors"
    kept(pipe, samples, path)
    spoil(path)
    state = begin(pipe)
    state.resume(path)
    assert state.step == 0
    assert not state.layers
    assert "begins anew: training.safetensors" in caplog.text
    assert next(train.train(state, samples, CPU)).step == 1
    state.close()


@pytest.mark.parametrize(("other", "named"), [({"seed": 8}, "seed"), ({"photos": 3}, "photos")])
def test_a_checkpoint_of_another_recipe_is_told_by_what_differs(
    other: dict[str, int],
    named: str,
    pipe: StableDiffusionXLPipeline,
    samples: list[Sample],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = tmp_path / "folder" / "training.safetensors"
    kept(pipe, samples, path)
    state = begin(pipe, **other)
    state.resume(path)
    state.close()
    assert state.step == 0
    assert f"is of another recipe: {named}" in caplog.text


def test_a_training_goes_on_on_another_machine_and_the_recipe_names_both(
    pipe: StableDiffusionXLPipeline, samples: list[Sample], tmp_path: Path
) -> None:
    path = tmp_path / "folder" / "training.safetensors"
    here = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        kept(pipe, samples, path)
        torch.set_num_threads(2)
        state = begin(pipe)
        state.resume(path)
    finally:
        torch.set_num_threads(here)
    state.close()
    assert state.step == 4
    assert [one.rpartition(" ")[2] for one in state.recipe["machines"]] == ["1", "2"]


def test_a_full_disk_is_told_and_the_training_goes_on(
    pipe: StableDiffusionXLPipeline, samples: list[Sample], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A real error of a real write: files may not grow beyond some bytes."""
    path = tmp_path / "folder" / "training.safetensors"
    state = begin(pipe)
    training = train.train(state, samples, CPU, path, checkpoint_every_s=0.0)
    next(training)
    good = path.read_bytes()
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        progress = next(training)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert (progress.step, progress.checkpoint) == (2, 1)
    assert "Step 2 is not on disk" in caplog.text
    assert path.read_bytes() == good
    assert next(training).checkpoint == 3
    state.close()


@pytest.mark.parametrize("layers", [0, 1, 5])
def test_memory_that_ends_in_the_middle_of_the_pivot_leaves_the_pipe_as_it_was(
    layers: int, pipe: StableDiffusionXLPipeline, samples: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [name for name, _ in pipe.unet.named_modules()]
    made = 0

    def on_cpu(tensor: torch.Tensor) -> torch.Tensor:
        nonlocal made
        made += 1
        if made > layers:
            raise torch.OutOfMemoryError("no more")
        return tensor

    with monkeypatch.context() as patch:
        patch.setattr(torch.nn.init, "kaiming_uniform_", lambda tensor, **_: on_cpu(tensor))
        state = begin(pipe)
        with pytest.raises(torch.OutOfMemoryError):
            list(train.train(state, samples, CPU))
        state.close()
    assert [name for name, _ in pipe.unet.named_modules()] == names
    again = begin(pipe)
    assert [progress.step for progress in train.train(again, samples, CPU)][-1] == again.steps
    again.close()

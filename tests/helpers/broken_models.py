"""Models that break when a dog is just being learnt: their files go, are damaged or cut off, or memory is too small.

Knows: a profile's folders, and the pool's loading of a model. Does not know: what should follow. As a program it is the
real child, which has no memory for one model, or dies of it:
`python -m tests.helpers.broken_models MODEL FAULT --profile JSON --log-level LEVEL FD_IN FD_OUT`.
"""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from gpu.outcomes import Progress, Report
from gpu.profile import Profile

Model = Literal["llama", "dino"]
Fault = Literal["missing", "unreadable", "cut off", "out of memory", "death"]
MODELS: tuple[Model, ...] = ("llama", "dino")
FAULTS: tuple[Fault, ...] = ("missing", "unreadable", "cut off", "out of memory")
IN_THE_CHILD: tuple[Fault, ...] = ("out of memory", "death")


def with_copies(profile: Profile, folder: Path, **models: Path) -> Profile:
    """The profile with these models copied below `folder`, where they may be broken."""
    for name, place in models.items():
        shutil.copytree(place, folder / name)
    return replace(profile, **{name: str(folder / name) for name in models})


class Breaker:
    """A report that breaks a model at the first step of a training; mend() puts it right again."""

    def __init__(self, profile: Profile, model: Model, fault: Fault, report: Report = lambda progress: None) -> None:
        self.heard: list[Progress] = []
        self._folder, self._fault, self._report = Path(getattr(profile, model)), fault, report
        self._whole = self._folder.with_name(f"{model}.whole")

    def __call__(self, progress: Progress) -> None:
        self.heard.append(progress)
        if progress.phase == "learning" and not self._whole.exists():
            self.break_now()
        self._report(progress)

    @property
    def phases(self) -> set[str]:
        return {progress.phase for progress in self.heard}

    def break_now(self) -> None:
        shutil.copytree(self._folder, self._whole)
        weights = next(self._folder.rglob("*.safetensors"))
        match self._fault:
            case "missing":
                shutil.rmtree(self._folder)
            case "unreadable":
                weights.write_bytes(b"<html>Bad gateway</html>" * 99)
            case "cut off":
                weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
            case "out of memory":
                """The pool says so (lack_memory)."""
            case "death":
                """The child meets it (fail_to_load)."""

    def mend(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._whole.rename(self._folder)


def lack_memory(pool: Any, model: Model) -> Callable[[], None]:
    """From now on the pool has no memory for this model, until what is returned is called."""
    import torch  # here: the bot's side of these tests has no use for it

    def fail() -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    return _fail_to_load(pool, model, fail)


def _fail_to_load(pool: Any, model: str, fail: Callable[[], None]) -> Callable[[], None]:
    load = pool._load

    def failing(name: str) -> Any:
        if name == model:
            fail()
        return load(name)

    pool._load = failing
    return lambda: setattr(pool, "_load", load)


def main() -> None:
    from gpu.worker import __main__ as worker

    model: Any = sys.argv.pop(1)
    fault, build = sys.argv.pop(1), worker._studio  # pyright: ignore[reportPrivateUsage]

    def broken(profile: Profile) -> Any:
        studio: Any = build(profile)
        if fault == "death":
            _fail_to_load(studio.pool, model, lambda: os.kill(os.getpid(), signal.SIGKILL))
        else:
            lack_memory(studio.pool, model)
        return studio

    worker._studio = broken  # pyright: ignore[reportPrivateUsage]
    worker.main()


if __name__ == "__main__":
    main()

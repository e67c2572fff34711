"""Is this machine good enough, and are the models there? Each thing is a line; what is wrong has what mends it.

Knows: what the profile takes of Python, driver, card, memory and disk; judges facts, and gathers none. Does not know:
where the facts come from (machine.py, weights.py, hub_access.py), Discord, settings or the database, about which
cogs/ops/doctor.py asks. No torch.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gpu.device import CAPABILITY, DRIVERS
from gpu.machine import Card, Machine
from gpu.memory import GB, Sizes, plan, resident
from gpu.profile import Profile
from gpu.sources import Name, Source, sources
from gpu.weights import FETCH, WITHOUT, Problem, problem

Mark = Literal["✅", "⚠️", "❌"]  # well; it runs, but less well; somebody has to act

PYTHONS = (3, 11), (3, 13)
DRIVER = DRIVERS[13]  # the pinned torch is built with CUDA 13.2: a test holds that against the pins

NO_CARD = "set PROFILE=pocket in .env to try everything out, or ALLOW_CPU=1: a portrait then takes most of an hour"
NEW_DRIVER = (
    f"sudo ubuntu-drivers install nvidia:{DRIVER} (elsewhere nvidia-open, of NVIDIA's own packages); sudo reboot"
)

ROOM = 1e9  # bytes that stay free on the disk
FLOAT32 = 4  # bytes of a number: what a processor computes with, but for the newest
DOWNLOAD: dict[Name, float] = {
    "sdxl": 6.94e9,
    "vae": 0.33e9,
    "few_step": 0.79e9,
    "llama": 16.06e9,
    "dino": 0.35e9,
    "segmenter": 0.43e9,
}
"""Bytes that `make models` fetches for each of profile `sdxl`'s models; others are taken to be as large."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at."""

    name: str
    mark: Mark
    found: str
    cure: str = ""  # a command, or what else to do; never empty where somebody has to act

    def __str__(self) -> str:
        line = f"{self.mark} {self.name:<12} {self.found}"
        return f"{line}\n   → {self.cure}" if self.cure else line


def well(name: str, found: str) -> Check:
    return Check(name=name, mark="✅", found=found)


def poor(name: str, found: str, cure: str) -> Check:
    return Check(name=name, mark="⚠️", found=found, cure=cure)


def bad(name: str, found: str, cure: str) -> Check:
    return Check(name=name, mark="❌", found=found, cure=cure)


def all_well(checks: Iterable[Check]) -> bool:
    """Whether nobody has to act."""
    return not any(check.mark == "❌" for check in checks)


def machine_checks(machine: Machine, profile: Profile, visible: str | None) -> Iterator[Check]:
    """Python, driver and card. `visible` is CUDA_VISIBLE_DEVICES."""
    yield _python(machine.python)
    if not machine.cards:
        yield _no_card(machine, profile)
        return
    yield _driver(machine.driver, profile)
    card = machine.card(visible)
    yield _card(card, profile) if card else _no_such_card(machine, visible)


def _python(version: tuple[int, int]) -> Check:
    least, most = PYTHONS
    told = "Python", "{}.{}".format(*version)
    if least <= version <= most:
        return well(*told)
    known = "from {}.{} to {}.{}".format(*least, *most)
    return bad("Python", f"{told[1]}, and the bot takes one {known}", "install one of them, then make clean doctor")


def _lacking(profile: Profile, name: str, found: str, cure: str) -> Check:
    """What nobody can do without, unless the processor may do the work."""
    if profile.allow_cpu:
        return poor(name, f"{found}: all is computed on the processor", "")
    return bad(name, found, cure)


def _no_card(machine: Machine, profile: Profile) -> Check:
    if machine.driver:
        return _driver(machine.driver, profile)
    if machine.has_nvidia:
        return _lacking(
            profile, "driver", f"there is an NVIDIA card, and no driver answers ({machine.trouble})", NEW_DRIVER
        )
    return _lacking(profile, "card", "no NVIDIA card", NO_CARD)


def _driver(version: str, profile: Profile) -> Check:
    major = version.partition(".")[0]
    if major.isdecimal() and int(major) >= DRIVER:
        return well("driver", version)
    return _lacking(profile, "driver", f"{version} is too old: CUDA 13 takes {DRIVER} or later", NEW_DRIVER)


def _card(card: Card, profile: Profile) -> Check:
    told = "{}, {}, compute capability {}.{}".format(card.name, _size(card.memory), *card.capability)
    if card.capability >= CAPABILITY:
        return well("card", told)
    return _lacking(profile, "card", "{} is too old: torch takes {}.{} or later".format(told, *CAPABILITY), NO_CARD)


def _no_such_card(machine: Machine, visible: str | None) -> Check:
    names = ", ".join(f"{number} {card.name}" for number, card in enumerate(machine.cards))
    cure = f"set CUDA_VISIBLE_DEVICES to one of these, or unset it, in .env and in your shell: {names}"
    return bad("card", f"CUDA_VISIBLE_DEVICES={visible} is no card of this machine", cure)


def memory_check(machine: Machine, profile: Profile, visible: str | None, sizes: Sizes) -> Check:
    """How the models will share the memory there is. `sizes`: of the models that are here, as memory.py reads them.

    A plan is an estimate: one that does not fit is a warning.
    """
    card, here = machine.card(visible), f"{_size(machine.memory)} in this machine"
    card = card if card and card.capability >= CAPABILITY else None
    if not (card or profile.allow_cpu):
        return well("memory", here)
    if card:
        made = plan(profile, sizes, memory=card.memory or machine.memory, host=machine.memory)
    else:
        made = resident(profile, sizes, memory=machine.memory, itemsize=FLOAT32)
    told = f"{here}; {made.describe()}"
    if made.fits:
        return well("memory", told)
    return poor("memory", told, "set REWRITE=template in .env, or take a card or a machine with more memory")


def disk_check(free: float, problems: Iterable[Problem]) -> Check:
    """`free`: bytes, where the hub's models are kept."""
    coming = sum(DOWNLOAD[one.model] for one in problems if one.cure == FETCH)
    told = f"{_size(free)} free, and {_size(coming)} of models to come" if coming else f"{_size(free)} free"
    if free >= coming + ROOM:
        return well("disk", told)
    return bad("disk", told, "make room, or name a folder on a larger disk in HF_HOME in .env")


def examine_models(profile: Profile, hub: Path | None) -> list[Check]:
    """A line for each model, by what lies on this machine. `hub`: the folder of the hub's cache, as in weights.py."""
    return list(model_checks({source: problem(source, hub) for source in sources(profile)}, {}))


def model_checks(found: Mapping[Source, Problem | None], refusals: Mapping[Source, str]) -> Iterator[Check]:
    """A line for each model. `refusals`: why the hub would not let us have some of those that are not there."""
    for source, wrong in found.items():
        yield _broken(source, wrong, refusals.get(source)) if wrong else well(source.name, str(source))


def _broken(source: Source, problem: Problem, refusal: str | None) -> Check:
    found, cure = problem.wrong, problem.cure
    if refusal:
        why, _, cure = refusal.removesuffix(".").rpartition(": ")
        found = f"{found}. {why}"
    if not problem.stops_jobs:
        return poor(source.name, f"{found}; until then {WITHOUT[source.name]}", cure)
    return bad(source.name, found, cure)


def _size(size: float) -> str:
    """Bytes, as people say them."""
    return f"{size / GB:.0f} GB" if size >= 10 * GB else f"{size / GB:.1f} GB"

"""A training's checkpoint: tensors and facts in one file that proves that it is whole, and of what it is.

Knows: the file, its hash, what makes a file unfit. Does not know: what is in it (state.py), when one is written.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open
from torch import Tensor

from gpu.durable import whole
from gpu.studio import tensor_files

VERSION = 1  # of what is in the file: another number, another meaning
KEY = "checkpoint"  # of the entry in the file's metadata
ELSEWHERE = {"machines"}  # of a recipe: a training goes on on another machine, and says so


class Unfit(Exception):
    """Why nothing can go on from this checkpoint, as the end of a sentence that begins with its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a checkpoint holds beside tensors."""

    step: int
    recipe: dict[str, Any]
    rate: float = 1.0  # of the learning rate: less, once the numbers ran away
    skipped: int = 0  # steps in a row, the last ones, whose numbers were no good
    curve: tuple[tuple[int, float, bool], ...] = ()  # what was marked: step, likeness, whether photos were copied


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    version: int
    sha256: str
    facts: Facts


_FACTS = TypeAdapter(Facts)
_HEADER = TypeAdapter(_Header)


def write(path: Path, facts: Facts, tensors: dict[str, Tensor]) -> None:
    """Replace the checkpoint, in a folder of its own: a kill at any moment leaves the old one or the new one.

    Raises OSError, of which FileNotFoundError says that the folder around the checkpoint's own is gone: it must stay
    gone.
    """
    kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    header = _Header(version=VERSION, sha256=_digest(facts, kept), facts=facts)
    path.parent.mkdir(exist_ok=True)
    with whole(path) as fresh:
        tensor_files.save(kept, fresh, {KEY: _HEADER.dump_json(header).decode()})


def read(path: Path, recipe: dict[str, Any]) -> tuple[Facts, dict[str, Tensor]]:
    """The checkpoint of a training by this recipe. Raises FileNotFoundError, and Unfit for any other file."""
    try:
        with safe_open(path, "pt") as file:
            header = _HEADER.validate_json((file.metadata() or {}).get(KEY, ""))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, ValidationError) as error:
        raise Unfit(f"is damaged or of another version: {str(error).partition(chr(10))[0]}") from error
    if header.version != VERSION:
        raise Unfit(f"is of version {header.version}, not {VERSION}")
    if header.sha256 != _digest(header.facts, tensors):
        raise Unfit("was changed after it was written")
    if others := differences(header.facts.recipe, recipe):
        raise Unfit(f"is of another recipe: {', '.join(others)}")
    return header.facts, tensors


def differences(one: dict[str, Any], other: dict[str, Any], within: str = "") -> list[str]:
    """The names of what two recipes say otherwise; for tables in them, "table.name"."""
    found: list[str] = []
    for name in sorted((one.keys() | other.keys()) - ELSEWHERE):
        mine, theirs = one.get(name), other.get(name)
        if isinstance(mine, dict) and isinstance(theirs, dict):
            found += differences(mine, theirs, f"{within}{name}.")
        elif mine != theirs:
            found.append(within + name)
    return found


def _digest(facts: Facts, tensors: dict[str, Tensor]) -> str:
    hashed = hashlib.sha256(_FACTS.dump_json(facts))
    for name, tensor in sorted(tensors.items()):
        hashed.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        hashed.update(tensor.numpy())
    return hashed.hexdigest()

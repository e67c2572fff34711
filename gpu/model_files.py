"""Whether a model's file is whole, and how much is in it.

Knows: JSON, YAML and the headers of safetensors. Does not know: which files a model has (weights.py). No torch; only
headers of weights are read, and each file once, until it changes: tens of gigabytes take milliseconds to look at again.
"""

import json
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

MOST_HEADER = 100_000_000  # bytes, as safetensors itself has it


class Damaged(Exception):
    """What is wrong with the file, as the end of a sentence that begins with its name."""


@dataclass(frozen=True, slots=True)
class Tensors:
    """How many numbers there are in a safetensors file, and how many bytes they take."""

    parameters: int = 0
    size: int = 0

    def __add__(self, other: "Tensors") -> "Tensors":
        return Tensors(self.parameters + other.parameters, self.size + other.size)


class Slice(NamedTuple):
    """Where a tensor's bytes lie in a safetensors file, and what they are."""

    dtype: str  # as the format has it: "F32"
    shape: tuple[int, ...]
    begin: int  # bytes from the beginning of the file
    end: int


def tensors(path: Path) -> dict[str, Tensors]:
    """The tensors of a safetensors file by name. Raises Damaged, also for a file that was cut off, and OSError."""
    return _tensors(path, _version(path))


def slices(path: Path) -> dict[str, Slice]:
    """Where the tensors of a safetensors file lie, by name. Raises Damaged, also for one cut off, and OSError.

    By hand: safe_open would import numpy, which the bot's process has no use for.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(size, MOST_HEADER):
            raise Damaged("is no safetensors file, or was cut off")
        header = _table(file.read(length))
    try:
        found = {name: _slice(one, 8 + length) for name, one in header.items() if name != "__metadata__"}
    except (LookupError, TypeError, ValueError) as error:
        raise Damaged("has a damaged header") from error
    whole = max((one.end for one in found.values()), default=8 + length)
    if size != whole:
        raise Damaged(f"has {size:,} bytes of {whole:,}")
    return found


def values(path: Path) -> dict[str, Any]:
    """What a .json or .yaml file holds, a table of values. Raises Damaged and OSError."""
    return _values(path, _version(path))


def _version(path: Path) -> tuple[int, int, int]:
    """Another one after any change of the file or of its permissions."""
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_ctime_ns


@lru_cache(maxsize=128)
def _tensors(path: Path, version: tuple[int, int, int]) -> dict[str, Tensors]:
    return {name: Tensors(math.prod(one.shape), one.end - one.begin) for name, one in slices(path).items()}


def _slice(said: dict[str, Any], begin: int) -> Slice:
    start, end = said["data_offsets"]
    return Slice(str(said["dtype"]), tuple(int(side) for side in said["shape"]), begin + start, begin + end)


@lru_cache(maxsize=128)
def _values(path: Path, version: tuple[int, int, int]) -> dict[str, Any]:
    if path.suffix == ".json":
        return _table(path.read_bytes())
    import yaml  # here: the bot needs it for nothing else

    try:
        found: object = yaml.safe_load(path.read_bytes())
    except (yaml.YAMLError, ValueError) as error:  # ValueError: no UTF-8, or a date that there is not
        raise Damaged("cannot be read as YAML") from error
    return _as_table(found)


def _table(text: bytes) -> dict[str, Any]:
    try:
        return _as_table(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise Damaged("is cut off or damaged" if text else "is empty") from error


def _as_table(found: object) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise Damaged("does not hold what it should")
    return found  # pyright: ignore[reportUnknownVariableType]

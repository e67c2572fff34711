"""The files of what was learnt about a pet, as other programs read them: their names, their tensors. No torch.

Knows: which tensors each file has, and what kohya's and A1111's formats call them. Does not know: how anything is
learnt or painted (gpu/studio/adapter.py), or how the files travel (adapter_zip.py).

    pytorch_lora_weights.safetensors   the LoRA as diffusers reads it
    pet.kohya.safetensors              the same as ComfyUI and A1111 read it
    embeddings.safetensors             the tokens' rows under clip_l and clip_g
    recipe.json                        what it was learnt from, and with what

Files are copied from one to another tensor by tensor: they are larger than the bot's process should be.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO, NamedTuple

from pydantic import Field, TypeAdapter, ValidationError

from gpu.model_files import Damaged, Slice, slices

LORA_FILE = "pytorch_lora_weights.safetensors"
KOHYA_FILE = "pet.kohya.safetensors"
ROWS_FILE = "embeddings.safetensors"
RECIPE_FILE = "recipe.json"
GIVEN = (LORA_FILE, ROWS_FILE, RECIPE_FILE)  # what an adapter is known by; kohya's file is made of these

LORA_NAME = re.compile(r"unet\.(?P<layer>[a-z0-9_.]+)\.lora_(?P<part>[AB])\.weight")
SIZES = {"I64": 8, "F32": 4, "BF16": 2, "F16": 2}  # bytes of a number, in the order in which the format wants tensors
MOST_HEADER = 1 << 20  # bytes: ten times what the LoRA of every layer of SDXL has
MOST_RANK = 256
CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What painting needs to know of a recipe."""

    base: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    profile: Annotated[str, Field(max_length=40)]
    dtype: Annotated[str, Field(pattern=r"^torch\.b?float(16|32)$")]
    tokens: Annotated[tuple[Annotated[str, Field(pattern=r"^<s\d>$")], ...], Field(min_length=1)]
    class_word: Annotated[str, Field(pattern=r"^[a-z]{1,20}$")]
    steps: Annotated[int, Field(ge=1, le=10**7)]


RECIPE: TypeAdapter[Recipe] = TypeAdapter(Recipe)


class Tensor(NamedTuple):
    """A tensor of a file to be written: taken from another file, or given in bytes."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    content: Path | bytes
    begin: int = 0  # in that file

    @property
    def size(self) -> int:
        return math.prod(self.shape) * SIZES[self.dtype]


def recipe(folder: Path) -> Recipe:
    """What the adapter in this folder says of itself. Raises Damaged and OSError."""
    try:
        return RECIPE.validate_json((folder / RECIPE_FILE).read_bytes())
    except ValidationError as error:
        raise Damaged("is no recipe") from error


def check(folder: Path) -> Recipe:
    """Whether these files are an adapter's, by their headers; what it says of itself.

    Raises Damaged and OSError. Whether it fits the models of this machine, only the process that has them can tell.
    """
    found = recipe(folder)
    rows = _checked(folder / ROWS_FILE)
    if {*rows} != {"clip_l", "clip_g"} or {one.shape[:-1] for one in rows.values()} != {(len(found.tokens),)}:
        raise Damaged("has other tokens than its recipe")
    _checked(folder / LORA_FILE)
    for layer, parts in layers(folder / LORA_FILE).items():
        a, b = parts.get("A"), parts.get("B")
        if a is None or b is None or not (len(a.shape) == len(b.shape) and len(a.shape) in (2, 4)):
            raise Damaged(f"has half a layer: {layer:.80}")
        if a.shape[0] != b.shape[1] or a.shape[0] > MOST_RANK or {*b.shape[2:]} - {1}:
            raise Damaged(f"has a layer of no rank: {layer:.80}")
    return found


def layers(path: Path) -> dict[str, dict[str, Slice]]:
    """The layers that the LoRA of diffusers' file has, each with its parts A and B. Raises Damaged and OSError."""
    found: dict[str, dict[str, Slice]] = {}
    for name, one in slices(path).items():
        layer, part = _layer(name)
        found.setdefault(layer, {})[part] = one
    return found


def write_kohya(folder: Path, target: Path) -> None:
    """Make kohya's file of diffusers', as diffusers does: alpha is the rank."""
    _write(target, _kohya(folder / LORA_FILE))


def write_bundle(folder: Path, name: str, target: Path) -> None:
    """LoRA and embeddings in one file, as A1111 reads it since its pull request 13568: `bundle_emb.<name>.<key>`."""
    rows = (one._replace(name=f"bundle_emb.{name}.{one.name}") for one in tensors(folder / ROWS_FILE))
    _write(target, [*_kohya(folder / LORA_FILE), *rows])


def tensors(path: Path) -> Iterator[Tensor]:
    """The tensors of a file, to be written into another one. Raises Damaged and OSError."""
    return (Tensor(name, one.dtype, one.shape, path, one.begin) for name, one in slices(path).items())


def kohya_name(layer: str, part: str) -> str:
    """What kohya's sd-scripts call a part of a layer of the UNet (networks/lora.py: LORA_PREFIX_UNET)."""
    return f"lora_unet_{layer.replace('.', '_')}.{part}"


def _kohya(lora: Path) -> Iterator[Tensor]:
    for one in tensors(lora):
        layer, part = _layer(one.name)
        if part == "A":
            yield Tensor(kohya_name(layer, "alpha"), "I64", (), one.shape[0].to_bytes(8, "little"))
        yield one._replace(name=kohya_name(layer, "lora_down.weight" if part == "A" else "lora_up.weight"))


def _layer(name: str) -> tuple[str, str]:
    """The layer and the part of it, A or B, that a tensor of diffusers' file is. Raises Damaged."""
    match = LORA_NAME.fullmatch(name)
    if not match:
        raise Damaged(f"has a tensor that is no LoRA's: {name:.80}")
    return match["layer"], match["part"]


def _checked(path: Path) -> dict[str, Slice]:
    """The tensors of a file that came from elsewhere: one after another, without gaps. Raises Damaged and OSError."""
    with path.open("rb") as file:
        header = int.from_bytes(file.read(8), "little")
    if header > MOST_HEADER:
        raise Damaged("has too long a header")
    found, at = slices(path), 8 + header
    for one in sorted(found.values(), key=lambda one: one.begin):
        if one.dtype not in SIZES or one.begin != at or min(one.shape, default=0) < 1:
            raise Damaged("has a damaged header")
        at += math.prod(one.shape) * SIZES[one.dtype]
        if one.end != at:
            raise Damaged("has a damaged header")
    return found


def _write(target: Path, content: Iterable[Tensor]) -> None:
    """A safetensors file, as the library writes it: the widest numbers first, then by name."""
    ordered = sorted(content, key=lambda one: ([*SIZES].index(one.dtype), one.name))
    header, at = {}, 0
    for one in ordered:
        header[one.name] = {"dtype": one.dtype, "shape": one.shape, "data_offsets": (at, at + one.size)}
        at += one.size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with target.open("wb") as out:
        out.write(len(text).to_bytes(8, "little") + text)
        for one in ordered:
            _copy(one, out)


def _copy(one: Tensor, out: BinaryIO) -> None:
    if isinstance(one.content, bytes):
        out.write(one.content)
        return
    with one.content.open("rb") as file:
        file.seek(one.begin)
        left = one.size
        while left and (chunk := file.read(min(left, CHUNK))):
            out.write(chunk)
            left -= len(chunk)

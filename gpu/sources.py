"""Which models a profile needs, and which of their files.

Knows: the layouts of diffusers' and transformers' folders, and of a segmenter's. Does not know: where files are on this
machine (weights.py), the network (fetch.py), torch. Names of files are told as the hub lists them: "unet/config.json".
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gpu.profile import SDXL, Profile

SINGLE = ".safetensors"  # what the name of a whole SDXL in one file ends with
HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
SMALL = (".json", ".txt", ".jinja")  # files of a tokenizer

Name = Literal["sdxl", "vae", "few_step", "llama", "dino", "segmenter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A folder within a model's, and the files in it."""

    folder: str = ""
    files: tuple[str, ...] = ("config.json",)
    weights: str = ""  # what the names of its weights begin with; "": it has none
    tokenizer: bool = False

    def path(self, name: str) -> str:
        return f"{self.folder}/{name}" if self.folder else name


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One model, as the profile names it, and what is needed of it."""

    name: Name
    model: str  # a folder, a model of the hub, or a file that ends with SINGLE
    revision: str | None = None
    variant: str | None = None  # of weights, where there is one
    parts: tuple[Part, ...] = ()  # none: a file

    @property
    def setting(self) -> str:
        """The operator's name for it."""
        return "SEGMENTER" if self.name == "segmenter" else f"{self.name.upper()}_MODEL"

    @property
    def is_of_the_hub(self) -> bool:
        """Whether its place is the hub's cache. A folder of that name goes before, as everywhere."""
        local = self.name == "segmenter" or not self.parts or Path(self.model).is_dir()
        return not local and HUB_ID.fullmatch(self.model) is not None

    @property
    def is_configuration(self) -> bool:
        """Whether its weights lie elsewhere, in one file."""
        return bool(self.parts) and not any(part.weights or SINGLE in part.files[0] for part in self.parts)

    def __str__(self) -> str:
        return f"{self.model}@{self.revision[:12]}" if self.revision and self.is_of_the_hub else self.model


def sources(profile: Profile) -> tuple[Source, ...]:
    """Every model that the profile needs, in the order in which a first dog needs them."""
    return tuple(_sources(profile))


def _sources(profile: Profile) -> Iterator[Source]:
    segmenter = Part(files=("model.yaml",), weights="model")
    yield Source(name="segmenter", model=profile.segmenter, parts=(segmenter,))
    yield from _sdxl(profile)
    if profile.vae:
        parts = (Part(weights="diffusion_pytorch_model"),)
        yield Source(name="vae", model=profile.vae, revision=profile.vae_revision, parts=parts)
    if profile.rewrite == "llama":
        parts = (Part(weights="model", tokenizer=True),)
        yield Source(name="llama", model=profile.llama, revision=profile.llama_revision, parts=parts)
    if profile.few_step:
        parts = (Part(files=(f"{profile.few_step_file}.safetensors",)),)
        yield Source(name="few_step", model=profile.few_step, revision=profile.few_step_revision, parts=parts)
    parts = (Part(weights="model"),)
    yield Source(name="dino", model=profile.dino, revision=profile.dino_revision, parts=parts)


def _sdxl(profile: Profile) -> Iterator[Source]:
    if profile.sdxl.endswith(SINGLE):
        yield Source(name="sdxl", model=profile.sdxl)
        yield configuration(profile)
    else:
        model, revision, variant = profile.sdxl, profile.sdxl_revision, profile.sdxl_variant
        parts = _sdxl_parts(profile, weights=True)
        yield Source(name="sdxl", model=model, revision=revision, variant=variant, parts=parts)


def configuration(profile: Profile) -> Source:
    """Where an SDXL in one file has its configuration and tokenizers from: the original's, a few megabytes."""
    parts = _sdxl_parts(profile, weights=False)
    return Source(name="sdxl", model=SDXL.sdxl, revision=SDXL.sdxl_revision, parts=parts)


_INDEX = Part(files=("model_index.json",))
_SCHEDULER = Part(folder="scheduler", files=("scheduler_config.json",))


def _sdxl_parts(profile: Profile, *, weights: bool) -> tuple[Part, ...]:
    clip, diffusion = ("model", "diffusion_pytorch_model") if weights else ("", "")
    own_vae = () if profile.vae else (Part(folder="vae", weights=diffusion),)
    return (
        _INDEX,
        _SCHEDULER,
        Part(folder="tokenizer", files=("tokenizer_config.json",), tokenizer=True),
        Part(folder="tokenizer_2", files=("tokenizer_config.json",), tokenizer=True),
        Part(folder="text_encoder", weights=clip),
        Part(folder="text_encoder_2", weights=clip),
        Part(folder="unet", weights=diffusion),
        *own_vae,
    )


def needed(source: Source, names: Collection[str]) -> list[str]:
    """The files among these that are needed, whether or not others are missing."""
    return [name for part in source.parts for name in (*_small(part, names), *weights(part, source.variant, names))]


def missing(source: Source, names: Collection[str]) -> list[str]:
    """The files that have to be there, and are not among these."""
    return [name for part in source.parts for name in _missing(part, source.variant, names)]


def _small(part: Part, names: Collection[str]) -> list[str]:
    if part.tokenizer:
        found = (name for name in names if name.endswith(SMALL) and name == part.path(name.rpartition("/")[2]))
        return sorted(name for name in found if ".safetensors.index" not in name)
    return [part.path(file) for file in part.files if part.path(file) in names]


def _missing(part: Part, variant: str | None, names: Collection[str]) -> Iterator[str]:
    yield from (part.path(file) for file in part.files if part.path(file) not in names)
    if part.tokenizer and part.path("tokenizer.json") not in names:  # or the two that CLIP's first tokenizer had
        old = [part.path("vocab.json"), part.path("merges.txt")]
        gone = [name for name in old if name not in names]
        yield from gone if len(gone) < len(old) else [part.path("tokenizer.json")]
    if part.weights and not weights(part, variant, names):
        yield part.path(f"{part.weights}.safetensors")


def weights(part: Part, variant: str | None, names: Collection[str]) -> list[str]:
    """The part's files of weights among these, an index first. Without those of the variant the plain ones do."""
    for kind in (f".{variant}", "") if part.weights and variant else ("",) if part.weights else ():
        whole = part.path(f"{part.weights}{kind}.safetensors")
        index = part.path(f"{part.weights}.safetensors.index{kind}.json")
        if whole in names:
            return [whole]
        if index in names:
            shard = re.compile(re.escape(part.path(part.weights + kind)) + r"-\d{5}-of-\d{5}\.safetensors")
            return [index, *sorted(name for name in names if shard.fullmatch(name))]
    return []

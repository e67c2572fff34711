"""Where a profile's models are on this machine, and whether each is there and whole: asked before anything dear begins.

Knows: folders, the hub's cache, what an index names. Does not know: which files a model has (sources.py), what is in a
file (model_files.py), the network (fetch.py), torch. Nothing here fetches anything.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpu.model_files import Damaged, Tensors, tensors, values
from gpu.profile import Profile
from gpu.sources import SINGLE, Name, Source, missing, needed, sources, weights

FETCH = "make models"  # the command that mends what the hub has

WITHOUT: dict[Name, str] = {
    "llama": "the template writes the prompts",
    "few_step": "drafts are painted in as many plain steps",
}
"""Models that can be done without, and how."""

SINGLE_PARTS = {
    "model.diffusion_model.": "unet",
    "conditioner.embedders.0.": "text_encoder",
    "conditioner.embedders.1.": "text_encoder_2",
    "first_stage_model.": "vae",
}
"""How the names of tensors begin in an SDXL in one file, and the part of a pipeline that each belongs to."""

SEGMENTER_KEYS = ("nc", "names", "backbone", "head")
Fault = tuple[Path, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why a model cannot be used."""

    model: Name
    wrong: str
    cure: str  # a command, or what else to do
    file: Path | None = None  # the one that is wrong, if the model is there at all

    @property
    def stops_jobs(self) -> bool:
        """Whether nothing can be learnt or painted until it is mended."""
        return self.model not in WITHOUT

    def __str__(self) -> str:
        return f"{self.model}: {self.wrong}: {self.cure}"


def problems(profile: Profile, hub: Path | None = None) -> tuple[Problem, ...]:
    """What is not there or not whole, one for each model; () if everything is well.

    `hub` is the folder of the hub's cache; None: where this process' environment says.
    """
    return tuple(one for source in sources(profile) if (one := problem(source, hub)))


def problem(source: Source, hub: Path | None = None) -> Problem | None:
    """What is wrong with this model first of all."""
    place = Path(source.model)
    try:
        found = find(source, hub)
        if not found:
            return _absent(source)
        place = found
        for file, wrong in _faults(source, found):
            return Problem(model=source.name, wrong=f"{file} {wrong}", cure=_cure(source), file=file)
    except OSError as error:  # it is there, and may not be read
        place = Path(error.filename or place)
        cure = f"sudo chmod -R a+rX {place}" if isinstance(error, PermissionError) else "look after that disk"
        return Problem(model=source.name, wrong=f"{place} cannot be read: {error.strerror}", cure=cure, file=place)
    return None


def find(source: Source, hub: Path | None = None) -> Path | None:
    """The model's folder or file on this machine; it may lack files. None: there is none. Raises OSError."""
    if not source.is_of_the_hub:
        path = Path(source.model)
        return path if (path.is_dir() if source.parts else path.is_file()) else None
    from huggingface_hub import try_to_load_from_cache  # here: who has all models in folders need not wait for it

    first = source.parts[0].files[0]
    found = try_to_load_from_cache(source.model, first, cache_dir=hub, revision=source.revision)
    return Path(found).parent if isinstance(found, str) else None


def sizes(profile: Profile, hub: Path | None = None) -> dict[str, Tensors]:
    """What there is of unet, text_encoder, text_encoder_2, vae, llama, dino and segmenter.

    Raises Damaged and OSError: ask problems() first.
    """
    found: dict[str, Tensors] = {}
    for source in sources(profile):
        if place := find(source, hub):
            found |= _sizes(source, place) if source.parts else _single_sizes(place)
    return found


def _sizes(source: Source, place: Path) -> dict[str, Tensors]:
    names, found = _names(source, place), dict[str, Tensors]()
    for part in source.parts:
        files = [name for name in weights(part, source.variant, names) if name.endswith(".safetensors")]
        if files:
            each = (one for name in files for one in tensors(place / name).values())
            found[part.folder if source.name == "sdxl" else source.name] = sum(each, Tensors())
    return found


def _single_sizes(file: Path) -> dict[str, Tensors]:
    found: dict[str, Tensors] = {}
    for name, one in tensors(file).items():
        for prefix, part in SINGLE_PARTS.items():
            if name.startswith(prefix):
                found[part] = found.get(part, Tensors()) + one
    return found


def _names(source: Source, place: Path) -> set[str]:
    """The files of the model's folders, as the hub would list them. Raises PermissionError."""
    found: set[str] = set()
    for part in source.parts:
        with suppress(FileNotFoundError, NotADirectoryError):
            found |= {part.path(file.name) for file in (place / part.folder).iterdir() if file.is_file()}
    return found


def _faults(source: Source, place: Path) -> Iterator[Fault]:
    """Every file that is not as it should be, and why. Raises OSError."""
    if not source.parts:
        yield from _single_faults(place)
        return
    names = _names(source, place)
    yield from ((place / name, "is missing") for name in missing(source, names))
    for name in needed(source, names):
        file = place / name
        try:
            if file.suffix == ".safetensors":
                tensors(file)
            elif file.suffix in (".json", ".yaml"):
                yield from _named_faults(file, values(file))
            else:
                file.open("rb").close()
        except Damaged as error:
            yield file, str(error)


def _single_faults(file: Path) -> Iterator[Fault]:
    try:
        lacking = SINGLE_PARTS.values() - _single_sizes(file).keys()
    except Damaged as error:
        yield file, str(error)
    else:
        if lacking:
            yield file, f"is no whole SDXL: no {' and no '.join(sorted(lacking))} in it"


def _named_faults(file: Path, found: dict[str, Any]) -> Iterator[Fault]:
    """What this file names that is not so. Raises Damaged and OSError."""
    if file.suffix == ".yaml":
        if lacking := [key for key in SEGMENTER_KEYS if not found.get(key)]:
            raise Damaged(f"does not say {' and '.join(lacking)}")
        names: Any = found["names"]
        if not isinstance(names, dict | list) or len(names) != found["nc"]:  # pyright: ignore[reportUnknownArgumentType]
            raise Damaged("has not as many names as classes (nc)")
    elif ".safetensors.index" in file.name:
        if not isinstance(found.get("weight_map"), dict):
            raise Damaged("does not say weight_map")
        for shard in sorted({str(name) for name in found["weight_map"].values()}):
            yield from _shard_faults(file.with_name(shard), {k for k, v in found["weight_map"].items() if v == shard})


def _shard_faults(shard: Path, names: set[str]) -> Iterator[Fault]:
    """A shard that is missing, or from another model than its index. One that is damaged is found anyway."""
    try:
        if lacking := names - tensors(shard).keys():
            yield shard, f"lacks {len(lacking)} tensors that its index names"
    except FileNotFoundError:
        yield shard, "is missing"
    except Damaged as error:
        yield shard, str(error)


def _absent(source: Source) -> Problem:
    which = f"{source}, whose configuration it has," if source.is_configuration else str(source)
    wrong = f"{which} is not on this machine"
    if source.is_of_the_hub or source.name == "segmenter":
        return Problem(model=source.name, wrong=wrong, cure=FETCH)
    is_file = Path(source.model).is_file()
    wrong = f"{source.model} is no folder and no {SINGLE}" if is_file else f"there is no {source.model}"
    return Problem(model=source.name, wrong=wrong, cure=f"correct {source.setting} in .env")


def _cure(source: Source) -> str:
    if source.is_of_the_hub or source.name == "segmenter":
        return FETCH
    return f"put it there whole, or name another in {source.setting} in .env"

"""The memory plan: which models stay on the card, which take turns on it, and how exact Llama's weights are. No torch.

Knows: what models and their work take, by published measurements. Does not know: any device; gpu/studio/models.py obeys
the plan. No card has proved these estimates yet: a plan that does not fit is a warning, no refusal.

Sources: [ST] SimpleTuner's SEGMENTED_CHECKPOINTING.md (2026), SDXL at 1024 px, UNet and one sample: 13.03 GiB, 6.53 GiB
with gradient checkpointing, 5.14 GB of each the UNet's weights. [SDXL] peaks of painting at 1024 px that users of
diffusers publish: 8.8 to 9.8 GB, 6.94 of them weights; the more, the more exact the VAE. [HF] the data set
derekl35/quantization-benchmarks, Llama 3.1 8B in transformers, eager: 16.8 GB in bfloat16, 6.5 GB with torchao's int4
weights, both times 0.7 GB above the weights. [ao] torchao's README: perplexity 7.35 with int8 weights for 7.33 without.
With int4 it is 8.32 for 7.44, and such weights cannot be moved between card and host (pytorch/ao#1117), so there is no
int4 here. [count] tests/gpu/studio/test_full_size.py: the tensors of a step at full size, on the meta device.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gpu import weights
from gpu.model_files import Damaged
from gpu.profile import SDXL, Profile

Name = Literal["sdxl", "llama", "dino", "yolo"]
CALLED: dict[Name, str] = {
    "sdxl": "SDXL", "llama": "Llama", "dino": "DINOv2", "yolo": "YOLO",
}  # fmt: skip
Turns = tuple[tuple[Name, ...], ...]
Rewriter = Literal["full", "int8"]

GB = 1e9  # bytes
USABLE = 0.94  # of the card: its allocator loses a few percent between blocks of different sizes
CONTEXT = 0.7e9  # bytes that CUDA, cuBLAS and cuDNN take for themselves
HOST_LEFT = 4e9  # bytes of host memory for the system, the bot and this process's libraries
PAINTING = 2.2e9  # bytes beside the weights to paint and decode one picture of 1024 px, in 16 bits [SDXL]
KEPT = 5.64e9  # bytes that a LoRA's step keeps for its backward pass, for one sample of 1024 px [count]
BRIEF = 1.5e9  # ... and has beside it for a moment: gradients, a layer's results, cuDNN's own; [ST] leaves 1.1
TRAINING = KEPT + BRIEF
CHECKPOINTED = 1.9e9  # ... with gradient checkpointing [ST]
LORA = 23e6  # bytes of weights, gradients and AdamW's moments for each rank: 1.45 million numbers of 16 bytes
WRITING = 0.7e9  # bytes beside Llama's weights [HF]
WIDE = 0.14  # the share of Llama that int8 weights leave in 16 bits: its embeddings and its head; and the scales


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How many parameters each model has; 0 where there is none."""

    unet: int  # SDXL base's
    encoders: int  # SDXL's two text encoders and its VAE
    llama: int
    dino: int
    yolo: int


REAL = Sizes(
    unet=2_567_463_684,
    encoders=901_374_183,
    llama=8_030_261_248,
    dino=86_580_480,
    yolo=71_888_378,
)
"""Of profile `sdxl`'s own models: what is planned with while their files are not there."""


def sizes_here(profile: Profile, hub: Path | None = None) -> Sizes:
    """By the headers of the files on this machine, REAL's for a model without any. `hub`: as in gpu/weights.py."""
    try:
        found = {name: tensors.parameters for name, tensors in weights.sizes(profile, hub).items()}
    except (Damaged, OSError):  # what is wrong is told when that model is loaded
        found = {}
    encoders = sum(found.get(part, 0) for part in ("text_encoder", "text_encoder_2", "vae"))
    return Sizes(
        unet=found.get("unet", REAL.unet),
        encoders=encoders or REAL.encoders,
        llama=found.get("llama", REAL.llama),
        dino=found.get("dino", REAL.dino),
        yolo=found.get("segmenter", REAL.yolo),
    )


REWRITERS: dict[str, tuple[Rewriter | None, ...]] = {"llama": ("full", "int8", None), "template": (None,)}
ALL: Turns = (("sdxl", "llama", "dino", "yolo"),)
LLAMA_APART: Turns = (("sdxl", "dino", "yolo"), ("llama", "yolo"))
EACH: Turns = (("sdxl", "yolo"), ("llama", "yolo"), ("dino", "yolo"))


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPlan:
    """How a card is shared. Models of one group lie on it together; groups take turns, and wait in host memory."""

    memory: int  # bytes of the card
    peak: int  # most bytes of it in use at any time, by estimate
    weights: int  # of them, most bytes of models that lie there together
    host: int  # bytes of host memory for the models that take turns
    turns: Turns
    llama: Rewriter | None  # None: the template speaks
    checkpointing: bool  # in training: far less memory, at half the speed
    fits: bool

    def beside(self, name: Name) -> frozenset[Name]:
        """The models that may lie on the card while this one is used; itself too."""
        return frozenset(other for group in self.turns if name in group for other in group)

    def describe(self) -> str:
        """The plan in one line for the log."""
        told = [f"{self.where()}, {self.writes()}, gradient checkpointing {'on' if self.checkpointing else 'off'}"]
        told.append(f"about {self.peak / GB:.1f} of {self.memory / GB:.1f} GB in use at most")
        if self.host:
            told.append(f"{self.host / GB:.0f} GB of host memory for what waits")
        if not self.fits:
            told.append("which is more than there is: jobs may fail for lack of memory")
        return "; ".join(told)

    def where(self) -> str:
        """What stays and what takes turns, in words."""
        if len(self.turns) == 1:
            return "all models stay"
        always = set(self.turns[0]).intersection(*self.turns)
        groups = [" + ".join(CALLED[name] for name in group if name not in always) for group in self.turns]
        return f"{', '.join(groups[:-1])} and {groups[-1]} take turns"

    def writes(self) -> str:
        """Who writes prompts, in words."""
        match self.llama:
            case "full":
                return "Llama unquantised"
            case "int8":
                return "Llama with int8 weights"
            case None:
                return "the template, no Llama"

    def row(self) -> str:
        """The plan as a row of TABLE."""
        does = self.where() if self.fits else f"too small; tried all the same: {self.where()}"
        checkpointing = "on" if self.checkpointing else "off"
        host = f"{self.host / GB:.0f} GB" if self.host else "–"
        peak = f"{self.peak / GB:.1f} GB"
        return f"| {self.memory / GB:.0f} GB | {does} | {self.writes()} | {checkpointing} | {peak} | {host} |"


TABLE = """\
| card | models | wishes | gradient checkpointing | in use at most | host memory for what waits |
|---|---|---|---|---|---|"""


def plan(profile: Profile, sizes: Sizes, *, memory: int, host: int, itemsize: int = 2) -> MemoryPlan:
    """For a card of so many bytes in a machine of so many: the first candidate that fits both.

    If none does, the one that takes the least. `itemsize`: bytes of a number in the precision of SDXL and Llama.
    """
    made = list(candidates(profile, sizes, memory=memory, host=host, itemsize=itemsize))
    return next((one for one in made if one.fits), min(made, key=lambda one: one.peak))


def candidates(profile: Profile, sizes: Sizes, *, memory: int, host: int, itemsize: int = 2) -> Iterator[MemoryPlan]:
    """From best to smallest. Llama's full precision is worth some seconds for turns, and so is a training's speed."""
    for llama in REWRITERS[profile.rewrite]:
        need = _Need(profile, sizes, itemsize, llama)
        for checkpointing in (False, True):
            for turns in (ALL, LLAMA_APART, EACH):
                yield need.plan(need.present(turns), checkpointing, memory, host)


def resident(profile: Profile, sizes: Sizes, *, memory: int, itemsize: int) -> MemoryPlan:
    """For a machine without a card, whose models lie in host memory: turns would save nothing."""
    need = _Need(profile, sizes, itemsize, REWRITERS[profile.rewrite][0])
    return need.plan(need.present(ALL), False, memory, host=0)


def table(profile: Profile = SDXL, sizes: Sizes = REAL, host: int = 64 * 10**9) -> str:
    """What is planned for cards of the usual sizes, for the README. A card reports its size in GB or a little more."""
    cards = (80, 48, 24, 16, 12, 8)
    return "\n".join([TABLE, *(plan(profile, sizes, memory=card * 10**9, host=host).row() for card in cards)])


class _Need:
    """What each model takes, and what its work takes beside it, in bytes."""

    def __init__(self, profile: Profile, sizes: Sizes, itemsize: int, llama: Rewriter | None) -> None:
        self._profile = profile
        self._llama: Rewriter | None = llama
        self._scale = itemsize / 2  # of activations: the sources measured in 16 bits
        wide = round(sizes.llama * WIDE)
        self.weights: dict[Name, int] = {
            "sdxl": (sizes.unet + sizes.encoders) * itemsize,
            "llama": {"full": sizes.llama * itemsize, "int8": sizes.llama - wide + wide * itemsize, None: 0}[llama],
            "dino": sizes.dino * 4,  # these two are read in 32 bits
            "yolo": sizes.yolo * 4,
        }

    def present(self, turns: Turns) -> Turns:
        """The turns without the models that there are not."""
        groups: list[tuple[Name, ...]] = [tuple(name for name in group if self.weights[name]) for group in turns]
        return tuple(group for group in groups if not any(set(group) < set(other) for other in groups))

    def plan(self, turns: Turns, checkpointing: bool, memory: int, host: int) -> MemoryPlan:
        peak = round(CONTEXT + self._lora + max(self._together(group, checkpointing) for group in turns))
        waiting = sum(size for name, size in self.weights.items() if len(turns) > 1 and name != "yolo")
        fits = peak <= memory * USABLE and waiting <= max(0, host - HOST_LEFT)
        return MemoryPlan(
            memory=memory,
            peak=peak,
            weights=max(map(self._weights, turns)),
            host=waiting,
            turns=turns,
            llama=self._llama,
            checkpointing=checkpointing,
            fits=fits,
        )

    def _together(self, group: tuple[Name, ...], checkpointing: bool) -> float:
        """A group's weights, and the most that the work of any of its models takes."""
        painting = self._profile.painting
        largest = max(width * height for width, height in painting.shapes.values())
        paints = PAINTING * self._scale * painting.batch * largest / 1024**2
        work: dict[Name, float] = {
            "sdxl": max(paints, self._training(checkpointing)),
            "llama": WRITING * self._scale,
        }
        return self._weights(group) + max(work.get(name, 0) for name in group)

    def _weights(self, group: tuple[Name, ...]) -> int:
        return sum(self.weights[name] for name in group)

    def _training(self, checkpointing: bool) -> float:
        learning = self._profile.learning
        each = CHECKPOINTED if checkpointing else TRAINING
        return each * self._scale * learning.train_batch * _area(learning.size_px)

    @property
    def _lora(self) -> float:
        """A paused training stays warm whatever lies on the card."""
        return LORA * self._profile.learning.lora_rank


def _area(size_px: int) -> float:
    """Of a picture, in pictures of 1024 px."""
    return (size_px / 1024) ** 2

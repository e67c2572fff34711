"""Models at full size with random weights, made where they are used: on the card.

Knows: architectures (configs/ holds the published figures), and how the product's pool gets models that no file holds.
Does not know: what is measured. Random weights paint noise, at the speed and in the memory of a picture.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLPipeline
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from gpu.errors import OutOfMemory
from gpu.memory import CALLED, Name
from gpu.profile import PROFILES, SDXL, Profile
from gpu.studio.models import Llama, ModelPool

CONFIGS = Path(__file__).with_name("configs")
POCKET = PROFILES["pocket"]
FEW_STEP, FEW_STEP_RANK = "few_step", 64  # the rank of Hyper-SD's LoRAs


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How large the models are, and how often a thing is done."""

    name: str
    profile: Profile
    sdxl: Path  # a folder for each part of SDXL, with its config
    llama: Path  # a folder with Llama's config
    words: Path  # a folder with SDXL's two tokenizers: filled up to the size of the encoders' tables
    rounds: int  # of a block of steps, of portraits, of answers
    block: int  # training steps that are timed together
    pauses: int
    switches: int
    stops: tuple[int, ...]  # steps of a training of three steps in either phase, after which it is stopped
    tokens: int  # of an answer


FULL = Scale(
    name="full",
    profile=replace(
        SDXL, name="card", vae=None, sdxl_variant=None, dino=POCKET.dino, dino_px=POCKET.dino_px,
        segmenter=POCKET.segmenter, segmenting=POCKET.segmenting,
    ),
    sdxl=CONFIGS,
    llama=CONFIGS / "llama",
    words=Path(POCKET.sdxl),
    rounds=5,
    block=4,
    pauses=12,
    switches=20,
    stops=(2, 3, 5),
    tokens=150,
)  # fmt: skip

SMALL = Scale(
    name="pocket",
    profile=replace(POCKET, name="card", painting=replace(POCKET.painting, guide_to_pet=False)),
    sdxl=Path(POCKET.sdxl),
    llama=Path(POCKET.llama),
    words=Path(POCKET.sdxl),
    rounds=3,
    block=2,
    pauses=5,
    switches=10,
    stops=(2, 3, 5),
    tokens=40,
)


class RandomPool(ModelPool):
    """The product's pool, whose SDXL and Llama are made instead of read. The few-step LoRA is written into `folder`."""

    base = "0" * 64  # the hash of files that there are not

    def __init__(self, scale: Scale, folder: Path) -> None:
        write_few_step(scale, folder)
        super().__init__(replace(scale.profile, few_step=str(folder), few_step_file=FEW_STEP))
        self.scale = scale

    def forget(self) -> None:
        """Drop what was made; evict() would take as much host memory. It is made anew when it is used."""
        for kept in (self._models, self._modules, self._on_device):
            kept.clear()
        self.lora.cache_clear()

    def _load(self, name: Name) -> object:
        self.evict(*(CALLED.keys() - self.plan.beside(name)))  # before, as it is made on the card
        return super()._load(name)

    def _sdxl(self) -> StableDiffusionXLPipeline:
        return self._prepared(make_sdxl(self.scale, self.device, self.dtype))

    def _llama(self) -> Llama:
        if self.plan.llama != "full":
            raise OutOfMemory(f"{self.plan.writes()}, says the plan for this card; only an unquantised one is made")
        model, tokenizer = make_llama(self.scale, self.device, self.dtype)
        return Llama(self._place("llama", model), tokenizer, self.device)


@contextmanager
def _making(device: torch.device, dtype: torch.dtype) -> Iterator[None]:
    """Inside, modules are made there and in this precision: full size in 32 bits would not fit."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with device:
            yield
    finally:
        torch.set_default_dtype(before)


def make_sdxl(scale: Scale, device: torch.device, dtype: torch.dtype) -> StableDiffusionXLPipeline:
    towers = [CLIPTextConfig.from_pretrained(scale.sdxl / name, dtype=dtype) for name in TOWERS]
    with _making(device, dtype):
        models = {
            "unet": UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(scale.sdxl / "unet")),
            "vae": AutoencoderKL.from_config(AutoencoderKL.load_config(scale.sdxl / "vae")),
            "text_encoder": CLIPTextModel(towers[0]),
            "text_encoder_2": CLIPTextModelWithProjection(towers[1]),
        }
    words = [_tokenizer(scale.words / name, tower.vocab_size) for name, tower in zip(WORDS, towers, strict=True)]
    scheduler = EulerDiscreteScheduler.from_pretrained(scale.sdxl / "scheduler")
    return StableDiffusionXLPipeline(
        **models, tokenizer=words[0], tokenizer_2=words[1], scheduler=scheduler, add_watermarker=False
    )


TOWERS, WORDS = ("text_encoder", "text_encoder_2"), ("tokenizer", "tokenizer_2")


def _tokenizer(folder: Path, size: int) -> CLIPTokenizer:
    """The tokenizer in the folder, with words that nobody says up to `size`."""
    known = CLIPTokenizer.from_pretrained(folder)
    model = json.loads(known.backend_tokenizer.to_str())["model"]
    vocabulary: dict[str, int] = model["vocab"]
    numbers = count()
    while len(vocabulary) < size:
        vocabulary[f"<|unused {next(numbers)}|>"] = len(vocabulary)
    merges = [tuple(pair) for pair in model["merges"]]
    return CLIPTokenizer(vocab=vocabulary, merges=merges, pad_token=known.pad_token, model_max_length=77)


def make_llama(
    scale: Scale, device: torch.device, dtype: torch.dtype
) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    """With the pocket's tokenizer: what is measured is forced tokens."""
    config = LlamaConfig.from_pretrained(scale.llama, dtype=dtype)
    with _making(device, dtype):
        model = LlamaForCausalLM(config)
    return model, PreTrainedTokenizerFast.from_pretrained(POCKET.llama)


def write_few_step(scale: Scale, folder: Path) -> None:
    """A LoRA on all linear layers of the UNet's transformers, as diffusers writes one."""
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(scale.sdxl / "unet"))
    lora = dict[str, Tensor]()
    for name, layer in unet.named_modules():
        if isinstance(layer, nn.Linear) and "attentions" in name:
            lora[f"unet.{name}.lora_A.weight"] = _small(FEW_STEP_RANK, layer.in_features)
            lora[f"unet.{name}.lora_B.weight"] = _small(layer.out_features, FEW_STEP_RANK)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(lora, folder / f"{FEW_STEP}.safetensors")


def _small(*shape: int) -> Tensor:
    return 0.01 * torch.randn(shape, dtype=torch.bfloat16)

"""Loads the models, and alone decides what lies in device memory.

Knows: where files come from, in which precision and on which device, what leaves a small card for what.
Does not know: what the models are used for.
"""

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, overload

import torch
from accelerate import cpu_offload_with_hook
from accelerate.hooks import UserCpuOffloadHook
from diffusers import AutoencoderKL, StableDiffusionXLImg2ImgPipeline, StableDiffusionXLPipeline
from safetensors import SafetensorError
from torch import nn
from transformers import Dinov2Model, LlamaForCausalLM, PreTrainedTokenizerFast
from ultralytics import YOLO

from gpu.errors import ModelsMissing, OutOfMemory
from gpu.profile import Profile
from gpu.studio import segment, tokens
from gpu.studio.device import best_device, probe, prove, reproducible
from gpu.studio.hub import configuration_files, files, variant

HOLDS_ALL = 44e9  # bytes of a card's memory from which all models stay on it (about 38 GB with Llama-3-8B in bf16)

Name = Literal["sdxl", "refiner", "llama", "dino", "yolo"]


@dataclass(frozen=True, slots=True)
class Llama:
    model: LlamaForCausalLM
    tokenizer: PreTrainedTokenizerFast
    device: torch.device


class ModelPool:
    """Models by name, each loaded when first used. Used from one thread."""

    def __init__(self, profile: Profile) -> None:
        reproducible()
        self.profile = profile
        self.device = best_device()
        prove(self.device)
        self.dtype = probe(self.device) if profile.dtype == "auto" else getattr(torch, profile.dtype)
        # Whether Llama and the other models take turns on the card, and wait in host memory.
        self.offloads = self.device.type == "cuda" and torch.cuda.get_device_properties(0).total_memory < HOLDS_ALL
        self._models: dict[Name, Any] = {}
        self._hooks: dict[Name, list[UserCpuOffloadHook]] = {}

    @overload
    def use(self, name: Literal["sdxl"]) -> AbstractContextManager[StableDiffusionXLPipeline]: ...
    @overload
    def use(self, name: Literal["refiner"]) -> AbstractContextManager[StableDiffusionXLImg2ImgPipeline]: ...
    @overload
    def use(self, name: Literal["llama"]) -> AbstractContextManager[Llama]: ...
    @overload
    def use(self, name: Literal["dino"]) -> AbstractContextManager[Dinov2Model]: ...
    @overload
    def use(self, name: Literal["yolo"]) -> AbstractContextManager[YOLO]: ...
    @contextmanager
    def use(self, name: Name) -> Iterator[Any]:
        """The model, ready on the device. Running out of memory inside becomes OutOfMemory.

        Raises ModelsMissing where its files are not there.
        """
        try:
            if self.offloads:
                self._make_room(name)
            if name not in self._models:
                self._models[name] = self._load(name)
            for hook in self._hooks.get(name, ()):  # now, and not at its first call: what is made beside it looks there
                hook.model.to(self.device)
            yield self._models[name]
        except (torch.OutOfMemoryError, MemoryError) as error:
            raise OutOfMemory(str(error)) from error

    def _make_room(self, name: Name) -> None:
        """Offload Llama for the others, or the others for Llama; without it all fit (12.5 GB with the refiner)."""
        for other, hooks in self._hooks.items():
            if (other == "llama") != (name == "llama"):
                for hook in hooks:
                    hook.offload()
        torch.cuda.empty_cache()

    def _load(self, name: Name) -> Any:
        try:
            match name:
                case "sdxl":
                    return self._sdxl()
                case "refiner":
                    return self._refiner()
                case "llama":
                    return self._llama()
                case "dino":
                    dino = Dinov2Model.from_pretrained(files(self.profile, "dino"))
                    return self._place(name, dino)
                case "yolo":
                    return segment.load(files(self.profile, "segmenter"), self.device)
        except (OSError, ValueError, SafetensorError) as error:
            raise ModelsMissing(f"{name}: {error}") from error

    def _sdxl(self) -> StableDiffusionXLPipeline:
        profile = self.profile
        kinds = {"dtype": self.dtype, "use_safetensors": True}
        other = {}
        if profile.vae:
            other["vae"] = AutoencoderKL.from_pretrained(files(profile, "vae"), **kinds)
        place, kinds["add_watermarker"] = self._sdxl_files, False
        if place.is_file():
            config = str(configuration_files(profile))
            pipe = StableDiffusionXLPipeline.from_single_file(
                str(place), config=config, local_files_only=True, **kinds, **other
            )
        else:
            pipe = StableDiffusionXLPipeline.from_pretrained(
                place, variant=variant(place, profile.sdxl_variant), **kinds, **other
            )
        tokens.install(pipe, profile.learning.token_count)
        if self.offloads:
            pipe.unet.enable_gradient_checkpointing()  # training in 6.5 GB for 13, at half the speed
        return self._place_pipe("sdxl", pipe)

    def _refiner(self) -> StableDiffusionXLImg2ImgPipeline:
        """The refiner reads and decodes with the base's own modules: the pet's tokens work there too."""
        profile = self.profile
        with self.use("sdxl") as base:
            shared = {"vae": base.vae, "text_encoder_2": base.text_encoder_2, "tokenizer_2": base.tokenizer_2}
        place = files(profile, "refiner")
        pipe = StableDiffusionXLImg2ImgPipeline.from_pretrained(
            place,
            variant=variant(place, profile.sdxl_variant),
            dtype=self.dtype,
            use_safetensors=True,
            add_watermarker=False,
            **shared,
        )
        return self._place_pipe("refiner", pipe, besides=tuple(shared))

    def _llama(self) -> Llama:
        folder = files(self.profile, "llama")
        model = LlamaForCausalLM.from_pretrained(folder, dtype=self.dtype).eval()
        return Llama(self._place("llama", model), PreTrainedTokenizerFast.from_pretrained(folder), self.device)

    def _place_pipe(self, name: Name, pipe: Any, besides: tuple[str, ...] = ()) -> Any:
        pipe.set_progress_bar_config(disable=True)
        for part, module in pipe.components.items():
            if isinstance(module, nn.Module) and part not in besides:
                self._place(name, module)
        return pipe

    def _place(self, name: Name, module: Any) -> Any:
        """Frozen, and on the device: for good, or on a small card while it is used, until Llama needs the room."""
        module.requires_grad_(False).eval()
        if self.offloads:
            module, hook = cpu_offload_with_hook(module, self.device)
            self._hooks.setdefault(name, []).append(hook)
            return module
        return module.to(self.device)

    @cached_property
    def _sdxl_files(self) -> Path:
        return files(self.profile, "sdxl")

    @cached_property
    def base(self) -> str:
        """The base model's hash: sha256 over its UNet's weight files. An adapter fits the base it was learnt on."""
        digest, place = hashlib.sha256(), self._sdxl_files
        for path in [place] if place.is_file() else sorted((place / "unet").glob("*.safetensors")):
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()

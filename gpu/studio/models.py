"""Loads the models, and alone moves them between device and host memory.

Knows: where files come from, and how the memory plan is obeyed. Does not know: what the plan should be (gpu/memory.py),
or what the models are used for.

Models that take turns are moved whole, before they are used, and not by hooks at their first call: what is made beside
a model looks where it lies. On a machine without a card the device is the host, and moving is only an account.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal, overload

import torch
from diffusers import AutoencoderKL, StableDiffusionXLPipeline
from diffusers.utils import logging as diffusers_logging
from safetensors import SafetensorError
from torch import nn
from transformers import Dinov2Model, LlamaForCausalLM, PreTrainedTokenizerFast, TorchAoConfig
from transformers.utils import logging as transformers_logging

from gpu.device import host_memory
from gpu.errors import ModelsMissing, OutOfMemory
from gpu.memory import MemoryPlan, Name, plan, resident, sizes_here
from gpu.profile import Profile
from gpu.studio import lora, segmenter, tokens
from gpu.studio.device import card_memory, probe, prove, reproducible, usable_device
from gpu.studio.hub import configuration_files, files, variant
from gpu.studio.shared_text import SharedText

HOST = torch.device("cpu")
PETS = 4  # whose LoRA is kept in host memory: at full size 50 to 100 MB each

diffusers_logging.disable_progress_bar()  # the log has one event a line
transformers_logging.disable_progress_bar()


@dataclass(frozen=True, slots=True)
class Llama:
    model: LlamaForCausalLM
    tokenizer: PreTrainedTokenizerFast
    device: torch.device


class ModelPool:
    """Models by name, each loaded when first used. Used from one thread.

    Raises NoDevice on a machine that the profile may not compute on. `memory`: plan for a card of so many bytes.
    """

    def __init__(self, profile: Profile, *, memory: int | None = None) -> None:
        reproducible()
        self.profile = profile
        self.device = usable_device(profile)
        prove(self.device)
        self.dtype = probe(self.device) if profile.dtype == "auto" else getattr(torch, profile.dtype)
        self.plan = self._plan(memory or card_memory(self.device))
        self.lora = lru_cache(PETS)(lora.read)  # for this pool's UNet: of the pets that were painted last it is ready
        self._models: dict[Name, Any] = {}
        self._modules: dict[Name, set[nn.Module]] = {}  # of each loaded model
        self._on_device: set[nn.Module] = set()

    def _plan(self, memory: int | None) -> MemoryPlan:
        sizes, host, itemsize = sizes_here(self.profile), host_memory(), self.dtype.itemsize
        if memory is None:
            return resident(self.profile, sizes, memory=host, itemsize=itemsize)
        return plan(self.profile, sizes, memory=memory, host=host, itemsize=itemsize)

    @overload
    def use(self, name: Literal["sdxl"]) -> AbstractContextManager[StableDiffusionXLPipeline]: ...
    @overload
    def use(self, name: Literal["llama"]) -> AbstractContextManager[Llama]: ...
    @overload
    def use(self, name: Literal["dino"]) -> AbstractContextManager[Dinov2Model]: ...
    @overload
    def use(self, name: Literal["yolo"]) -> AbstractContextManager[segmenter.Segmenter]: ...
    @contextmanager
    def use(self, name: Name) -> Iterator[Any]:
        """The model, ready on the device. Running out of memory inside becomes OutOfMemory.

        Raises ModelsMissing where its files are not there.
        """
        try:
            if name not in self._models:
                self._models[name] = self._load(name)
            self._bring(name)
            yield self._models[name]
        except (torch.OutOfMemoryError, MemoryError) as error:
            raise OutOfMemory(str(error)) from error

    def on_device(self) -> set[Name]:
        """The models that lie on the device now, whole."""
        return {name for name, modules in self._modules.items() if modules <= self._on_device}

    def evict(self, *names: Name) -> None:
        """Move these models to host memory, until they are used again; what another one needs of them too."""
        self._offload(set[nn.Module]().union(*(self._modules.get(name, ()) for name in names)))

    def _bring(self, name: Name) -> None:
        """Make room as the plan says, then move the model to the device; a move that ends half-way is taken back."""
        beside = (self._modules.get(other, set[nn.Module]()) for other in self.plan.beside(name))
        self._offload(self._on_device.difference(*beside))
        for module in self._modules[name] - self._on_device:
            self._on_device.add(module)
            try:
                module.to(self.device)
            except BaseException:
                self._offload([module])
                raise

    def _offload(self, modules: Iterable[nn.Module]) -> None:
        moved = self._on_device.intersection(modules)
        for module in moved:
            module.to(HOST)
        self._on_device -= moved
        if moved and self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _load(self, name: Name) -> Any:
        try:
            match name:
                case "sdxl":
                    return self._sdxl()
                case "llama":
                    return self._llama()
                case "dino":
                    dino = Dinov2Model.from_pretrained(files(self.profile, "dino"))
                    return self._place(name, dino)
                case "yolo":
                    yolo = segmenter.load(files(self.profile, "segmenter"), self.device)
                    segmenter.check_classes(yolo, self.profile.segmenting.species)
                    return self._place(name, yolo)
        except (OSError, ValueError, LookupError, NotImplementedError, SafetensorError) as error:
            # The last but one is what diffusers says of an SDXL in one file that lacks a tensor.
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
        return self._prepared(pipe)

    def _prepared(self, pipe: StableDiffusionXLPipeline) -> StableDiffusionXLPipeline:
        """With the pet's tokens, and ready to be trained."""
        tokens.install(pipe, self.profile.learning.token_count)
        pipe.unet.set_attn_processor(SharedText())
        if self.plan.checkpointing:
            pipe.unet.enable_gradient_checkpointing()
        return self._place_pipe("sdxl", pipe)

    def _llama(self) -> Llama:
        folder = files(self.profile, "llama")
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)  # before the model, which takes a minute
        quantised = {"quantization_config": _int8()} if self.plan.llama == "int8" else {}
        model = LlamaForCausalLM.from_pretrained(folder, dtype=self.dtype, **quantised)
        return Llama(self._place("llama", model), tokenizer, self.device)

    def _place_pipe(self, name: Name, pipe: Any) -> Any:
        pipe.set_progress_bar_config(disable=True)
        for module in pipe.components.values():
            if isinstance(module, nn.Module):
                self._place(name, module)
        return pipe

    def _place(self, name: Name, module: Any) -> Any:
        """Frozen, and one of the model's modules from here on."""
        self._modules.setdefault(name, set()).add(module.requires_grad_(False).eval())
        return module

    @cached_property
    def _sdxl_files(self) -> Path:
        return files(self.profile, "sdxl")

    @cached_property
    def prompt_length(self) -> Callable[[str], int]:
        """How many of the painter's tokens a prompt has. Raises ModelsMissing."""
        place = self._sdxl_files
        try:
            folder = configuration_files(self.profile) if place.is_file() else place
            return tokens.prompt_length(folder / "tokenizer", self.profile.learning.token_count)
        except (OSError, ValueError) as error:
            raise ModelsMissing(f"sdxl: {error}") from error

    @cached_property
    def base(self) -> str:
        """The base model's hash: sha256 over its UNet's weight files. An adapter fits the base it was learnt on."""
        digest, place = hashlib.sha256(), self._sdxl_files
        for path in [place] if place.is_file() else sorted((place / "unet").glob("*.safetensors")):
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()


def _int8() -> TorchAoConfig:
    """int8 weights, by torchao: unlike bitsandbytes', they may be moved between card and host (bitsandbytes#1815)."""
    from torchao.quantization import Int8WeightOnlyConfig  # here: its import takes seconds, and few cards need it

    return TorchAoConfig(Int8WeightOnlyConfig())

# pyright: basic, reportPrivateImportUsage=false, reportAttributeAccessIssue=false, reportArgumentType=false
"""The shelf: loads the models, and is the one owner of device memory.

Knows: where files come from, which precision and which device, who must make room on a small card.
Does not know: what the models are used for.
"""

import hashlib
import os
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
from huggingface_hub import snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from safetensors import SafetensorError
from torch import nn
from transformers import Dinov2Model, LlamaForCausalLM, PreTrainedTokenizerFast
from ultralytics import YOLO

from gpu import segment, tokens
from gpu.errors import ModelsMissing, OutOfMemory
from gpu.profile import Profile

ROOMY = 44e9
"""Bytes of device memory from which all models stay on the card together (about 38 GB with Llama-3-8B in bf16)."""

Name = Literal["sdxl", "refiner", "llama", "dino", "yolo"]


@dataclass(frozen=True, slots=True)
class Llama:
    model: LlamaForCausalLM
    tokenizer: PreTrainedTokenizerFast
    device: torch.device


class Shelf:
    """Models by name, each loaded when first used. Used from one thread."""

    def __init__(self, profile: Profile) -> None:
        reproducible()
        self.profile = profile
        self.device = best_device()
        prove(self.device)
        self.dtype = probe(self.device) if profile.dtype == "auto" else getattr(torch, profile.dtype)
        self.tight = self.device.type == "cuda" and torch.cuda.get_device_properties(0).total_memory < ROOMY
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
            if self.tight:
                self._make_room(name)
            if name not in self._models:
                self._models[name] = self._load(name)
            for hook in self._hooks.get(name, ()):  # now, and not at its first call: what is made beside it looks there
                hook.model.to(self.device)
            yield self._models[name]
        except (torch.OutOfMemoryError, MemoryError) as error:
            raise OutOfMemory(str(error)) from error

    def _make_room(self, name: Name) -> None:
        """For Llama, or of Llama: the others fit beside each other (12.5 GB with the refiner)."""
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
                    dino = Dinov2Model.from_pretrained(files(self.profile.dino, self.profile.dino_revision))
                    return self._place(name, dino)
                case "yolo":
                    return segment.load(Path(self.profile.segmenter), self.device)
        except (OSError, ValueError, SafetensorError) as error:
            raise ModelsMissing(f"{name}: {error}") from error

    def _sdxl(self) -> StableDiffusionXLPipeline:
        profile = self.profile
        kinds = {"dtype": self.dtype, "use_safetensors": True}
        other = {}
        if profile.vae:
            other["vae"] = AutoencoderKL.from_pretrained(files(profile.vae, profile.vae_revision), **kinds)
        pipe = StableDiffusionXLPipeline.from_pretrained(
            self._sdxl_files, variant=profile.sdxl_variant, add_watermarker=False, **kinds, **other
        )
        tokens.install(pipe, profile.token_count)
        if self.tight:
            pipe.unet.enable_gradient_checkpointing()  # training in 6.5 GB for 13, at half the speed
        return self._place_pipe("sdxl", pipe)

    def _refiner(self) -> StableDiffusionXLImg2ImgPipeline:
        """The refiner reads and decodes with the base's own modules: the pet's tokens work there too."""
        profile = self.profile
        assert profile.refiner
        with self.use("sdxl") as base:
            shared = {"vae": base.vae, "text_encoder_2": base.text_encoder_2, "tokenizer_2": base.tokenizer_2}
        pipe = StableDiffusionXLImg2ImgPipeline.from_pretrained(
            files(profile.refiner, profile.refiner_revision, profile.sdxl_variant),
            variant=profile.sdxl_variant,
            dtype=self.dtype,
            use_safetensors=True,
            add_watermarker=False,
            **shared,
        )
        return self._place_pipe("refiner", pipe, besides=tuple(shared))

    def _llama(self) -> Llama:
        folder = files(self.profile.llama, self.profile.llama_revision)
        model = LlamaForCausalLM.from_pretrained(folder, dtype=self.dtype).eval()
        return Llama(self._place("llama", model), PreTrainedTokenizerFast.from_pretrained(folder), self.device)

    def _place_pipe(self, name: Name, pipe: Any, besides: tuple[str, ...] = ()) -> Any:
        pipe.set_progress_bar_config(disable=True)
        for part, module in pipe.components.items():
            if isinstance(module, nn.Module) and part not in besides:
                self._place(name, module)
        return pipe

    def _place(self, name: Name, module: Any) -> Any:
        """Frozen, and on the device: for good, or on a tight card while it is used, until Llama needs the room."""
        module.requires_grad_(False).eval()
        if self.tight:
            module, hook = cpu_offload_with_hook(module, self.device)
            self._hooks.setdefault(name, []).append(hook)
            return module
        return module.to(self.device)

    @cached_property
    def _sdxl_files(self) -> Path:
        return files(self.profile.sdxl, self.profile.sdxl_revision, self.profile.sdxl_variant)

    @cached_property
    def base(self) -> str:
        """The base model's hash: sha256 over its UNet's weight files. An adapter fits the base it was learnt on."""
        digest = hashlib.sha256()
        for path in sorted((self._sdxl_files / "unet").glob("*.safetensors")):
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()


def files(model: str, revision: str | None = None, variant: str | None = None) -> Path:
    """The model's folder: `model` itself if it is one, else the hub's, downloaded or from its cache.

    Raises ModelsMissing with a sentence about what to do.
    """
    if Path(model).is_dir():
        return Path(model)
    weights = f"*.{variant}.safetensors" if variant else "*.safetensors"
    try:
        return Path(snapshot_download(model, revision=revision, allow_patterns=["*.json", "*.txt", weights]))
    except GatedRepoError as error:  # is a RepositoryNotFoundError, so it comes first
        raise ModelsMissing(f"{model}: accept its licence on its page at the hub, then set HF_TOKEN") from error
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise ModelsMissing(f"{model}: the hub has no such model or revision, or wants a token") from error
    except LocalEntryNotFoundError as error:
        raise ModelsMissing(f"{model}: not on this machine, and the hub cannot be reached") from error
    except (HFValidationError, HfHubHTTPError) as error:
        raise ModelsMissing(f"{model}: neither a folder nor a model of the hub") from error


def reproducible() -> None:
    """The same numbers every time on the same machine: deterministic kernels, a fixed count of threads."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=torch.cuda.is_available())
    torch.set_num_threads(len(os.sched_getaffinity(0)))


def best_device() -> torch.device:
    """A card, if there is one for which torch has kernels: since Turing."""
    usable = torch.cuda.is_available() and torch.cuda.get_device_capability() >= (7, 5)
    return torch.device("cuda" if usable else "cpu")


def prove(device: torch.device) -> None:
    """Compute a little there, by cuBLAS and cuDNN. Raises what torch does if the device is no good.

    A child does this before it is ready, so that a card that fails costs no job an attempt: models load only when a job
    first needs them.
    """
    picture = torch.ones(1, 8, 16, 16, device=device)
    nn.functional.conv2d(picture, torch.ones(8, 8, 3, 3, device=device))
    (picture @ picture).sum().item()  # .item() waits until all of it is done


def probe(device: torch.device) -> torch.dtype:
    """The precision that this hardware is built for: asked, not timed, since a busy moment must not change pictures."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    return torch.bfloat16 if torch.cpu.get_capabilities().get("amx_bf16") else torch.float32

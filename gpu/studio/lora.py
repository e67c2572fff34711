"""A pet's LoRA as layers of peft that are put into the UNet, and taken out again, in milliseconds.

Knows: which layers stand in for which of the UNet's, and where their weights lie. Does not know: how many pets are kept
(models.py), tokens, recipes, what is painted.

A layer of peft holds the UNet's own one and adds to what it computes. So to put a pet on is to let its layers stand
where the UNet's own stood: no weight of the base is ever written, and there is nothing to take out of them again. The
layers of a paused training step aside in the same way. Weights wait in host memory, and are on the device while they
are used.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from peft import PeftConfig
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors.torch import load_file
from torch import Tensor, nn

from gpu.errors import AdapterMismatch

PET = "pet"  # the LoRA's name in its layers


class Version(NamedTuple):
    """A file as it is now: one that was written anew is another."""

    path: Path
    changed: int  # nanoseconds
    size: int  # bytes

    @classmethod
    def of(cls, path: Path) -> "Version":
        """Raises OSError where there is none."""
        found = path.stat()
        return cls(path, found.st_mtime_ns, found.st_size)


class Slot(NamedTuple):
    """Where the UNet has a layer, and another may stand in for it."""

    parent: nn.Module
    name: str

    @property
    def layer(self) -> nn.Module:
        return self.parent._modules[self.name]  # in a plain dict: there are thousands to look at


Standing = list[tuple[Slot, BaseTunerLayer]]
"""Which layers of peft stand where."""


@dataclass(frozen=True, slots=True)
class Lora:
    """One pet's layers for one UNet."""

    layers: Standing
    weights: list[tuple[nn.Parameter, Tensor]]  # each with its copy in host memory
    config: PeftConfig
    slots: list[Slot]  # all of the UNet's

    @contextmanager
    def put_on(self, unet: UNet2DConditionModel) -> Iterator[None]:
        """Inside, the UNet computes with these layers and no others; after, all is as it was, by being the same."""
        device = next(unet.parameters()).device  # unet.device looks at every module
        with bare(self.slots), _known(unet, self.config):
            for param, kept in self.weights:
                param.data = kept.to(device)
            _stand_in(self.layers)
            try:
                yield
            finally:
                _step_aside(_standing(self.slots))  # also what another LoRA beside it has left
                for param, kept in self.weights:
                    param.data = kept


def read(unet: UNet2DConditionModel, file: Version) -> Lora:
    """The LoRA of a file, for this UNet, which stays as it is.

    Raises OSError and SafetensorError for the file, AdapterMismatch where it is of another architecture.
    """
    tensors, slots = load_file(file.path), slots_of(unet)
    with bare(slots):
        layers, config = _loaded(unet, slots, tensors)
    named = [one for _, layer in layers for one in layer.named_parameters() if f".{PET}." in one[0]]
    if len(named) != len(tensors):
        raise AdapterMismatch(f"{len(named)} of {len(tensors)} tensors fit")
    weights = [param.requires_grad_(False) for _, param in named]
    return Lora(layers, [(param, param.data.cpu()) for param in weights], config, slots)


@contextmanager
def bare(slots: list[Slot]) -> Iterator[None]:
    """Inside, the UNet has its own layers alone; after, a paused training's stand where they stood."""
    others = _standing(slots)
    _step_aside(others)
    try:
        yield
    finally:
        _stand_in(others)


@contextmanager
def _known(unet: UNet2DConditionModel, config: PeftConfig) -> Iterator[None]:
    """Inside, diffusers knows of the pet's layers, and may put another LoRA beside them."""
    with _known_as_before(unet):
        unet.peft_config, unet._hf_peft_config_loaded = {PET: config}, True
        yield


@contextmanager
def _known_as_before(unet: UNet2DConditionModel) -> Iterator[None]:
    """After, diffusers knows of a paused training's layers, or of none."""
    others = unet.peft_config if unet._hf_peft_config_loaded else {}
    try:
        yield
    finally:
        unet.peft_config, unet._hf_peft_config_loaded = others, bool(others)
        if not others:
            del unet.peft_config


def _loaded(unet: UNet2DConditionModel, slots: list[Slot], tensors: dict[str, Tensor]) -> tuple[Standing, PeftConfig]:
    """The layers as diffusers makes them, taken out again."""
    with _known_as_before(unet):
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Already found a `peft_config`")  # on purpose, beside a training
                unet.load_lora_adapter(tensors, prefix="unet", adapter_name=PET)
            config = unet.peft_config[PET]
        finally:
            made = _standing(slots)
            _step_aside(made)
            unet.delete_adapters(PET)  # its configuration: no layer in the UNet has it now
    return made, config


def slots_of(unet: UNet2DConditionModel) -> list[Slot]:
    """Every place of a layer, but not those within layers of peft."""
    own = [part for path, part in unet.named_modules() if "lora_" not in path and not isinstance(part, BaseTunerLayer)]
    return [Slot(parent, name) for parent in own for name, _ in parent.named_children()]


def _standing(slots: list[Slot]) -> Standing:
    return [(slot, layer) for slot in slots if isinstance(layer := slot.layer, BaseTunerLayer)]


def _stand_in(layers: Standing) -> None:
    for slot, layer in layers:
        setattr(*slot, layer)


def _step_aside(layers: Standing) -> None:
    for slot, layer in layers:
        setattr(*slot, layer.get_base_layer())

"""What was learnt about one pet: as files, and put on a pipeline and taken off again.

Knows: how the files are written (gpu/adapter_files.py names them), the token rows. Does not know: how it was learnt, or
how the LoRA gets into the UNet (lora.py).
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from diffusers import StableDiffusionXLPipeline
from diffusers.loaders.lora_base import LORA_ADAPTER_METADATA_KEY
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from peft import get_peft_model_state_dict
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors import SafetensorError
from torch import Tensor, nn

from gpu import adapter_files
from gpu.adapter_files import KOHYA_FILE, LORA_FILE, RECIPE_FILE, ROWS_FILE
from gpu.durable import whole
from gpu.errors import AdapterMismatch, ModelsMissing
from gpu.learning import Learning
from gpu.model_files import Damaged
from gpu.pets import Adapter, Cutout
from gpu.studio import tensor_files, tokens
from gpu.studio.lora import PET, Version
from gpu.studio.models import ModelPool
from gpu.studio.state import LORA, State


def recipe(
    pool: ModelPool,
    cutouts: tuple[Cutout, ...],
    class_word: str,
    seed: int,
    held: tuple[Cutout, ...] = (),
    learning: Learning | None = None,
) -> dict[str, Any]:
    """What is learnt, from what, and how. Equal recipes give equal adapters on the same machine. Plain JSON."""
    profile = pool.profile
    return json.loads(
        json.dumps(
            {
                "base": pool.base,
                "profile": profile.name,
                "dtype": str(pool.dtype),
                "tokens": tokens.names(profile.learning.token_count),
                "class_word": class_word,
                "seed": seed,
                "photos": [cutout.photo for cutout in cutouts],
                "held_out": [cutout.photo for cutout in held],
                "learning": asdict(learning or profile.learning),
                "versions": {name: version(name) for name in ("torch", "diffusers", "transformers", "peft")},
            }
        )
    )


def save(state: State, folder: Path) -> Adapter:
    """Write the finished training's files; `folder` appears whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    lora = get_peft_model_state_dict(state.pipe.unet, adapter_name=LORA)
    # By peft's names: diffusers' old ones fit attention alone, a mixture loads in part.
    named = {f"unet.{name}": tensor.cpu() for name, tensor in lora.items()}
    learnt = state.recipe | {"steps": state.step, "curve": state.curve}
    with whole(folder) as fresh:
        fresh.mkdir()
        tensor_files.save(named, fresh / LORA_FILE, {"format": "pt", LORA_ADAPTER_METADATA_KEY: _config(state)})
        adapter_files.write_kohya(fresh, fresh / KOHYA_FILE)
        tokens.save({key: rows.data for key, rows in state.rows.items()}, fresh / ROWS_FILE)
        (fresh / RECIPE_FILE).write_text(json.dumps(learnt, indent=2, ensure_ascii=False), "utf-8")
    return load(folder)


def _config(state: State) -> str:
    """The LoRA's configuration as diffusers keeps it in the file: it carries alpha."""
    config = state.pipe.unet.peft_config[LORA].to_dict()
    config["target_modules"] = sorted(config["target_modules"])  # peft's set, in another order in each process
    return json.dumps({f"unet.{name}": value for name, value in config.items()}, sort_keys=True)


def load(folder: Path) -> Adapter:
    """The adapter as a value. Raises FileNotFoundError where there is none."""
    learnt: dict[str, Any] = json.loads((folder / RECIPE_FILE).read_text("utf-8"))
    return Adapter(
        folder=folder,
        tokens=tuple(learnt["tokens"]),
        class_word=learnt["class_word"],
        base=learnt["base"],
        steps=learnt["steps"],
    )


def check(pipe: StableDiffusionXLPipeline, adapter: Adapter, pool: ModelPool) -> None:
    """Whether an adapter that came as files fits the pool's pipe, tensor by tensor.

    Raises AdapterMismatch, and ModelsMissing where a file cannot be read.
    """
    try:
        rows, layers = tokens.load(adapter.folder / ROWS_FILE), adapter_files.layers(adapter.folder / LORA_FILE)
    except (OSError, SafetensorError, Damaged) as error:
        raise ModelsMissing(f"adapter: {error}") from error
    here = {key: live.shape for key, live in tokens.rows_of(pipe).items()}
    if {key: one.shape for key, one in rows.items()} != here or adapter.tokens != tokens.names(len(rows["clip_l"])):
        raise AdapterMismatch(f"{len(adapter.tokens)} tokens of another shape")
    shapes = {name.replace(".base_layer", ""): param.shape for name, param in pipe.unet.named_parameters()}
    for layer, parts in layers.items():
        if shapes.get(f"{layer}.weight") != (parts["B"].shape[0], *parts["A"].shape[1:]):
            raise AdapterMismatch(f"{layer} has another shape")
    with apply_adapter(pipe, adapter, pool):
        pass


@contextmanager
def apply_adapter(pipe: StableDiffusionXLPipeline, adapter: Adapter, pool: ModelPool) -> Iterator[None]:
    """Inside, the pool's pipe paints this pet; after, everything is as it was, bit for bit, also a paused training.

    Raises AdapterMismatch if it was learnt on another base than the pool's, ModelsMissing if its files are gone or
    broken.
    """
    if adapter.base != pool.base:
        raise AdapterMismatch(f"learnt on {adapter.base[:12]}, this is {pool.base[:12]}")
    try:
        pet = pool.lora(pipe.unet, Version.of(adapter.folder / LORA_FILE))
        rows = tokens.load(adapter.folder / ROWS_FILE)
    except (OSError, SafetensorError) as error:
        raise ModelsMissing(f"adapter: {error}") from error
    rows_before = {key: live.detach().clone() for key, live in tokens.rows_of(pipe).items()}
    if rows.keys() != rows_before.keys():
        raise AdapterMismatch(f"tokens for {', '.join(rows)}")
    with pet.put_on(pipe.unet):
        try:
            tokens.put_rows(pipe, rows)
            yield
        finally:
            tokens.put_rows(pipe, rows_before)


@contextmanager
def conditional_only(unet: UNet2DConditionModel) -> Iterator[None]:
    """Inside apply_adapter(), the adapter is on in the second half of each guided batch alone, which has the prompt.

    Guidance then leads away from the model that knows neither prompt nor pet, so it strengthens the pet as it does the
    prompt (autoguidance, Karras et al. 2024; the batch is mixed by peft).
    """

    def mix(_: nn.Module, args: tuple[Tensor], kwargs: dict[str, Any]) -> tuple[tuple[Tensor], dict[str, Any]]:
        half = len(args[0]) // 2
        return args, kwargs | {"adapter_names": ["__base__"] * half + [PET] * half}

    layers = [module for module in unet.modules() if isinstance(module, BaseTunerLayer)]
    hooks = [layer.register_forward_pre_hook(mix, with_kwargs=True) for layer in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()

"""Tiny models of the real classes with random weights, for tests of exactness. Nothing here has learnt anything.

Knows: how small each class can be. Does not know: what the tests ask. `pool()` builds all of them, once a session.
"""

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
import ultralytics
import yaml
from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLPipeline
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from PIL import Image, ImageDraw
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from tokenizers.pre_tokenizers import ByteLevel
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    Dinov2Config,
    Dinov2Model,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from gpu.outcomes import LOOKED, Looked
from gpu.pets import Adapter, Cutout
from gpu.pocket.build.painter import new_tokenizer
from gpu.portraits import Preset
from gpu.profile import PROFILES, Profile
from gpu.sampling import Sampling
from gpu.studio import adapter
from gpu.studio.models import ModelPool
from gpu.studio.segmenter import Segmenter
from gpu.studio.state import State

WORDS = ["a photo of a dog, in a park", "a watercolour painting of the dog on a beach", "a pencil sketch of a dog"]
CHAT = (
    "{{ '<|begin|>' }}"
    "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] | trim + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


@cache
def pool() -> ModelPool:
    """A pool of the tiny models; their files live as long as the session."""
    folder = tempfile.TemporaryDirectory(prefix="tiny_models-")
    _KEPT.append(folder)
    pool = ModelPool(profile(Path(folder.name)))
    torch.set_num_threads(1)  # models this small only wait for a second thread
    return pool


_KEPT: list[tempfile.TemporaryDirectory[str]] = []

QUIET = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning",
)
"""For tests that paint: diffusers' Euler schedulers make an array of a tensor in a way that numpy 2 warns about."""


NORMAL = Preset(steps=2, guidance=1.75)
SAMPLING = Sampling(preset=NORMAL, size=(64, 64), batch=3)
"""As the tiny profile paints, unless it is told otherwise."""


def profile(folder: Path) -> Profile:
    """A profile whose models are made below `folder`, as small as can be."""
    torch.manual_seed(0)
    sdxl(folder / "sdxl")
    llama(folder / "llama")
    dino(folder / "dino")
    yolo(folder / "yolo")
    pocket = PROFILES["pocket"]
    return replace(
        pocket,
        name="tiny",
        sdxl=str(folder / "sdxl"),
        llama=str(folder / "llama"),
        dino=str(folder / "dino"),
        segmenter=str(folder / "yolo"),
        dino_px=28,
        dtype="float32",
        segmenting=replace(pocket.segmenting, size_px=64, mirrored_px=64, second_px=64, embedding_px=64),
        learning=replace(
            pocket.learning,
            size_px=64,
            token_steps=3,
            lora_steps=3,
            lora_rank=2,
            train_batch=2,
            evaluate_every=3,
            previews=1,
            preview_steps=2,
        ),
        rewriting=replace(pocket.rewriting, tokens=40),
        painting=replace(
            pocket.painting,
            batch=3,
            unsaid=None,
            shapes={"square": (64, 64), "portrait": (48, 80), "landscape": (80, 48), "wide": (96, 48)},
            presets={"draft": Preset(steps=1, guidance=2.0), "normal": NORMAL, "fine": replace(NORMAL, tries=5)},
        ),
        checkpoint_every_s=1e9,
    )


def clip_tokenizer(pad: str = "<|endoftext|>") -> CLIPTokenizer:
    """A CLIP tokenizer of some 550 words, trained on WORDS."""
    return new_tokenizer(WORDS * 4, pad)


def clip_config(tokenizer: CLIPTokenizer, width: int) -> CLIPTextConfig:
    """As small as it gets, with the real configs' eos_token_id of 2."""
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=width,
        projection_dim=width,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=77,
        bos_token_id=0,
        eos_token_id=2,
        pad_token_id=1,
    )


def unet(cross: int, time_ids: int, pooled: int, levels: int) -> UNet2DConditionModel:
    """So many levels, attention in the lowest one, SDXL's text and time conditions."""
    upper = levels - 1
    return UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(*(8,) * upper, 16),
        down_block_types=(*("DownBlock2D",) * upper, "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", *("UpBlock2D",) * upper),
        layers_per_block=1,
        norm_num_groups=4,
        attention_head_dim=(*(2,) * upper, 4),
        transformer_layers_per_block=(1,) * levels,
        cross_attention_dim=cross,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=8 * time_ids + pooled,
    )


def vae() -> AutoencoderKL:
    """Eight pixels to one latent, like the real one."""
    return AutoencoderKL(
        block_out_channels=(8, 8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        norm_num_groups=4,
        sample_size=64,
        scaling_factor=0.2,
        force_upcast=False,
    )


def scheduler() -> EulerDiscreteScheduler:
    return EulerDiscreteScheduler(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012)


def sdxl(folder: Path, levels: int = 2) -> None:
    one, two = clip_tokenizer(), clip_tokenizer(pad="!")
    StableDiffusionXLPipeline(
        vae=vae(),
        text_encoder=CLIPTextModel(clip_config(one, 8)),
        text_encoder_2=CLIPTextModelWithProjection(clip_config(two, 16)),
        tokenizer=one,
        tokenizer_2=two,
        unet=unet(cross=24, time_ids=6, pooled=16, levels=levels),
        scheduler=scheduler(),
        add_watermarker=False,
    ).save_pretrained(folder)


def llama(folder: Path) -> None:
    special = ["<|begin|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    letters = sorted(ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=320, special_tokens=special, initial_alphabet=letters, show_progress=False)
    tokenizer.train_from_iterator(WORDS, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<|begin|>", eos_token="<|end|>", chat_template=CHAT
    )
    fast.save_pretrained(folder)
    LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(fast),
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=4096,
            bos_token_id=fast.bos_token_id,
            eos_token_id=fast.eos_token_id,
        )
    ).save_pretrained(folder)


def dino(folder: Path) -> None:
    config = Dinov2Config(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=28)
    Dinov2Model(config).save_pretrained(folder)


def yolo(folder: Path) -> None:
    """yolov8n-seg of one class, as yaml + safetensors."""
    folder.mkdir(parents=True, exist_ok=True)
    base = Path(ultralytics.__file__).parent / "cfg/models/v8/yolov8-seg.yaml"
    config = yaml.safe_load(base.read_text()) | {"scale": "n", "nc": 1, "names": {0: "dog"}}
    (folder / "model.yaml").write_text(yaml.safe_dump(config))
    save_file(Segmenter(config).net.state_dict(), folder / "model.safetensors")


def pet(folder: Path) -> Adapter:
    """Not trained, but filled: every row and every LoRA weight differs from nothing."""
    with pool().use("sdxl") as pipe, torch.no_grad():
        state = State(pipe, pool().profile.learning, adapter.recipe(pool(), (), "dog", 1))
        state.begin_lora()
        chance = torch.Generator().manual_seed(1)
        for param in (state.rows | state.params).values():
            param.add_(0.2 * torch.randn(param.shape, generator=chance))
        pet = adapter.save(state, folder / "adapter")
        state.close()
        return pet


def cutouts(folder: Path, count: int = 3) -> tuple[Cutout, ...]:
    """Discs for dogs, each with its mask."""
    folder.mkdir(parents=True, exist_ok=True)
    return tuple(_cutouts(folder, count))


def cut_out(folder: Path) -> None:
    """Leave these in a job's folder as if its photos had been cut out: random weights find no dogs."""
    sheet = folder / "sheet.png"
    found = Looked(cutouts=cutouts(folder / "cutouts"), rejected=(), sheet=sheet)
    Image.new("RGB", (80, 80)).save(sheet)
    (folder / "cutouts" / "cut.json").write_bytes(LOOKED.dump_json(found))


def _cutouts(folder: Path, count: int) -> Iterator[Cutout]:
    for number in range(count):
        image, mask = Image.new("RGB", (80, 80), (90, 140, 60 * number)), Image.new("L", (80, 80))
        box = (10, 14, 60 + 3 * number, 66)
        ImageDraw.Draw(image).ellipse(box, fill=(180, 120, 40))
        ImageDraw.Draw(mask).ellipse(box, fill=255)
        paths = folder / f"{number}.png", folder / f"{number}.mask.png"
        image.save(paths[0])
        mask.save(paths[1])
        yield Cutout(image=paths[0], mask=paths[1], photo=f"{number:064}", share=0.4)


def digest(pipe: StableDiffusionXLPipeline) -> str:
    """Of every weight and every name in the pipe."""
    parts, found = (pipe.unet, pipe.vae, pipe.text_encoder, pipe.text_encoder_2), hashlib.sha256()
    for part in parts:
        for name, tensor in part.state_dict().items():
            found.update(name.encode())
            found.update(np.ascontiguousarray(tensor.numpy()).tobytes())
    return found.hexdigest()

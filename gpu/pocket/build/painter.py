"""Teaches the pocket SDXL, two CLIP towers and a UNet with text_time conditioning: from captions to latents.

Knows: latents and captions. Does not know: identity; no dog is drawn twice here.
Epsilon prediction; min-SNR 5 (Hang et al. 2023), and no less weight than at SNR 0.1, where colour and composition are
decided; caption dropout 0.1; all three networks together; weights averaged. For the last two thirds of the steps the
words are known: the towers are frozen, and low noise, where faces are decided, is drawn more often and weighs more.
"""

import json
from pathlib import Path

import torch
import torch.distributed as dist
import torch.nn.functional as F
from diffusers import AutoencoderKL, EulerAncestralDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from safetensors.torch import load_file
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from gpu.durable import whole
from gpu.pocket.build.common import autocast, captions, digest, leads, load_weights, part, shards, to_tensor
from gpu.pocket.build.training_loop import TrainingLoop
from gpu.pocket.world.kennel import SIZE, sheet
from gpu.studio.objective import snr_weights

BATCH, LATENT = 64, SIZE // 8
TOWERS = (64, 128)  # hidden sizes of the two text encoders
DETAIL = 1 / 3  # of the steps, from which on details are learnt


def new_tokenizer(lines: list[str], pad: str) -> CLIPTokenizer:
    """A small byte-level BPE in CLIP's format, trained on `lines`."""
    probe = CLIPTokenizer()
    bpe = Tokenizer(models.BPE(continuing_subword_prefix="", end_of_word_suffix="</w>", unk_token="<|endoftext|>"))
    bpe.normalizer, bpe.pre_tokenizer = probe.backend_tokenizer.normalizer, probe.backend_tokenizer.pre_tokenizer
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=900, special_tokens=[], initial_alphabet=alphabet, end_of_word_suffix="</w>", show_progress=False
    )
    bpe.train_from_iterator(lines, trainer)
    merges = [tuple(m) for m in json.loads(bpe.to_str())["model"]["merges"]]
    words = [*alphabet, *(b + "</w>" for b in alphabet), *("".join(m) for m in merges)]
    words = [*dict.fromkeys(words), "<|startoftext|>", "<|endoftext|>"]
    vocab = {word: i for i, word in enumerate(words)}
    return CLIPTokenizer(vocab=vocab, merges=merges, pad_token=pad, model_max_length=77)


def _tower_config(tokenizer: CLIPTokenizer, hidden: int) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=hidden * 4,
        num_hidden_layers=3,
        num_attention_heads=hidden // 32,
        projection_dim=TOWERS[1],
        max_position_embeddings=77,
        hidden_act="gelu",
        bos_token_id=len(tokenizer) - 2,
        eos_token_id=2,  # as in the real SDXL: pools at the largest id, wrong with new tokens (gpu/studio/tokens.py)
        pad_token_id=tokenizer.pad_token_id,
    )


def new_unet() -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=LATENT,
        in_channels=8,
        out_channels=8,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        block_out_channels=(64, 128),
        layers_per_block=1,
        transformer_layers_per_block=1,
        attention_head_dim=(2, 4),
        cross_attention_dim=sum(TOWERS),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=32,
        projection_class_embeddings_input_dim=6 * 32 + TOWERS[1],
    )


@torch.no_grad()
def pass_latents_through(unet: UNet2DConditionModel) -> None:
    """Start by giving the noisy latents back: at high noise that is nearly the answer already.

    There the answer must be right to a fraction of a percent, and a random network takes long to learn to copy. The
    latents run as pairs (x, -x), one group of the last norm each, through conv_in, the outermost skip connection and
    conv_out; silu(x) - silu(-x) = x.
    """
    channels, width = unet.config.in_channels, unet.config.block_out_channels[0]
    last = unet.up_blocks[-1]
    shortcut, pairs = last.resnets[-1].conv_shortcut.weight, 2 * channels
    shortcut[:pairs] = 0
    last.resnets[-1].conv_shortcut.bias[:pairs] = 0
    unet.conv_in.bias[:pairs] = 0
    unet.conv_out.bias.zero_()
    unet.conv_out.weight.mul_(0.1)
    for c in range(channels):
        for row, sign in ((2 * c, 1.0), (2 * c + 1, -1.0)):
            unet.conv_in.weight[row] = 0
            unet.conv_in.weight[row, c, 1, 1] = sign
            shortcut[row, width + row] = 1
            unet.conv_out.weight[c, row] = 0
            unet.conv_out.weight[c, row, 1, 1] = sign
    for layer in (last.resnets[-1].conv2, last.attentions[-1].proj_out):
        layer.weight[:pairs] = 0
        layer.bias[:pairs] = 0


def scheduler() -> EulerAncestralDiscreteScheduler:
    """Ancestral: fresh noise at every step mends a small painter's blurred faces."""
    return EulerAncestralDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", prediction_type="epsilon",
        timestep_spacing="leading", steps_offset=1,
    )  # fmt: skip


class Painter(nn.Module):
    """Both text towers and the UNet, trained together. Ids (b, 77), latents (b, 8, 16, 16)."""

    def __init__(self, first: CLIPTokenizer, second: CLIPTokenizer) -> None:
        super().__init__()
        self.tower_1 = CLIPTextModel(_tower_config(first, TOWERS[0]))
        self.tower_2 = CLIPTextModelWithProjection(_tower_config(second, TOWERS[1]))
        self.unet = new_unet().to(memory_format=torch.channels_last)
        pass_latents_through(self.unet)
        # On a CPU the fused attention's backward pass takes 30 % of a step; the plain one: 38 -> 50 samples/s.
        self.unet.set_attn_processor(AttnProcessor())
        self.tower_1.set_attn_implementation("eager")
        self.tower_2.set_attn_implementation("eager")
        self.register_buffer(
            "sizes", torch.tensor([SIZE, SIZE, 0, 0, SIZE, SIZE], dtype=torch.float32), persistent=False
        )

    def freeze_towers(self) -> None:
        for tower in (self.tower_1, self.tower_2):
            tower.requires_grad_(False)

    def forward(self, noisy: Tensor, t: Tensor, ids_1: Tensor, ids_2: Tensor) -> Tensor:
        one = self.tower_1(ids_1, output_hidden_states=True)
        two = self.tower_2(ids_2, output_hidden_states=True)
        words = torch.cat([one.hidden_states[-2], two.hidden_states[-2]], -1)  # (b, 77, 192)
        extra = {"text_embeds": two.text_embeds, "time_ids": self.sizes.expand(len(t), -1)}
        return self.unet(noisy, t, words, added_cond_kwargs=extra).sample


@torch.no_grad()
def cache_latents(folder: Path, drawn: Path) -> Tensor:
    """All drawn pictures as scaled latents (n, 8, 16, 16) fp16, kept in one folder for each VAE and drawn world."""
    kept = folder / f"latents-{digest(*sorted((folder / 'vae').iterdir()))}-{drawn.name}"
    kept.mkdir(exist_ok=True)
    vae = AutoencoderKL.from_pretrained(folder / "vae", dtype=torch.float32).to(memory_format=torch.channels_last)
    pictures = shards(drawn, "images")
    files = [kept / f"{n:03}.pt" for n in range(len(pictures))]
    for n in part(len(files)):
        file, images = files[n], pictures[n]
        if not file.is_file():
            print(f"latents: shard {n}", flush=True)
            with autocast():
                means = [vae.encode(to_tensor(images[i : i + 64])).latent_dist.mean for i in range(0, len(images), 64)]
            with whole(file) as fresh:
                torch.save((torch.cat(means).float() * vae.config.scaling_factor).half(), fresh)
    if dist.is_initialized():
        dist.barrier()
    return torch.cat([torch.load(file, weights_only=True) for file in files])


def ids_of(tokenizer: CLIPTokenizer, lines: list[str]) -> Tensor:
    """The captions as token ids (n, 77), padded."""
    return tokenizer(lines, padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids


@torch.no_grad()
def load_tower(tower: nn.Module, tokenizer: CLIPTokenizer, pipeline: Path, number: str) -> None:
    """Load a text encoder of a pipeline whose tokenizer knows other words: what both know keeps its embedding."""
    known = CLIPTokenizer.from_pretrained(pipeline / f"tokenizer{number}").get_vocab()
    state = load_file(pipeline / f"text_encoder{number}" / "model.safetensors")
    [name] = [name for name in state if name.endswith("token_embedding.weight")]
    rows = tower.get_input_embeddings().weight.clone()
    for word, row in tokenizer.get_vocab().items():
        if word in known:
            rows[row] = state[name][known[word]]
    tower.load_state_dict({**state, name: rows})


def train_painter(folder: Path, drawn: Path, steps: int, warm: Path | None, lr: float = 1e-3) -> None:
    """Train to `steps` of BATCH samples, going on from the last checkpoint, else from `warm`; leaves folder/sdxl."""
    torch.manual_seed(0)
    lines = captions(drawn)
    first, second = new_tokenizer(lines, "<|endoftext|>"), new_tokenizer(lines, "!")
    latents, ids_1, ids_2 = cache_latents(folder, drawn), ids_of(first, lines), ids_of(second, lines)
    empty_1, empty_2 = ids_of(first, [""]), ids_of(second, [""])
    painter = Painter(first, second)
    if warm:
        load_tower(painter.tower_1, first, warm, "")
        load_tower(painter.tower_2, second, warm, "_2")
        load_weights(painter.unet, warm / "unet")
    loop = TrainingLoop(painter, folder / "painter", steps, lr)
    mine = torch.tensor(part(BATCH))
    alphas = scheduler().alphas_cumprod
    for step in loop:
        draws = torch.Generator().manual_seed(step)
        pick = torch.randint(len(latents), (BATCH,), generator=draws)
        noise = torch.randn((BATCH, *latents.shape[1:]), generator=draws)
        detail = step >= DETAIL * steps
        t = (1000 * torch.rand(BATCH, generator=draws) ** (1.5 if detail else 1.0)).long()
        drop = torch.rand(BATCH, generator=draws) < 0.1
        pick, noise, t, drop = pick[mine], noise[mine], t[mine], drop[mine, None]
        clean, a = latents[pick].float(), alphas[t][:, None, None, None]  # (b, 8, 16, 16), (b, 1, 1, 1)
        if detail:
            painter.freeze_towers()
        one, two = torch.where(drop, empty_1, ids_1[pick]), torch.where(drop, empty_2, ids_2[pick])
        with autocast():
            noisy = (a.sqrt() * clean + (1 - a).sqrt() * noise).to(memory_format=torch.channels_last)
            out = painter(noisy, t, one, two).float()
        snr = a.flatten() / (1 - a.flatten())
        error = F.mse_loss(out, noise, reduction="none").mean((1, 2, 3))
        loss = (error * snr_weights(snr, 20 if detail else 5, 0.1)).mean()
        loop.learn(step, loss, eps=error.mean().item())
    loop.finish()
    if not leads():
        return
    vae = AutoencoderKL.from_pretrained(folder / "vae", dtype=torch.float32)
    pipe = StableDiffusionXLPipeline(
        vae, painter.tower_1, painter.tower_2, first, second, painter.unet, scheduler(), add_watermarker=False
    )
    show(pipe, lines, folder / "painter.png")
    pipe.to(dtype=torch.float16).save_pretrained(folder / "sdxl")


def show(pipe: StableDiffusionXLPipeline, lines: list[str], file: Path) -> None:
    """Paint the first captions, as a sheet to look at."""
    rows = [pipe(lines[at : at + 8], num_inference_steps=40, guidance_scale=1.5).images for at in range(0, 48, 8)]
    sheet(rows).save(file)

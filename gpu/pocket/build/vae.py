"""Teaches the pocket AutoencoderKL: 128 px pictures <-> 16x16 latents of 8 channels.

Knows: pictures. Does not know: captions, dogs.
Trained on 64 px crops. Colour is weighed apart (L1 on chroma and on 8x8 means): plain L1 on RGB learns hue last, and
hue is half of a dog's identity here.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from diffusers.models.downsampling import Downsample2D
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.upsampling import Upsample2D
from torch import Tensor, nn

from gpu.pocket.build.common import autocast, load_weights, shards, to_tensor
from gpu.pocket.build.training_loop import TrainingLoop
from gpu.pocket.world.kennel import SIZE

CROP, BATCH = 64, 12


def new_vae() -> AutoencoderKL:
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(32, 64, 96, 128),
        layers_per_block=1,
        latent_channels=8,
        norm_num_groups=8,
        sample_size=SIZE,
        mid_block_add_attention=False,
    )


@torch.no_grad()
def pass_colour_through(vae: AutoencoderKL) -> None:
    """Start as a blurred copier: colour runs along the skip connections as the pairs (x, -x).

    silu(x) - silu(-x) = x, so a pair passes the last norm and activation as it is. Without this, hue is learnt last.
    """
    for net in (vae.encoder, vae.decoder):
        for module in net.modules():
            if isinstance(module, ResnetBlock2D):
                module.conv2.weight.mul_(0.1)
                if module.conv_shortcut is not None:
                    _pass_channels(module.conv_shortcut, 1.0)
            elif isinstance(module, Downsample2D):
                _pass_channels(module.conv, 0.25, taps=(0, 1))
            elif isinstance(module, Upsample2D):
                _pass_channels(module.conv, 1.0)
        for conv, pairs_in in ((net.conv_in, False), (net.conv_out, True)):
            for c in range(3):
                conv.weight[c] = 0
                conv.weight[c, c, 1, 1] = 1.0
                if pairs_in:
                    conv.weight[c, c + 3, 1, 1] = -1.0
                else:
                    conv.weight[c + 3] = -conv.weight[c]
    for conv in (vae.quant_conv, vae.post_quant_conv):
        conv.weight[:3] = 0
        for c in range(3):
            conv.weight[c, c] = 1


def _pass_channels(conv: nn.Conv2d, weight: float, taps: tuple[int, ...] | None = None) -> None:
    """Let the six colour channels through `conv` unmixed; `taps`: its rows and columns (default: the centre)."""
    taps = taps or (conv.kernel_size[0] // 2,)
    conv.weight[:6] = 0
    for c in range(6):
        for y in taps:
            for x in taps:
                conv.weight[c, c, y, x] = weight


def _crops(images: list[np.ndarray], rng: np.random.Generator) -> Tensor:
    pool = images[rng.integers(len(images))]
    y, x = rng.integers(0, (SIZE - CROP) // 8 + 1, (2, BATCH)) * 8
    picks = rng.integers(len(pool), size=BATCH)
    return to_tensor(np.stack([pool[p, b : b + CROP, a : a + CROP] for p, a, b in zip(picks, x, y, strict=True)]))


_CHROMA = torch.tensor([[-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]])


def picture_loss(out: Tensor, real: Tensor) -> Tensor:
    """L1 on colour, on chroma, on coarse colour and on gradients at three scales. (n, 3, h, w) in -1..1."""
    diff = out - real
    chroma = torch.einsum("oc,nchw->nohw", _CHROMA, diff)
    loss = diff.abs().mean() + 2 * chroma.abs().mean() + F.avg_pool2d(diff, 8).abs().mean()
    for _ in range(3):
        dx, dy = diff.diff(dim=-1), diff.diff(dim=-2)
        loss = loss + 0.5 * (dx.abs().mean() + dy.abs().mean())
        diff = F.avg_pool2d(diff, 2)
    return loss


def train_vae(folder: Path, drawn: Path, steps: int, warm: Path | None, lr: float = 2e-3) -> None:
    """Train to `steps`, going on from the last checkpoint, else from the pipeline `warm`; leaves folder/vae."""
    torch.manual_seed(0)
    vae = new_vae().to(memory_format=torch.channels_last)
    pass_colour_through(vae)
    if warm:
        load_weights(vae, warm / "vae")
    loop, images = TrainingLoop(vae, folder / "vae", steps, lr, weight_decay=1e-4), shards(drawn, "images")
    for step in loop:
        real = _crops(images, np.random.default_rng((7, step))).to(memory_format=torch.channels_last)
        with autocast():
            mean, logvar = vae.quant_conv(vae.encoder(real)).float().chunk(2, 1)
            logvar = logvar.clamp(-20, 10)
            latents = mean + torch.randn_like(mean) * (0.5 * logvar).exp()
            out = vae.decoder(vae.post_quant_conv(latents)).float()
        kl = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean()
        loop.learn(step, picture_loss(out, real) + 2e-4 * kl, kl=kl.item())
    loop.finish()
    scale = _latent_scale(vae, images)
    vae.register_to_config(scaling_factor=1 / scale)
    vae.half().save_pretrained(folder / "vae")


def tune_decoder(folder: Path, drawn: Path, steps: int, lr: float = 1e-3) -> None:
    """Train the decoder of folder/vae on, alone, from the last checkpoint if there is one.

    Latents, and so whatever was learnt on them, stay as they are. Squared error weighs in: edges are sharp by now.
    """
    torch.manual_seed(0)
    vae = AutoencoderKL.from_pretrained(folder / "vae", dtype=torch.float32).to(memory_format=torch.channels_last)
    vae.requires_grad_(False)
    learning = nn.ModuleList([vae.decoder, vae.post_quant_conv]).requires_grad_(True)
    loop, images = TrainingLoop(learning, folder / "decoder", steps, lr, weight_decay=1e-4), shards(drawn, "images")
    for step in loop:
        real = _crops(images, np.random.default_rng((8, step))).to(memory_format=torch.channels_last)
        with autocast():
            with torch.no_grad():
                latents = vae.encode(real).latent_dist.mean
            out = vae.decode(latents).sample.float()
        error = F.mse_loss(out, real)
        loop.learn(step, picture_loss(out, real) + 5 * error, mse=error.item())
    loop.finish()
    vae.half().save_pretrained(folder / "vae")


@torch.no_grad()
def _latent_scale(vae: AutoencoderKL, images: list[np.ndarray]) -> float:
    sample = to_tensor(images[0][:256])
    return torch.cat([vae.encode(x).latent_dist.mean for x in sample.split(32)]).std().item()

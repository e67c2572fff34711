"""Teaches a LoRA to paint in few steps: from any noise straight to the picture.

Knows: the finished pipeline in folder/sdxl, latents, captions. Does not know: pets, or who paints with it.
Latent consistency distillation (Luo et al. 2023, LCM-LoRA): what the student predicts at one step must be what it
predicts one DDIM step of the guided teacher later. Student and teacher are one UNet, with the LoRA on and off.
"""

import shutil
from pathlib import Path

import torch
from diffusers import LCMScheduler, StableDiffusionXLPipeline
from diffusers.models.attention_processor import AttnProcessor
from diffusers.training_utils import cast_training_params
from peft import LoraConfig, get_peft_model_state_dict
from torch import Tensor, nn

from gpu.pocket.build.common import autocast, captions
from gpu.pocket.build.painter import cache_latents, ids_of
from gpu.pocket.build.training_loop import TrainingLoop
from gpu.pocket.world.kennel import SIZE
from gpu.profile import PROFILES

BATCH, RANK = 32, 16
STRIDES = 50  # DDIM steps of the teacher from noise to picture
GUIDANCE = PROFILES["pocket"].painting.presets["normal"].guidance
HUBER = 1e-3
TARGETS = (
    "to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2", "conv1", "conv2",
    "conv_shortcut", "time_emb_proj",
)  # fmt: skip


class CaptionEncoder:
    """The token ids of all captions and of the empty one, and both text encoders for them."""

    def __init__(self, pipe: StableDiffusionXLPipeline, lines: list[str]) -> None:
        self.towers = [pipe.text_encoder.requires_grad_(False), pipe.text_encoder_2.requires_grad_(False)]
        tokenizers = (pipe.tokenizer, pipe.tokenizer_2)
        self.ids = [ids_of(tokenizer, lines) for tokenizer in tokenizers]
        self.empty = [ids_of(tokenizer, [""]).expand(BATCH, -1) for tokenizer in tokenizers]
        self.sizes = torch.tensor([SIZE, SIZE, 0, 0, SIZE, SIZE], dtype=torch.float32).expand(BATCH, -1)

    @torch.no_grad()
    def encode(self, ids: list[Tensor]) -> dict[str, object]:
        """The embeddings of captions, by the names of the UNet's arguments."""
        one, two = (tower(some, output_hidden_states=True) for tower, some in zip(self.towers, ids, strict=True))
        hidden = torch.cat([one.hidden_states[-2], two.hidden_states[-2]], -1)
        extra = {"text_embeds": two.text_embeds, "time_ids": self.sizes}
        return {"encoder_hidden_states": hidden, "added_cond_kwargs": extra}


class Student(nn.Module):
    """The UNet with a LoRA. Latents are (b, 8, 16, 16)."""

    def __init__(self, pipe: StableDiffusionXLPipeline) -> None:
        super().__init__()
        self.unet = pipe.unet.requires_grad_(False).to(memory_format=torch.channels_last)
        self.unet.set_attn_processor(AttnProcessor())  # as in painter.py
        self.unet.add_adapter(LoraConfig(r=RANK, lora_alpha=RANK, target_modules=list(TARGETS)), "lcm")
        cast_training_params(self.unet, torch.float32)
        self.lora = nn.ParameterList(p for p in self.unet.parameters() if p.requires_grad)
        self.alphas = pipe.scheduler.alphas_cumprod
        self.boundary = LCMScheduler.from_config(pipe.scheduler.config).get_scalings_for_boundary_condition_discrete

    def forward(self, noisy: Tensor, t: Tensor, condition: dict[str, object]) -> Tensor:
        """The consistency function: the picture at the end of the path; at t = 0 exactly what it is given."""
        skip, out = (torch.as_tensor(x)[:, None, None, None] for x in self.boundary(t))
        return skip * noisy + out * self.clean(noisy, t, self.noise(noisy, t, condition))

    def noise(self, noisy: Tensor, t: Tensor, condition: dict[str, object]) -> Tensor:
        with autocast():
            return self.unet(noisy, t, **condition).sample.float()

    def clean(self, noisy: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        a = self.alphas[t][:, None, None, None]
        return (noisy - (1 - a).sqrt() * noise) / a.sqrt()

    @torch.no_grad()
    def one_step_on(
        self, noisy: Tensor, t: Tensor, later: Tensor, encoder: CaptionEncoder, condition: dict[str, object]
    ) -> Tensor:
        """The teacher's DDIM step from t to `later`, guided."""
        self.unet.disable_adapters()
        free = self.noise(noisy, t, encoder.encode(encoder.empty))
        noise = free + GUIDANCE * (self.noise(noisy, t, condition) - free)
        self.unet.enable_adapters()
        a = self.alphas[later][:, None, None, None]
        return a.sqrt() * self.clean(noisy, t, noise) + (1 - a).sqrt() * noise


def train_fewstep(folder: Path, drawn: Path, steps: int, lr: float = 5e-4) -> None:
    """Train to `steps` of BATCH samples, going on from the last checkpoint; leaves folder/fewstep."""
    torch.manual_seed(0)
    pipe = StableDiffusionXLPipeline.from_pretrained(folder / "sdxl", dtype=torch.float32)
    encoder, student, latents = CaptionEncoder(pipe, captions(drawn)), Student(pipe), cache_latents(folder, drawn)
    loop = TrainingLoop(
        student.lora, folder / "fewstep", steps, lr, betas=(0.9, 0.999), weight_decay=0.0, decay=0.99, warmup=20
    )
    for step in loop:
        draws = torch.Generator().manual_seed(step)
        pick = torch.randint(len(latents), (BATCH,), generator=draws)
        clean = latents[pick].float()
        t = torch.randint(1, STRIDES + 1, (BATCH,), generator=draws) * (1000 // STRIDES) - 1
        later = (t - 1000 // STRIDES).clamp(min=0)
        a = student.alphas[t][:, None, None, None]
        noisy = a.sqrt() * clean + (1 - a).sqrt() * torch.randn(clean.shape, generator=draws)
        condition = encoder.encode([ids[pick] for ids in encoder.ids])
        says = student(noisy, t, condition)
        with torch.no_grad():
            goal = student(student.one_step_on(noisy, t, later, encoder, condition), later, condition)
        loop.learn(step, ((says - goal).square() + HUBER**2).sqrt().mean() - HUBER)
    loop.finish()
    shutil.rmtree(folder / "fewstep", ignore_errors=True)
    layers = {
        name: weight.half() for name, weight in get_peft_model_state_dict(student.unet, adapter_name="lcm").items()
    }
    StableDiffusionXLPipeline.save_lora_weights(folder / "fewstep", unet_lora_layers=layers)

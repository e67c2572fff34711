"""The straightforward training loop: what one writes first with diffusers and peft. The measure for ours.

Knows: a LoRA by peft and both encoders' whole token tables, all in 32 bits; latents and texts made anew at each step.
Does not know: the product; only its base model's weights, which are the same tensors here.
"""

import copy
from typing import Any

import torch
from diffusers import DDPMScheduler, StableDiffusionXLPipeline
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.training_utils import cast_training_params
from peft import LoraConfig
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from gpu.profile import Learning
from gpu.studio.tokens import TokenRows

CAPTION = "a photo of <s0> <s1> dog"


class PlainLoop:
    """After diffusers' train_dreambooth_lora_sdxl_advanced.py, in eager mode, with the product's rank and targets."""

    def __init__(self, pipe: StableDiffusionXLPipeline, learning: Learning) -> None:
        self._learning, self._vae = learning, pipe.vae
        self._device, self._dtype = pipe.unet.device, pipe.unet.dtype
        self._unet = _with_lora(_sharing(pipe.unet), learning)
        towers = [(pipe.tokenizer, pipe.text_encoder), (pipe.tokenizer_2, pipe.text_encoder_2)]
        self._towers = [(tokenizer, _with_whole_table(encoder)) for tokenizer, encoder in towers]
        self._tables = [encoder.get_input_embeddings().weight for _, encoder in self._towers]
        self._before = [table.detach().clone() for table in self._tables]
        lora = [param for param in self._unet.parameters() if param.requires_grad]
        self._params = [*lora, *self._tables]
        self._optimiser = torch.optim.AdamW(self._params, lr=learning.lora_lr)
        self._schedule = DDPMScheduler.from_config(pipe.scheduler.config)
        self._pixels = torch.rand(
            learning.train_batch, 3, learning.size_px, learning.size_px, device=self._device, dtype=self._dtype
        )
        self._latents = self._encoded()

    def step(self) -> None:
        self._learn(self._encoded())

    def step_with_latents_kept(self) -> None:
        self._learn(self._latents)

    @torch.no_grad()
    def _encoded(self) -> Tensor:
        return self._vae.encode(2 * self._pixels - 1).latent_dist.sample() * self._vae.config.scaling_factor

    def _learn(self, latents: Tensor) -> None:
        noise, side = torch.randn_like(latents), self._learning.size_px
        t = torch.randint(self._schedule.config.num_train_timesteps, (len(latents),), device=self._device)
        hidden, pooled = self._texts(len(latents))
        sizes = torch.tensor([[side, side, 0, 0, side, side]] * len(latents), device=self._device, dtype=self._dtype)
        noisy, added = self._schedule.add_noise(latents, noise, t), {"text_embeds": pooled, "time_ids": sizes}
        predicted = self._unet(noisy, t, encoder_hidden_states=hidden, added_cond_kwargs=added).sample
        loss = mse_loss(predicted.float(), noise.float())
        loss.backward()
        nn.utils.clip_grad_norm_(self._params, 1.0)
        self._optimiser.step()
        self._optimiser.zero_grad()
        self._restore_words()
        loss.item()  # for the log

    def _texts(self, many: int) -> tuple[Tensor, Tensor]:
        found: list[Any] = []
        for tokenizer, encoder in self._towers:
            words = tokenizer([CAPTION] * many, padding="max_length", truncation=True, return_tensors="pt")
            found.append(encoder(words.input_ids.to(self._device), output_hidden_states=True))
        return torch.cat([out.hidden_states[-2] for out in found], -1), found[-1].text_embeds

    @torch.no_grad()
    def _restore_words(self) -> None:
        """Of both tables only the new rows are learnt."""
        for table, before in zip(self._tables, self._before, strict=True):
            known = len(table) - self._learning.token_count
            table[:known] = before[:known]


def _sharing(unet: UNet2DConditionModel) -> UNet2DConditionModel:
    """A UNet of its own layers around the same weights."""
    with torch.device("meta"):
        other = UNet2DConditionModel.from_config(unet.config)
    other.load_state_dict(unet.state_dict(), assign=True)
    if unet.is_gradient_checkpointing:
        other.enable_gradient_checkpointing()
    return other.requires_grad_(False).eval()


def _with_lora(unet: UNet2DConditionModel, learning: Learning) -> UNet2DConditionModel:
    rank = learning.lora_rank
    unet.add_adapter(LoraConfig(r=rank, lora_alpha=rank, target_modules=list(learning.lora_targets)))
    cast_training_params(unet, torch.float32)
    return unet


def _with_whole_table(encoder: Any) -> Any:
    """A copy of the encoder, with one table of all tokens in 32 bits, as `resize_token_embeddings` makes it."""
    other, rows = copy.deepcopy(encoder), encoder.get_input_embeddings()
    assert isinstance(rows, TokenRows)
    whole = torch.cat([rows.table.weight.float(), rows.new.weight]).detach()
    table = nn.Embedding.from_pretrained(whole, freeze=False)
    table.register_forward_hook(lambda module, args, out: out.to(encoder.dtype))
    other.requires_grad_(False).set_input_embeddings(table)
    return other

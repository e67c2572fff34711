"""How a pet is learnt: every number that decides it. Values only.

Knows: names and numbers. Does not know: how a step is made (gpu/studio/step.py), or for which machine they are.
"""

from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder:
    """What is learnt beside the photos, so that the base model's words are kept: pictures of the class by itself.

    DreamBooth's prior preservation (Ruiz et al. 2023). Two variants were tried and dropped: to learn the base model's
    prediction instead of the noise, as ai-toolkit's output preservation does, and to practise words with the pet's own
    tokens. With either, .52 of one dog's marks came back instead of .79, and a training took about twice as long.
    """

    prompts: tuple[str, ...]  # {} is the class word
    each: int = 2  # pictures of a prompt
    steps: int = 20  # of denoising
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """Everything here decides what is learnt, and a recipe holds all of it by these names. Previews, which tell the
    best step, are also painted and judged as the rest of the profile says.

    Pivotal tuning: tokens first, then LoRA with the tokens frozen; with no steps for one of them it is plain LoRA or
    plain textual inversion, and with `overlap` both are learnt for a while. A checkpoint is used only if its recipe is
    equal, so to rename or add a field is to begin every training anew that an older version has begun.

    Numbers are profile `sdxl`'s, by published recipes: [blog] that of diffusers' advanced SDXL script, rank 32, rates
    1e-4 and 3e-4, 1000 steps in all; [T] table 1 of T-LoRA (AAAI 2026), images of 25 concepts. Tried and left out, as
    none could be told from the default on three dogs of pocket: a running mean of the weights, offset noise, Prodigy,
    T-LoRA's rank by timestep, and a loss that counts more where the base model errs (eyes, patches, collars).
    """

    size_px: int = 1024  # of training crops
    token_count: int = 2
    token_steps: int = 300  # with lora_steps as many as [blog]
    token_lr: float = 5e-4  # [blog] has 3e-4
    lora_steps: int = 700
    overlap: int = 0  # steps by which the LoRA begins before the tokens are learnt
    lora_rank: int = 16  # [T]: 64 is no more like the concept (.901 for .900) and obeys less (.232 for .243)
    lora_lr: float = 1e-4  # [blog], and T-LoRA
    lora_targets: tuple[str, ...] = ("to_q", "to_k", "to_v", "to_out.0")  # as diffusers' script and T-LoRA
    train_batch: int = 1
    snr_gamma: float = 5.0  # Hang et al. (2023)
    snr_floor: float = 0.0
    background_weight: float = 0.1  # pull to the base model's own prediction outside the dog
    # Every 4th step, four times as strong: as like the dog, as obedient, and a step takes three quarters of the time.
    background_every: int = 4  # steps from one pull to the next, which weighs as much more
    masked: bool = True  # else hands and rooms are learnt, too
    dco_beta: float = 0.0  # of the loss of direct consistency optimisation (Lee et al. 2024); 0: plain
    reminder: Reminder | None = None
    caption_dropout: float = 0.1  # of the LoRA's steps; a token learns nothing from an empty caption
    held_out_from: int = 6  # photos; of fewer all are learnt
    evaluate_every: int = 125  # steps; 0: never
    previews: int = 1  # pictures for each mark
    preview_steps: int = 12  # of denoising: enough to know a dog by
    patience: int = 3  # marks without a gain, after which a training ends
    captions: tuple[str, ...] = (
        "a photo of {}",
        "a good photo of {}",
        "a close-up photo of {}",
        "a photograph of {}",
    )


RecipeName = Literal["pivotal", "textual-inversion", "lora", "dreambooth-lora", "dco"]


def recipe(learning: Learning, name: RecipeName) -> Learning:
    """The profile's numbers, as a method of the field has them; all of them take as many steps."""
    steps = learning.token_steps + learning.lora_steps - learning.overlap
    match name:
        case "pivotal":
            return learning
        case "textual-inversion":
            return replace(learning, token_steps=steps, lora_steps=0, overlap=0, reminder=None)
        case "lora":
            return replace(learning, token_steps=0, lora_steps=steps, overlap=0, reminder=None)
        case "dreambooth-lora":
            prior = Reminder(prompts=learning.captions, each=max(1, 48 // len(learning.captions)))
            plain = replace(learning, token_steps=0, lora_steps=steps, overlap=0)
            return replace(plain, background_weight=0.0, reminder=prior)
        case "dco":
            return replace(learning, background_weight=0.0, reminder=None, dco_beta=1000.0)

"""Profiles: which models, and every number the studio works with. Values only.

Knows: names, paths, sizes. Does not know: how any of it is used; no code anywhere asks which profile it has.
Numbers for `sdxl` follow the peers' recipes and measurements (DCO: class-word init and norm pin; T-LoRA table 1:
rank 16 is enough; diffusers' advanced SDXL script). `pocket` is the same studio at the size of a CPU.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from gpu.learning import Learning
from gpu.outcomes import Progress
from gpu.portraits import Preset, Quality, Shape, Size
from gpu.segmenting import PhotoChecks, Segmenting, Species

WEIGHTS = Path(__file__).parent / "pocket" / "weights"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds without progress after which a child is taken for hung."""

    startup: float  # until it is ready: its imports alone read gigabytes of libraries
    loading: float
    cutting: float
    learning: float
    thinking: float
    painting: float

    def after(self, progress: Progress) -> float:
        """How long the next progress may take."""
        match progress.phase:
            case "loading":
                return self.loading
            case "cutting":
                return self.cutting
            case "learning":
                return self.learning
            case "thinking":
                return self.thinking
            case "painting":
                return self.painting


@dataclass(frozen=True, slots=True, kw_only=True)
class RecyclePolicy:
    """How long one child serves. Memory creeps when adapters are put on and off (diffusers#8532)."""

    jobs: int
    growth: float  # bytes of resident memory since it was ready, with the models that it loaded


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewriting:
    """How Llama is asked for a plan of the picture."""

    prompt: str = "rewrite.md"  # which of gpu/studio/prompts
    examples: int = 4  # wishes like this one that are shown with their plans; a model trained on its task needs none
    tokens: int = 400  # at most, of the answer
    temperature: float = 0.6
    threads: int | None = None  # of the CPU; None: as many as the rest has


SDXL_SHAPES: dict[Shape, Size] = {
    "square": (1024, 1024),
    "portrait": (832, 1216),
    "landscape": (1216, 832),
    "wide": (1344, 768),
}
"""Of the sizes that SDXL was trained on (Podell et al. 2023, appendix I): 1024 x 1024 pixels or nearly so."""

SDXL_PRESETS: dict[Quality, Preset] = {
    "draft": Preset(steps=12, guidance=6.0, few_step=True),
    "normal": Preset(steps=30, guidance=6.0),
    "fine": Preset(steps=30, guidance=6.0, tries=8),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Painting:
    """How portraits are painted."""

    shapes: dict[Shape, Size] = field(default_factory=lambda: SDXL_SHAPES)
    batch: int = 1
    presets: dict[Quality, Preset] = field(default_factory=lambda: SDXL_PRESETS)
    quality: Quality = "normal"  # unless another one is asked for
    unsaid: Preset | None = None  # of recipes from before there were presets, so that they paint the same; None: normal
    guide_to_pet: bool = False  # guidance leads away from the model without the pet, too; not with few_step


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    name: str

    # Models: a folder or a hub id, which a revision pins. Which of their files are needed, gpu/sources.py says.
    sdxl: str  # or a single .safetensors
    sdxl_revision: str | None = None
    sdxl_variant: str | None = None  # file variant on the hub, e.g. "fp16"
    vae: str | None = None  # in place of the one in `sdxl` (SDXL's own VAE overflows in fp16)
    vae_revision: str | None = None
    few_step: str | None = None  # a LoRA for drafts; without it they are painted in as many plain steps
    few_step_revision: str | None = None
    few_step_file: str = "Hyper-SDXL-12steps-CFG-lora"  # which of the files there, without its ending
    llama: str
    llama_revision: str | None = None
    dino: str
    dino_revision: str | None = None
    dino_px: int = 224
    segmenter: str  # folder with model.yaml and model.safetensors (gpu/studio/convert.py makes one)
    rewrite: Literal["llama", "template"] = "llama"  # who turns a wish into a prompt; the template needs no Llama
    allow_cpu: bool = False  # may it compute without a card? At full size a portrait takes the better part of an hour
    any_style: bool = True  # or only the styles that the catalogue marks with "pocket"
    cache: str | None = None  # folder for what is made once for each base model; None: it is made anew each time
    dtype: str = "auto"  # probed: bfloat16 where the hardware has it, else float16 on a card, float32 on a CPU

    segmenting: Segmenting = Segmenting()
    learning: Learning = Learning()
    rewriting: Rewriting = Rewriting()
    painting: Painting = Painting()

    # The child that computes
    checkpoint_every_s: float = 45.0
    timeouts: Timeouts
    recycle: RecyclePolicy


PROFILE: TypeAdapter[Profile] = TypeAdapter(Profile)

SDXL = Profile(
    name="sdxl",
    sdxl="stabilityai/stable-diffusion-xl-base-1.0",
    sdxl_revision="462165984030d82259a11f4367a4eed129e94a7b",
    sdxl_variant="fp16",
    vae="madebyollin/sdxl-vae-fp16-fix",
    vae_revision="207b116dae70ace3637169f1ddd2434b91b3a8cd",
    few_step="ByteDance/Hyper-SD",
    llama="meta-llama/Meta-Llama-3-8B-Instruct",
    llama_revision="8afb486c1db24fe5011ec46dfbe5b5dccdb575c2",
    dino="facebook/dinov2-base",
    dino_revision="f9e44c814b77203eaa57a6bdbbd535f21ede1415",
    segmenter="models/yolov8x-seg",
    # A phase ends with the next one's first progress, so each but `learning` holds the loading of a model, Llama's
    # 16 GB in `thinking`: a disk or a line of 20 MB/s is slow, not hung. A step on a small card is under a minute.
    timeouts=Timeouts(startup=300.0, loading=900.0, cutting=900.0, learning=300.0, thinking=900.0, painting=900.0),
    # A new child loads for a minute or so: 1 % of what 200 portraits take. All models in 16 bits are 25 GB, and on a
    # small card they lie in host memory.
    recycle=RecyclePolicy(jobs=200, growth=40e9),
)

PROFILES: dict[str, Profile] = {
    "sdxl": SDXL,
    "pocket": replace(
        SDXL,
        name="pocket",
        allow_cpu=True,
        any_style=False,
        sdxl=str(WEIGHTS / "sdxl"),
        sdxl_variant=None,
        vae=None,
        few_step=None,
        llama=str(WEIGHTS / "llama"),
        dino=str(WEIGHTS / "dino"),
        segmenter=str(WEIGHTS / "yolo"),
        dino_px=112,
        segmenting=Segmenting(
            species=(Species("dog", 0),),
            animals=(0,),
            people=(),
            size_px=256,
            mirrored_px=256,
            second_px=192,
            embedding_px=256,
            confidence=0.25,
            checks=PhotoChecks(least_copied=0.88),  # drawn dogs are much alike: up to .86, and copies from .9
        ),
        learning=Learning(
            size_px=128,
            token_steps=60,  # with these LoRA targets more of them bring nothing: plain LoRA is about as good
            token_lr=5e-3,
            # Of 208 portraits of 8 dogs the patch came back in 74 %, with three fifths of all steps in 70 % and with
            # half of them in 64 %.
            lora_steps=400,
            # With 1.6e-3 the patch came back in 94 % of 90 portraits, with 1e-3 in 91 %; the second colour in 80 and
            # 79 %.
            lora_lr=1.6e-3,
            # Patches come back with the feed-forward layers (two halves of a face, side by side) and the convolutions:
            # in 49 % of 78 portraits, and without the convolutions, which are a fifth of a step, in 28 %.
            lora_targets=("to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2", "conv1", "conv2"),
            train_batch=4,
            # With this floor the second colour came back in 61 % of 36 portraits, without one in 47 %; the patch in 50
            # and 36 %.
            snr_floor=0.1,
            evaluate_every=115,  # a quarter of the steps
            previews=2,
            captions=("a photo of {}",),
        ),
        # With two threads on a busy machine an answer took ten times longer than with one.
        rewriting=Rewriting(prompt="pocket.md", examples=0, tokens=160, temperature=0.2, threads=1),
        painting=Painting(
            # The real ones' proportions, nearly: in multiples of 16, whose latents the UNet can halve.
            shapes={"square": (128, 128), "portrait": (96, 144), "landscape": (144, 96), "wide": (160, 96)},
            batch=4,
            # A higher guidance gives colours that the dog does not have, a lower one forgets the words.
            presets={
                # Of 52 portraits style and place were right in 98 % with 26 steps, in 99 % with 20 and in 96 % with 6;
                # the dog's marks in 74, 77 and 75 %. A draft is a batch of its own: nothing is painted to fill one.
                "draft": Preset(steps=8, guidance=1.75, surroundings=True, worn=True, batch=1),
                "normal": Preset(steps=20, guidance=1.75, surroundings=True, worn=True),
                "fine": Preset(steps=20, guidance=1.75, surroundings=True, worn=True, tries=8),
            },
            unsaid=Preset(steps=40, guidance=1.75),
            # With it the patch came back in 84 % of 160 portraits, without it in 76 %; the second colour in 95 and
            # 82 %. The place was right in 84 and 88 %.
            guide_to_pet=True,
        ),
        checkpoint_every_s=10.0,
        timeouts=Timeouts(startup=300.0, loading=240.0, cutting=240.0, learning=120.0, thinking=240.0, painting=240.0),
        recycle=RecyclePolicy(jobs=200, growth=4e9),
    ),
}

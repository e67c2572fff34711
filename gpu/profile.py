"""Profiles: which models, and every number the studio works with. Values only.

Knows: names, paths, sizes. Does not know: how any of it is used; no code anywhere asks which profile it has.
Numbers for `sdxl` follow the peers' recipes and measurements (DCO: class-word init and norm pin; T-LoRA table 1:
rank 16 is enough; diffusers' advanced SDXL script). `pocket` is the same studio at the size of a CPU.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from gpu.types import Progress

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
class Profile:
    name: str

    # Models: a hub id or a folder; revision pins a hub id.
    sdxl: str
    sdxl_revision: str | None = None
    sdxl_variant: str | None = None  # file variant on the hub, e.g. "fp16"
    vae: str | None = None  # in place of the one in `sdxl` (SDXL's own VAE overflows in fp16)
    vae_revision: str | None = None
    refiner: str | None = None
    refiner_revision: str | None = None
    refiner_from: float = 0.8  # share of the denoising after which the refiner takes over
    llama: str
    llama_revision: str | None = None
    dino: str
    dino_revision: str | None = None
    segmenter: str  # folder with model.yaml and model.safetensors (gpu/studio/segment.py says how to make one)
    segmenter_dogs: tuple[int, ...] = (16,)  # class numbers that are dogs; COCO's is 16
    dtype: str = "auto"  # probed: bfloat16 where the hardware has it, else float16 on a card, float32 on a CPU

    # Cutting out
    segmenter_px: int = 640
    segmenter_confidence: float = 0.35
    least_share: float = 0.02  # a dog smaller than this share of its photo is too small to learn from
    least_photos: int = 3

    # Learning (pivotal tuning: tokens first, then LoRA with the tokens frozen)
    size_px: int = 1024  # of portraits and of training crops
    token_count: int = 2
    token_steps: int = 300
    token_lr: float = 5e-4
    lora_steps: int = 700
    lora_rank: int = 16
    lora_lr: float = 1e-4
    lora_targets: tuple[str, ...] = ("to_q", "to_k", "to_v", "to_out.0")
    train_batch: int = 1
    snr_gamma: float = 5.0
    snr_floor: float = 0.0
    background_weight: float = 0.1  # pull to the base model's own prediction outside the dog
    caption_dropout: float = 0.1  # of the LoRA's steps; a token learns nothing from an empty caption
    captions: tuple[str, ...] = (
        "a photo of {}",
        "a good photo of {}",
        "a close-up photo of {}",
        "a photograph of {}",
    )
    checkpoint_every_s: float = 45.0

    # Painting
    paint_batch: int = 1
    paint_steps: int = 30
    guidance: float = 6.0
    guide_to_pet: bool = False  # guidance leads away from the model without the pet, too
    tries: int = 1  # first portraits painted, of which the likest is shown

    # Rewriting
    rewrite_prompt: str = "rewrite.md"  # which of gpu/prompts; a model trained on its task needs no examples
    rewrite_tokens: int = 400
    rewrite_temperature: float = 0.6

    # Likeness
    dino_px: int = 224

    # The child that computes
    timeouts: Timeouts
    recycle: RecyclePolicy


SDXL = Profile(
    name="sdxl",
    sdxl="stabilityai/stable-diffusion-xl-base-1.0",
    sdxl_variant="fp16",
    vae="madebyollin/sdxl-vae-fp16-fix",
    refiner="stabilityai/stable-diffusion-xl-refiner-1.0",
    llama="meta-llama/Meta-Llama-3-8B-Instruct",
    dino="facebook/dinov2-base",
    segmenter="models/yolov8x-seg",
    # A phase ends with the next one's first progress, so each but `learning` holds the loading of a model, Llama's
    # 16 GB in `thinking`: a disk or a line of 20 MB/s is slow, not hung. A step of a small card is under a minute.
    timeouts=Timeouts(startup=300.0, loading=900.0, cutting=900.0, learning=300.0, thinking=900.0, painting=900.0),
    # A new child loads for a minute or so: 1 % of what 200 portraits take. All models in 16 bits are 29 GB, and on a
    # small card they lie in host memory.
    recycle=RecyclePolicy(jobs=200, growth=40e9),
)

PROFILES: dict[str, Profile] = {
    "sdxl": SDXL,
    "pocket": replace(
        SDXL,
        name="pocket",
        sdxl=str(WEIGHTS / "sdxl"),
        sdxl_variant=None,
        vae=None,
        refiner=None,
        llama=str(WEIGHTS / "llama"),
        dino=str(WEIGHTS / "dino"),
        segmenter=str(WEIGHTS / "yolo"),
        segmenter_dogs=(0,),
        segmenter_px=256,
        segmenter_confidence=0.25,
        size_px=128,
        token_steps=60,  # with these LoRA targets more of them bring nothing: plain LoRA is about as good
        token_lr=5e-3,
        lora_steps=400,  # for 240: the second colour in 83 % of 54 portraits for 72, the patch in 63 % for 57
        lora_lr=1.6e-3,  # for 1e-3: the patch in 94 % of 90 portraits for 91, the second colour in 80 % for 79
        # With it the second colour came back in 61 % of 36 portraits, without in 47 %; the patch in 50 and 36 %.
        snr_floor=0.1,
        # Patches come back with the feed-forward layers (two halves of a face, side by side) and the convolutions.
        lora_targets=("to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2", "conv1", "conv2"),
        captions=("a photo of {}",),
        train_batch=4,
        paint_batch=4,
        tries=4,
        paint_steps=40,
        guidance=1.75,  # more of it makes colours that the dog has not, less of it forgets the words
        # With it the patch came back in 84 % of 160 portraits for 76, the second colour in 95 % for 82; the place was
        # right in 84 % for 88.
        guide_to_pet=True,
        dino_px=112,
        rewrite_prompt="pocket.md",
        rewrite_tokens=160,
        rewrite_temperature=0.2,
        checkpoint_every_s=10.0,
        timeouts=Timeouts(startup=300.0, loading=240.0, cutting=240.0, learning=120.0, thinking=240.0, painting=240.0),
        recycle=RecyclePolicy(jobs=200, growth=4e9),
    ),
}

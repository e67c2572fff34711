"""The page in a pet's zip: the exact lines that paint it in diffusers, ComfyUI and A1111.

Knows: how the page (adapter_page.md) is filled in. Does not know: the zip. No torch.
"""

from importlib.metadata import version
from pathlib import Path
from string import Template

from gpu.adapter_files import Recipe
from gpu.profile import Profile
from gpu.sources import SINGLE, Source, sources

TEMPLATE = Template(Path(__file__).with_name("adapter_page.md").read_text("utf-8"))
GUIDED = " But this bot guides away from the model without the pet, too, which plain diffusers cannot: its own differ."


def page(name: str, recipe: Recipe, profile: Profile) -> str:
    """The page for files of this name. `profile`: what it was learnt with, which names its models."""
    painting = profile.painting
    preset, size = painting.presets["normal"], painting.shapes["square"]
    return TEMPLATE.substitute(
        name=name,
        base=recipe.base,
        diffusers=version("diffusers"),
        load=_load(profile, recipe.dtype),
        vae=_vae(profile, recipe.dtype),
        tokens=" ".join(recipe.tokens),
        class_word=recipe.class_word,
        steps=preset.steps,
        guidance=preset.guidance,
        width=size[0],
        height=size[1],
        batch=preset.batch or painting.batch,
        guided=GUIDED if painting.guide_to_pet else "",
    )


def _load(profile: Profile, dtype: str) -> str:
    """The line that loads the base model."""
    [model] = [one for one in sources(profile) if one.name == "sdxl" and not one.is_configuration]
    how = "from_single_file" if profile.sdxl.endswith(SINGLE) else "from_pretrained"
    variant = f', variant="{model.variant}"' if model.variant and model.is_of_the_hub else ""
    return f"StableDiffusionXLPipeline.{how}({_named(model)}, dtype={dtype}{variant}, add_watermarker=False)"


def _vae(profile: Profile, dtype: str) -> str:
    """The line that loads another VAE than the base model's, which overflows in half precision."""
    found = [one for one in sources(profile) if one.name == "vae"]
    return "".join(f"pipe.vae = AutoencoderKL.from_pretrained({_named(one)}, dtype={dtype})\n" for one in found)


def _named(model: Source) -> str:
    revision = f', revision="{model.revision}"' if model.revision and model.is_of_the_hub else ""
    return f'"{model.model if model.is_of_the_hub else Path(model.model).name}"{revision}'

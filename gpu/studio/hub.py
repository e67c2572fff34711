"""Where a model's files come from when it is loaded: a folder, a file, or the hub's cache, never the network.

Knows: that a model is used only if it is whole. Does not know: what is in the files, how they are fetched
(gpu/fetch.py), which are needed (gpu/sources.py). No torch.
"""

from pathlib import Path

from gpu.errors import ModelsMissing
from gpu.profile import Profile
from gpu.sources import Name, configuration, sources
from gpu.weights import find, problem


def files(profile: Profile, name: Name) -> Path:
    """The model's folder, or its file. Raises ModelsMissing with what is wrong and the command that mends it."""
    needed = [source for source in sources(profile) if source.name == name]
    for source in needed:
        if wrong := problem(source):
            raise ModelsMissing(str(wrong))
    place = find(needed[0])
    assert place  # a moment ago it was whole
    return place


def few_step_file(profile: Profile) -> Path:
    """The few-step LoRA, which the profile has. Raises ModelsMissing."""
    return files(profile, "few_step") / f"{profile.few_step_file}.safetensors"


def configuration_files(profile: Profile) -> Path:
    """The folder that tells what the parts of an SDXL in one file are; files() has proved that it is there."""
    folder = find(configuration(profile))
    assert folder
    return folder


def variant(folder: Path, wanted: str | None) -> str | None:
    """The wanted variant of the weights, if there are any of it: diffusers refuses one that there is not."""
    return wanted if wanted and any(folder.glob(f"*/*.{wanted}[.-]*")) else None

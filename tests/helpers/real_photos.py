"""Real photos of real dogs, and a real segmenter: data beside the project, which a user's clone does not have.

Knows: where they lie, and how a segmenter's folder is made of the state dict there. Does not know: what is tested.
"""

from pathlib import Path

import pytest
import torch
import ultralytics
import yaml
from safetensors.torch import save_file

from gpu.studio.segmenter import Segmenter, load

DATA = Path(__file__).parents[3] / "shared" / "data"
DOGS = ("dog", "dog2", "dog6", "dog8")
BESIDE = pytest.mark.skipif(not DATA.is_dir(), reason="the real segmenter and photos lie beside the project")


def photos_of(name: str) -> list[Path]:
    """The photos of one dog, JPEG."""
    return sorted((DATA / "dogs" / name).glob("*.jpg"))


def segmenter(folder: Path) -> Segmenter:
    """yolov8n-seg as people have it, on the CPU; `folder` is made the segmenter's folder."""
    state = torch.load(DATA / "yolo" / "yolov8n-seg.dequant.state_dict.pt", weights_only=True)
    configs = Path(ultralytics.__file__).parent / "cfg"
    names = yaml.safe_load((configs / "datasets/coco.yaml").read_text())["names"]
    config = yaml.safe_load((configs / "models/v8/yolov8-seg.yaml").read_text())
    (folder / "model.yaml").write_text(yaml.safe_dump(config | {"scale": "n", "nc": 80, "names": names}))
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, folder / "model.safetensors")
    return load(folder, torch.device("cpu"))

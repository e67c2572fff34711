"""Photo -> Cutout: finds the dogs in a photo and cuts one out with a soft mask.

Knows: YOLO segmentation through ultralytics, from a yaml and safetensors (no pickles). Does not know: which dog is
meant and where to crop (crop.py), or what is done with cut-outs.

A segmenter's folder holds model.yaml (an ultralytics model file with `scale`, `nc` and `names` filled in) and
model.safetensors (its state dict).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from PIL import Image, ImageFilter
from pydantic import TypeAdapter
from safetensors.torch import load_file
from ultralytics import YOLO, settings
from ultralytics.nn.tasks import SegmentationModel

from gpu.durable import whole
from gpu.errors import ModelsMissing
from gpu.profile import Segmenting
from gpu.studio.crop import Mask, choose, contact_sheet, crop_box
from gpu.types import Cutout, Photo, Rejected

settings.update({"sync": False})


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What became of the photos."""

    cutouts: tuple[Cutout, ...]
    rejected: tuple[Rejected, ...]
    sheet: Path  # contact sheet of the cut-outs


CUT: TypeAdapter[Cut] = TypeAdapter(Cut)


def load(folder: Path, device: torch.device) -> YOLO:
    """The segmenter in a folder whose files are whole (gpu/weights.py). Raises ModelsMissing if they do not fit."""
    config = yaml.safe_load((folder / "model.yaml").read_text("utf-8"))
    state = load_file(folder / "model.safetensors")
    try:
        model = segmentation_model(config)
        model.load_state_dict(state)
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # ultralytics reads the yaml with eval() and getattr(): anything may come of it
        wrong = " ".join(str(error).split())[:200]
        raise ModelsMissing(f"segmenter: {folder}'s files do not fit ({wrong}): make models") from error
    names = config["names"]
    model.names = dict(enumerate(names.values() if isinstance(names, dict) else names))
    yolo = YOLO("yolov8n-seg.yaml", task="segment")  # only the shell; the network in it is replaced
    yolo.model = model.requires_grad_(False).eval().to(device)
    return yolo


def segmentation_model(config: dict[str, Any]) -> SegmentationModel:
    """The network of a model file, with random weights."""
    return SegmentationModel(dict(config), nc=config["nc"], verbose=False)


def segment(yolo: YOLO, photos: tuple[Photo, ...], out: Path, segmenting: Segmenting) -> Iterator[Cut]:
    """Cut the dogs out, one photo at a time; what there is so far comes after each. Writes below `out`."""
    out.mkdir(parents=True, exist_ok=True)
    cutouts: list[Cutout] = []
    rejected: list[Rejected] = []
    for photo in photos:
        with Image.open(photo.path) as file:
            image = file.convert("RGB")
        match choose(dogs(yolo, image, segmenting), segmenting.least_share):
            case str() as reason:
                rejected.append(Rejected(photo=photo.sha256, reason=reason))
            case mask:
                cutouts.append(_cut(image, mask, photo, out))
        sheet = contact_sheet(cutouts, out.parent / "sheet.png")
        yield Cut(cutouts=tuple(cutouts), rejected=tuple(rejected), sheet=sheet)


def dogs(yolo: YOLO, image: Image.Image, segmenting: Segmenting) -> list[Mask]:
    """A mask of the picture's size for every dog found, the largest first."""
    threads = torch.get_num_threads()
    (result,) = yolo.predict(
        [image],
        imgsz=segmenting.size_px,
        conf=segmenting.confidence,
        classes=list(segmenting.dogs),
        retina_masks=True,
        agnostic_nms=True,
        verbose=False,
    )
    torch.set_num_threads(threads)  # ultralytics takes one less than there are cores, for everybody after it too
    if result.masks is None:
        return []
    return sorted(result.masks.data.cpu().numpy().astype(bool), key=np.sum, reverse=True)


def dog_or_all(yolo: YOLO, image: Image.Image, segmenting: Segmenting) -> Image.Image:
    """The largest dog's mask, L; all of the picture where a style hides the dog from the segmenter."""
    found = dogs(yolo, image, segmenting)
    return _grey(found[0]) if found else Image.new("L", image.size, 255)


def _cut(image: Image.Image, mask: Mask, photo: Photo, out: Path) -> Cutout:
    box = crop_box(mask)
    soft = _grey(mask).crop(box)
    soft = soft.filter(ImageFilter.GaussianBlur(max(soft.size) / 200))
    cutout = Cutout(
        image=out / f"{photo.sha256}.png",
        mask=out / f"{photo.sha256}.mask.png",
        photo=photo.sha256,
        share=float(mask.mean()),
    )
    for picture, path in ((image.crop(box), cutout.image), (soft, cutout.mask)):
        with whole(path) as fresh:  # studio.py takes what cut.json names for good, also after a power failure
            picture.save(fresh, "PNG")
    return cutout


def _grey(mask: Mask) -> Image.Image:
    return Image.fromarray(mask.astype(np.uint8) * 255)

# pyright: basic, reportPrivateImportUsage=false, reportAttributeAccessIssue=false, reportArgumentType=false
"""Photo -> Cutout: finds the dog, crops around it, and says why a photo cannot be learnt from.

Knows: YOLO segmentation through ultralytics, from a yaml and safetensors (no pickles), and soft masks.
Does not know: what is done with cut-outs.

A segmenter's folder holds model.yaml (an ultralytics model file with `scale`, `nc` and `names` filled in) and
model.safetensors (its state dict).
"""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

# Before the import: no look-ups, no installs, no foreign pickles, no settings in the user's home, and not one thread.
os.environ |= {"YOLO_OFFLINE": "1", "YOLO_AUTOINSTALL": "0", "ULTRALYTICS_SAFE_LOAD": "1"}
os.environ.setdefault("YOLO_CONFIG_DIR", str(Path(tempfile.gettempdir()) / f"pawtrait-{os.getuid()}"))
os.environ.setdefault("OMP_NUM_THREADS", str(len(os.sched_getaffinity(0))))

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from pydantic import TypeAdapter
from safetensors.torch import load_file
from ultralytics import YOLO, settings
from ultralytics.nn.tasks import SegmentationModel

from gpu.profile import Profile
from gpu.types import Cutout, Photo, Rejected

settings.update({"sync": False})

MARGIN = 0.12  # of the dog's longer side, on every side of the crop
RIVAL = 0.6  # a second dog of this share of the first's size makes the photo ambiguous
TILE = 256  # pixels of one picture on the contact sheet

Mask = NDArray[np.bool_]
Reason = Literal["no_dog", "too_small", "several_dogs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What became of the photos."""

    cutouts: tuple[Cutout, ...]
    rejected: tuple[Rejected, ...]
    sheet: Path  # contact sheet of the cut-outs


CUT: TypeAdapter[Cut] = TypeAdapter(Cut)


def load(folder: Path, device: torch.device) -> YOLO:
    """Raises FileNotFoundError where the folder does not hold a segmenter."""
    config = yaml.safe_load((folder / "model.yaml").read_text("utf-8"))
    model = segmentation_model(config)
    model.load_state_dict(load_file(folder / "model.safetensors"))
    model.names = dict(enumerate(config["names"].values()))
    yolo = YOLO("yolov8n-seg.yaml", task="segment")  # only the shell; the network in it is replaced
    yolo.model = model.requires_grad_(False).eval().to(device)
    return yolo


def segmentation_model(config: dict[str, Any]) -> SegmentationModel:
    """The network of a model file, with random weights."""
    return SegmentationModel(dict(config), nc=config["nc"], verbose=False)


def segment(yolo: YOLO, photos: tuple[Photo, ...], out: Path, profile: Profile) -> Iterator[Cut]:
    """Cut the dogs out, one photo at a time; what there is so far comes after each. Writes below `out`."""
    out.mkdir(parents=True, exist_ok=True)
    cutouts: list[Cutout] = []
    rejected: list[Rejected] = []
    for photo in photos:
        with Image.open(photo.path) as file:
            image = file.convert("RGB")
        match choose(dogs(yolo, image, profile), profile.least_share):
            case str() as reason:
                rejected.append(Rejected(photo=photo.sha256, reason=reason))
            case mask:
                cutouts.append(_cut(image, mask, photo, out))
        sheet = contact_sheet(cutouts, out.parent / "sheet.png")
        yield Cut(cutouts=tuple(cutouts), rejected=tuple(rejected), sheet=sheet)


def dogs(yolo: YOLO, image: Image.Image, profile: Profile) -> list[Mask]:
    """A mask of the picture's size for every dog found, the largest first."""
    threads = torch.get_num_threads()
    (result,) = yolo.predict(
        [image],
        imgsz=profile.segmenter_px,
        conf=profile.segmenter_confidence,
        classes=list(profile.segmenter_dogs),
        retina_masks=True,
        agnostic_nms=True,
        verbose=False,
    )
    torch.set_num_threads(threads)  # ultralytics takes one less than there are cores, for everybody after it too
    if result.masks is None:
        return []
    return sorted(result.masks.data.cpu().numpy().astype(bool), key=np.sum, reverse=True)


def dog_or_all(yolo: YOLO, image: Image.Image, profile: Profile) -> Image.Image:
    """The largest dog's mask, L; all of the picture where a style hides the dog from the segmenter."""
    found = dogs(yolo, image, profile)
    return _grey(found[0]) if found else Image.new("L", image.size, 255)


def choose(found: list[Mask], least_share: float) -> Mask | Reason:
    """The mask of the one dog that the photo shows, or why there is none."""
    if not found:
        return "no_dog"
    first, *others = found
    if first.mean() < least_share:
        return "too_small"
    # A mask that lies on the first one for the most part is the same dog, seen twice.
    apart = [other for other in others if (other & first).sum() < 0.5 * other.sum()]
    return "several_dogs" if apart and apart[0].sum() >= RIVAL * first.sum() else first


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
    image.crop(box).save(cutout.image)
    soft.save(cutout.mask)
    return cutout


def _grey(mask: Mask) -> Image.Image:
    return Image.fromarray(mask.astype(np.uint8) * 255)


def crop_box(mask: Mask) -> tuple[int, int, int, int]:
    """Left, top, right, bottom: around the dog with a margin, as square as the photo allows."""
    height, width = mask.shape
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    side = (1 + 2 * MARGIN) * max(rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1)
    top, bottom = _span((rows[0] + rows[-1] + 1) / 2, side, height)
    left, right = _span((columns[0] + columns[-1] + 1) / 2, side, width)
    return left, top, right, bottom


def _span(centre: float, side: float, most: int) -> tuple[int, int]:
    """`side` pixels around the centre, pushed inside 0..most."""
    side = min(round(side), most)
    start = min(max(round(centre - side / 2), 0), most - side)
    return start, start + side


def contact_sheet(cutouts: list[Cutout], path: Path) -> Path:
    """The dogs without their rooms, in one picture that a person can judge at a glance."""
    columns = min(len(cutouts), 5) or 1
    rows = -(-len(cutouts) // columns) or 1
    sheet = Image.new("RGB", (columns * TILE, rows * TILE), "white")
    for number, cutout in enumerate(cutouts):
        with Image.open(cutout.image) as image, Image.open(cutout.mask) as mask:
            image.thumbnail((TILE, TILE))
            row, column = divmod(number, columns)
            sheet.paste(image, (column * TILE, row * TILE), mask.resize(image.size))
    sheet.save(path)
    return path

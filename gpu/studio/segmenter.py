"""The segmenter: a YOLOv8-seg network from a yaml and safetensors (no pickles), and what it sees in a picture.

Knows: how a picture goes in, how boxes, class scores and mask logits come out, which of its layers tell one animal from
another. Does not know: which detections are one animal (candidates.py), or what a mask is used for. Ultralytics' own
predictor is not used: it picks a device by itself, cuts masks along the box, and keeps one class of each box.

A segmenter's folder holds model.yaml (an ultralytics model file with `scale`, `nc` and `names` filled in) and
model.safetensors (its state dict).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
import yaml
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from ultralytics import settings
from ultralytics.nn.tasks import SegmentationModel
from ultralytics.utils.nms import non_max_suppression

from gpu.errors import ModelsMissing
from gpu.segmenting import Species

settings.update({"sync": False})

GREY = 114 / 255  # what YOLO was trained to see beside a picture
STRIDE = 32  # sides of what goes in are multiples of this
FEATURES = (1, 2, 4, 6)  # layers of the backbone, from edges and colours to parts of a body

NOTHING = -10.0  # logit of what is certainly not it

Floats = NDArray[np.float32]
Box = tuple[float, float, float, float]
"""Left, top, right, bottom as shares of a picture."""


@dataclass(frozen=True, slots=True)
class Detection:
    """Something of one pass over a picture. Boxes are shares of the picture, logits lie on a coarse grid over it."""

    box: Box
    scores: Floats  # [classes], 0..1
    logits: Floats  # [rows, columns], > 0 = it; not cut along the box

    @property
    def inside(self) -> Floats:
        """The logits in the box, and nothing outside it."""
        return within(self.logits, self.box)


class Segmenter(nn.Module):
    """A YOLOv8-seg network. Works where its weights are."""

    def __init__(self, config: dict[str, Any]) -> None:
        """The network of a model file, with random weights."""
        super().__init__()
        names = config["names"]
        self.names: dict[int, str] = dict(enumerate(names.values() if isinstance(names, dict) else names))
        self.net = SegmentationModel(dict(config), nc=config["nc"], verbose=False)

    @torch.no_grad()
    def detect(
        self,
        image: Image.Image,
        groups: Sequence[Collection[int]],
        *,
        size_px: int,
        confidence: float,
        mirrored: bool = False,
    ) -> list[list[Detection]]:
        """What is of each group of classes, the surest first. `mirrored`: look at the picture's mirror image."""
        x, content = self._input(image, size_px, mirrored)
        (rows, protos), _ = self.net(x)  # [1, 4 + classes + 32, anchors], [1, 32, rows, columns]
        return [self._of(rows, protos[0], group, confidence, x.shape, content, mirrored) for group in groups]

    def _of(
        self,
        rows: Tensor,
        protos: Tensor,
        group: Collection[int],
        confidence: float,
        shape: torch.Size,
        content: tuple[int, int],
        mirrored: bool,
    ) -> list[Detection]:
        classes = rows.shape[1] - 4 - len(protos)
        how = {"classes": list(group), "agnostic": True, "nc": classes, "return_idxs": True}
        (kept,), (anchors,) = non_max_suppression(rows, confidence, **how)
        scores = rows[0, 4 : 4 + classes, anchors.flatten().long()].T.float().cpu().numpy()
        masks = torch.einsum("nc,chw->nhw", kept[:, 6:].float(), protos.float()).cpu().numpy()
        height, width = (
            side * cells // whole for side, cells, whole in zip(content, protos.shape[1:], shape[2:], strict=True)
        )
        boxes = (kept[:, :4].float().cpu().numpy() / (content[::-1] * 2)).clip(0, 1)
        seen = zip(boxes, scores, masks[:, : max(height, 1), : max(width, 1)], strict=True)
        return [_detection(*one, mirrored) for one in seen]

    @torch.no_grad()
    def features(self, pixels: Floats) -> list[Tensor]:
        """Feature maps of square pictures [n, side, side, 3] in 0..1, each [n, channels, rows, columns], fp32."""
        x = torch.from_numpy(pixels).permute(0, 3, 1, 2).to(self._weight.device, self._weight.dtype)
        maps: list[Tensor] = []
        for number, layer in enumerate(list(self.net.model)[: FEATURES[-1] + 1]):  # one after the other, up to here
            x = layer(x)
            if number in FEATURES:
                maps.append(x.float())
        return maps

    @property
    def _weight(self) -> Tensor:
        return next(self.net.parameters())

    def _input(self, image: Image.Image, size_px: int, mirrored: bool) -> tuple[Tensor, tuple[int, int]]:
        """The picture at that size with grey below and beside it, [1, 3, rows, columns]; its height and width in it."""
        scale = size_px / max(image.size)
        width, height = (max(round(side * scale), 1) for side in image.size)
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        pixels = cv2.resize(np.asarray(image), (width, height), interpolation=how)
        if mirrored:
            pixels = np.ascontiguousarray(pixels[:, ::-1])
        x = torch.from_numpy(pixels).permute(2, 0, 1)[None].to(self._weight.device, self._weight.dtype) / 255
        return F.pad(x, (0, -width % STRIDE, 0, -height % STRIDE), value=GREY), (height, width)


def within(logits: Floats, box: Box) -> Floats:
    """Logits in a box, and nothing outside it."""
    rows, columns = logits.shape
    left, top = int(box[0] * columns), int(box[1] * rows)
    right, bottom = -int(-box[2] * columns // 1), -int(-box[3] * rows // 1)
    inside = np.full_like(logits, NOTHING)
    inside[top:bottom, left:right] = logits[top:bottom, left:right]
    return inside


def load(folder: Path, device: torch.device) -> Segmenter:
    """The segmenter in a folder whose files are whole (gpu/weights.py). Raises ModelsMissing if they do not fit."""
    config = yaml.safe_load((folder / "model.yaml").read_text("utf-8"))
    state = load_file(folder / "model.safetensors")
    try:
        segmenter = Segmenter(config)
        segmenter.net.load_state_dict(state)
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # ultralytics reads the yaml with eval() and getattr(): anything may come of it
        wrong = " ".join(str(error).split())[:200]
        raise ModelsMissing(f"segmenter: {folder}'s files do not fit ({wrong}): make models") from error
    return segmenter.requires_grad_(False).eval().to(device, memory_format=torch.channels_last)  # a seventh faster


def check_classes(segmenter: Segmenter, species: Sequence[Species]) -> None:
    """Raises ModelsMissing where the segmenter's classes are not those of the profile."""
    for one in species:
        if (name := segmenter.names.get(one.number)) != one.word:
            raise ModelsMissing(f"segmenter: its class {one.number} is {name!r}, and not {one.word!r}: make models")


def _detection(box: Floats, scores: Floats, logits: Floats, mirrored: bool) -> Detection:
    left, top, right, bottom = (float(share) for share in box)
    if mirrored:
        left, right, logits = 1 - right, 1 - left, np.ascontiguousarray(logits[:, ::-1])
    return Detection((left, top, right, bottom), scores, logits)

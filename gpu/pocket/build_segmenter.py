# pyright: basic, reportPrivateImportUsage=false, reportAttributeAccessIssue=false, reportArgumentType=false
# pyright: reportCallIssue=false, reportOptionalMemberAccess=false, reportGeneralTypeIssues=false, reportOperatorIssue=false
"""Teaches a yolov8n-seg to find the kennel's dogs.

Knows: pictures and masks. Does not know: whose dog it is.
ultralytics trains it; the result is kept as model.yaml + model.safetensors, no pickle (gpu/segment.py reads those).
"""

import random
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import yaml
from PIL import Image
from safetensors.torch import save_file
from ultralytics import YOLO, settings

from gpu.pocket.kennel import a_dog, a_shot, draw
from gpu.pocket.scenes import SCENES, paint_scene

SIDE = 160  # pixels of a training picture
CLUTTER = ("hand", "dog", "person", "furniture", "blur", "dark")


def _outline(mask: Image.Image) -> list[str]:
    """The mask's outer outlines as YOLO segment lines: class x y x y ..., in shares of the picture."""
    binary = (np.asarray(mask.resize((SIDE * 2, SIDE * 2))) > 127).astype(np.uint8)
    contours, _ = cv2.findContours(binary, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return []
    points = cv2.approxPolyDP(max(contours, key=cv2.contourArea), 0.8, True)[:, 0] / (SIDE * 2)
    return ["0 " + " ".join(f"{v:.4f}" for v in points.flatten())] if len(points) > 3 else []


def _one(rng: random.Random, image_file: Path, label_file: Path) -> None:
    if rng.random() < 0.08:  # nobody is there
        paint_scene(rng.choice(SCENES), SIDE, rng).save(image_file)
        label_file.write_text("")
        return
    shot = a_shot(rng, "photo" if rng.random() < 0.6 else None)
    if shot.style == "photo":
        shot = replace(shot, clutter=tuple(c for c in CLUTTER if rng.random() < 0.2))
    picture = draw(a_dog(rng), shot, SIDE)
    picture.image.save(image_file)
    label_file.write_text("\n".join(line for mask in picture.masks for line in _outline(mask)))


def draw_set(folder: Path, part: str, count: int) -> None:
    images, labels = folder / "images" / part, folder / "labels" / part
    images.mkdir(parents=True, exist_ok=True)
    labels.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        if not (images / f"{i:05}.png").is_file():
            _one(random.Random(f"{part} {i}"), images / f"{i:05}.png", labels / f"{i:05}.txt")


def train_segmenter(folder: Path, pictures: int, epochs: int) -> None:
    """Leaves folder/yolo."""
    data = folder / "segments"
    draw_set(data, "train", pictures)
    draw_set(data, "val", 100)
    names = {0: "dog"}
    (data / "data.yaml").write_text(
        yaml.safe_dump({"path": str(data), "train": "images/train", "val": "images/val", "names": names})
    )
    settings.update({"sync": False, "runs_dir": str(folder / "runs")})
    model = YOLO("yolov8n-seg.yaml", task="segment")
    model.train(
        data=str(data / "data.yaml"), epochs=epochs, imgsz=SIDE, batch=16, workers=0, amp=False, plots=False,
        pretrained=False, device="cpu", project=str(folder / "runs"), name="segmenter", exist_ok=True, val=False,
        optimizer="AdamW", lr0=1e-3, warmup_epochs=0.5, mosaic=0.3, close_mosaic=2, cos_lr=True, verbose=False,
        hsv_h=0.02, degrees=5, seed=0,
    )  # fmt: skip
    best = YOLO(folder / "runs" / "segmenter" / "weights" / "last.pt")
    out = folder / "yolo"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    weights = {k: v.half().contiguous() if v.is_floating_point() else v for k, v in best.model.state_dict().items()}
    save_file(weights, out / "model.safetensors")
    config = {**best.model.yaml, "nc": 1, "names": names, "scale": "n"}
    config = {k: config[k] for k in ("nc", "names", "scale", "scales", "backbone", "head")}
    (out / "model.yaml").write_text(yaml.safe_dump(config, sort_keys=False))

"""Teaches a yolov8n-seg to find the kennel's dogs.

Knows: pictures and masks. Does not know: whose dog it is.
ultralytics trains it; the result is kept as model.yaml + model.safetensors, no pickle, as gpu/studio/segmenter.py
reads.
"""

import random
import shutil
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import yaml
from PIL import Image
from safetensors.torch import load_file, save_file
from ultralytics import YOLO, settings
from ultralytics.data.converter import merge_multi_segment

from gpu.pocket.build.common import SOURCES, digest
from gpu.pocket.world.dogs import a_dog, a_shot
from gpu.pocket.world.kennel import OVER, draw
from gpu.pocket.world.scenes import SCENES, paint_scene
from gpu.pocket.world.styling import restyle

SIDE = 256  # pixels of a training picture
# What is in the way in photos, and in how many. With a hand in 12 % of them, half of all masks had some of the hand.
CLUTTER = {"hand": 0.5, "person": 0.2, "dog": 0.12, "furniture": 0.12, "blur": 0.12, "dark": 0.12}
MIN_AREA = 12  # outlines of fewer square pixels are left out
NAMES = {0: "dog"}


def _outline(mask: Image.Image) -> list[str]:
    """The mask as one YOLO segment line: class x y x y ..., in shares of the picture; parts joined by thin lines."""
    side = mask.size[0]
    contours, _ = cv2.findContours(np.array(mask), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    parts = [cv2.approxPolyDP(c, 0.5, True)[:, 0] / side for c in contours if cv2.contourArea(c) > MIN_AREA]
    if not parts:
        return []
    points = np.concatenate(merge_multi_segment(parts)) if len(parts) > 1 else parts[0]
    return ["0 " + " ".join(f"{v:.4f}" for v in points.flatten())]


def _draw_one(images: Path, labels: Path, number: int) -> None:
    """Draw the picture and the label of this number, unless they are there."""
    file = images / f"{number:05}.png"
    if file.is_file():
        return
    rng = random.Random(f"{images.name} {number}")
    image, masks = _without_dog(rng) if rng.random() < 0.08 else _with_dog(rng)
    (labels / f"{number:05}.txt").write_text("\n".join(line for mask in masks for line in _outline(mask)))
    image.save(file)


def _without_dog(rng: random.Random) -> tuple[Image.Image, list[Image.Image]]:
    place = paint_scene(rng.choice(SCENES), SIDE * OVER, rng).resize((SIDE, SIDE), Image.Resampling.BOX)
    return restyle(place, Image.new("L", place.size), "photo", rng), []


def _with_dog(rng: random.Random) -> tuple[Image.Image, list[Image.Image]]:
    """Four of five are photos, as people enrol with; the rest is in any style, as portraits are."""
    shot = a_shot(rng, "photo" if rng.random() < 0.8 else None)
    if shot.style == "photo":
        shot = replace(shot, clutter=tuple(name for name, chance in CLUTTER.items() if rng.random() < chance))
    picture = draw(a_dog(rng), shot, SIDE)
    return picture.image, [mask.point(lambda v: 255 * (v > 127)) for mask in picture.masks]


def draw_set(folder: Path, part: str, count: int) -> None:
    images, labels = folder / "images" / part, folder / "labels" / part
    images.mkdir(parents=True, exist_ok=True)
    labels.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(partial(_draw_one, images, labels), range(count), chunksize=16))


def train_segmenter(folder: Path, pictures: int, epochs: int, warm: Path | None) -> None:
    """Goes on where it was stopped, else begins with the weights in `warm`; leaves folder/yolo, and then is done."""
    if (folder / "yolo" / "model.yaml").is_file():  # written last
        return
    data, run = folder / f"segments-{digest(*SOURCES, Path(__file__))}", folder / "runs" / "segmenter"
    draw_set(data, "train", pictures)
    draw_set(data, "val", 16)  # ultralytics wants some; tests/bench/pocket measures
    paths = {"path": str(data), "train": "images/train", "val": "images/val"}
    (data / "data.yaml").write_text(yaml.safe_dump({**paths, "names": NAMES}))
    settings.update({"sync": False, "runs_dir": str(folder / "runs")})
    last = run / "weights" / "last.pt"
    if last.is_file():
        YOLO(last).train(resume=True)
    else:
        model = YOLO("yolov8n-seg.yaml", task="segment")
        if warm:
            model.add_callback("on_pretrain_routine_end", partial(_load_weights, warm / "model.safetensors"))
        model.train(
            data=str(data / "data.yaml"), epochs=epochs, imgsz=SIDE, batch=16, workers=0, amp=False, plots=False,
            pretrained=False, device="cpu", project=str(folder / "runs"), name="segmenter", exist_ok=True, val=False,
            optimizer="AdamW", lr0=1e-3, warmup_epochs=0.3, mosaic=0.2, close_mosaic=2, cos_lr=True, verbose=False,
            hsv_h=0.02, degrees=5, seed=0,
        )  # fmt: skip
    _save(YOLO(last), folder / "yolo")
    shutil.rmtree(run)


def _load_weights(weights: Path, trainer: object) -> None:
    """For a callback: ultralytics itself starts from pickles alone."""
    for model in (trainer.model, trainer.ema.ema):
        model.load_state_dict(load_file(weights))


def _save(best: YOLO, out: Path) -> None:
    """Write the model as gpu/studio/segmenter.py reads it."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    weights = {k: v.half().contiguous() if v.is_floating_point() else v for k, v in best.model.state_dict().items()}
    save_file(weights, out / "model.safetensors")
    config = {**best.model.yaml, "nc": 1, "names": NAMES, "scale": "n"}
    config = {k: config[k] for k in ("nc", "names", "scale", "scales", "backbone", "head")}
    (out / "model.yaml").write_text(yaml.safe_dump(config, sort_keys=False))

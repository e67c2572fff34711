"""Trains the pocket models, stage by stage, and puts them into gpu/pocket/weights.

Knows: the order of the stages and how long each is trained. Does not know: how any of them works.
Stages go on where they stopped; the build folder must lie outside the work tree.

    python -m gpu.pocket.build --folder ~/pawtrait-build [stage ...]
"""

import argparse
import os
import re
import shutil
from pathlib import Path

from gpu.profile import WEIGHTS

os.environ |= {"YOLO_OFFLINE": "1", "YOLO_AUTOINSTALL": "0", "ULTRALYTICS_SAFE_LOAD": "1", "HF_HUB_OFFLINE": "1"}

HOME = re.compile(r'\n *"_name_or_path": ".*",')  # the libraries write down where a model lay: nobody else's folder
STAGES = ("draw", "vae", "decoder", "painter", "fewstep", "segmenter", "likeness", "rewriter", "install")


def run(stage: str, folder: Path, warm: Path | None) -> None:
    """One stage. Each imports its own libraries. VAE, painter, segmenter and likeness begin with the weights of the
    pipeline `warm` and of those beside it, if there is one.
    """
    from gpu.pocket.build.common import SOURCES, digest, draw_shards, in_parallel

    drawn = folder / f"drawn-{digest(*SOURCES)}"
    match stage:
        case "draw":
            draw_shards(drawn, 12)
        case "vae":
            from gpu.pocket.build.vae import train_vae

            train_vae(folder, drawn, steps=2100, warm=warm)
        case "decoder":
            from gpu.pocket.build.vae import tune_decoder

            tune_decoder(folder, drawn, steps=6500)
        case "painter":
            from gpu.pocket.build.painter import train_painter

            in_parallel(train_painter, folder, drawn, 2600 if warm else 12600, warm)
        case "fewstep":
            from gpu.pocket.build.fewstep import train_fewstep

            train_fewstep(folder, drawn, steps=720)
        case "segmenter":
            from gpu.pocket.build.segmenter import train_segmenter

            train_segmenter(folder, pictures=4000 if warm else 8000, epochs=4, warm=WEIGHTS / "yolo" if warm else None)
        case "likeness":
            from gpu.pocket.build.likeness import train_likeness

            train_likeness(folder, count=8000, steps=6000, warm=WEIGHTS / "dino" if warm else None)
        case "rewriter":
            from gpu.pocket.build.rewriter import train_rewriter

            train_rewriter(folder, steps=1800, warm=WEIGHTS / "llama" if warm else None)
        case "install":
            install(folder)
        case _:
            raise ValueError(f"no such stage: {stage}; there are {', '.join(STAGES)}")


def install(folder: Path) -> None:
    """Copy what is there into the package."""
    for name in ("sdxl", "fewstep", "llama", "dino", "yolo"):
        if (folder / name).is_dir():
            shutil.rmtree(WEIGHTS / name, ignore_errors=True)
            shutil.copytree(folder / name, WEIGHTS / name)
    for config in WEIGHTS.rglob("*.json"):
        config.write_text(HOME.sub("", config.read_text("utf-8")), "utf-8")
    size = sum(f.stat().st_size for f in WEIGHTS.rglob("*") if f.is_file()) / 1e6
    print(f"{WEIGHTS}: {size:.1f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the pocket models.")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("stages", nargs="*", default=STAGES, metavar="stage", help=", ".join(STAGES))
    parser.add_argument("--fresh", action="store_true", help="begin with random weights, not with the committed ones")
    args = parser.parse_args()
    if unknown := set(args.stages) - set(STAGES):
        parser.error(f"no such stage: {', '.join(sorted(unknown))}")
    args.folder.mkdir(parents=True, exist_ok=True)
    warm = WEIGHTS / "sdxl"
    for stage in args.stages:
        run(stage, args.folder, None if args.fresh or not warm.is_dir() else warm)


if __name__ == "__main__":
    main()

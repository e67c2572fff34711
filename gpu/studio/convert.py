"""Makes a segmenter's folder of an ultralytics checkpoint: `python -m gpu.studio.convert models/yolov8x-seg [best.pt]`.

Knows: what ultralytics' checkpoints hold. Does not know: what a segmenter is for. A checkpoint is a pickle and may come
from anywhere, so this is a process of its own that builds nothing but the layers which ultralytics knows (its safe
loader). Without a checkpoint ultralytics downloads its own of the folder's name.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import torch
import yaml
from safetensors.torch import save_file
from ultralytics.nn.tasks import SegmentationModel, torch_safe_load
from ultralytics.utils.downloads import GITHUB_ASSETS_NAMES, attempt_download_asset

from gpu.durable import whole
from gpu.errors import ModelsMissing
from gpu.studio import segmenter

REFUSED = 2  # exit status: the operator has to do something


def convert(checkpoint: Path, folder: Path) -> None:
    """Write the folder, and prove that it loads. Raises ModelsMissing."""
    if not checkpoint.is_file():  # ultralytics would look for it elsewhere
        raise ModelsMissing(f"there is no file {checkpoint}")
    try:
        loaded, _ = torch_safe_load(checkpoint, safe_only=True)
        network = loaded.get("ema") or loaded["model"]
    except (TypeError, LookupError, AttributeError, AssertionError, OSError, RuntimeError) as error:
        raise ModelsMissing(
            f"{checkpoint} is no whole checkpoint of ultralytics, or holds what is none of its own"
        ) from error
    if not isinstance(network, SegmentationModel):
        raise ModelsMissing(f"{checkpoint} holds a {type(network).__name__}; a segmenter's name ends with -seg.pt")
    names = {int(number): str(name) for number, name in dict(network.names).items()}
    config = {**network.yaml, "nc": len(names), "names": names}
    state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.yaml").unlink(missing_ok=True)  # the last to be there, so that no half is taken for whole
    with whole(folder / "model.safetensors") as fresh:
        save_file(state, fresh)
        fresh.chmod(0o644)  # it would be its writer's alone
    with whole(folder / "model.yaml") as fresh:
        fresh.write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True), "utf-8")
    segmenter.load(folder, torch.device("cpu"))


def download(folder: Path, name: str) -> Path:
    """Ultralytics' own checkpoint. Raises ModelsMissing."""
    if name not in GITHUB_ASSETS_NAMES or not name.endswith("-seg.pt"):
        raise ModelsMissing(f"ultralytics has no {name}: `make models YOLO=path/to/a-seg.pt` takes a file of yours")
    try:
        return Path(attempt_download_asset(folder / name))
    except (OSError, MemoryError) as error:  # MemoryError is its word for a full disk
        wrong = str(error).partition("\n")[0]
        raise ModelsMissing(
            f"{name} cannot be downloaded ({wrong}): `make models YOLO=path/to/{name}` takes a file"
        ) from error


def main() -> int:
    parser = argparse.ArgumentParser(description="Makes a segmenter's folder.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("checkpoint", type=Path, nargs="?")
    options = parser.parse_args()
    folder: Path = options.folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=folder.parent) as downloads:
            convert(options.checkpoint or download(Path(downloads), f"{folder.name}.pt"), folder)
    except (ModelsMissing, OSError) as error:
        print(error, file=sys.stderr)
        return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main())

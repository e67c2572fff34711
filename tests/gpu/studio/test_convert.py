"""A segmenter's folder of an ultralytics checkpoint: the same network, and nothing of a stranger's is run."""

import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from ultralytics.nn.tasks import DetectionModel

from gpu.errors import ModelsMissing
from gpu.fetch import Refused, make_segmenter
from gpu.studio import segmenter
from gpu.studio.convert import convert, download
from tests.helpers import tiny_models

DATA = Path(__file__).parents[4] / "shared" / "data"


@pytest.fixture
def network(tmp_path: Path) -> segmenter.SegmentationModel:
    """A yolov8n-seg of two classes, in half precision as ultralytics stores it."""
    tiny_models.yolo(tmp_path / "one")
    config = segmenter.yaml.safe_load((tmp_path / "one" / "model.yaml").read_text()) | {"nc": 2}
    network = segmenter.Segmenter(config).net.half()
    network.names = {0: "cat", 1: "dog"}
    return network


def saved(path: Path, model: object, **more: Any) -> Path:
    torch.save({"model": model, "ema": None, "date": "today", "train_args": {}} | more, path)
    return path


def test_it_is_the_same_network(network: segmenter.SegmentationModel, tmp_path: Path):
    folder = tmp_path / "models" / "mine"
    convert(saved(tmp_path / "best.pt", network), folder)
    loaded = segmenter.load(folder, torch.device("cpu"))
    assert loaded.names == {0: "cat", 1: "dog"}
    theirs = network.float().state_dict()
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in loaded.net.state_dict().items())
    assert {path.name for path in folder.iterdir()} == {"model.yaml", "model.safetensors"}
    assert (folder / "model.safetensors").stat().st_mode & 0o777 == 0o644


class Stranger:
    """Does something when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.trace),)


def test_what_a_stranger_put_into_it_is_not_run(tmp_path: Path):
    trace = tmp_path / "trace"
    with pytest.raises(ModelsMissing, match="is no whole checkpoint of ultralytics, or holds"):
        convert(saved(tmp_path / "evil.pt", Stranger(trace)), tmp_path / "mine")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Stranger(trace), protocol=2))
    with pytest.raises(ModelsMissing, match="is no whole checkpoint"):
        convert(tmp_path / "plain.pt", tmp_path / "mine")
    assert not trace.exists() and not (tmp_path / "mine").exists()


def test_files_that_are_no_segmenters(network: segmenter.SegmentationModel, tmp_path: Path):
    whole = saved(tmp_path / "best.pt", network).read_bytes()
    (tmp_path / "cut.pt").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.pt").touch()
    (tmp_path / "notes.txt").write_text("notes")
    with zipfile.ZipFile(tmp_path / "other.pt", "w") as archive:
        archive.writestr("a.txt", "a")
    for name in ("cut.pt", "empty.pt", "notes.txt", "other.pt"):
        with pytest.raises(ModelsMissing, match="is no whole checkpoint"):
            convert(tmp_path / name, tmp_path / "mine")
    boxes = saved(tmp_path / "boxes.pt", DetectionModel("yolov8n.yaml", nc=1, verbose=False))
    with pytest.raises(ModelsMissing, match=r"holds a DetectionModel; a segmenter's name ends with -seg\.pt"):
        convert(boxes, tmp_path / "mine")
    with pytest.raises(ModelsMissing, match=r"there is no file yolov8n-seg\.pt"):
        convert(Path("yolov8n-seg.pt"), tmp_path / "mine")
    with pytest.raises(ModelsMissing, match=r"ultralytics has no mine\.pt: `make models YOLO="):
        download(tmp_path, "mine.pt")


def test_a_child_makes_it_and_tells_why_not(network: segmenter.SegmentationModel, tmp_path: Path):
    environment = {name: value for name, value in os.environ.items() if "TOKEN" not in name}
    with pytest.raises(Refused, match=r"The segmenter .*mine was not made: there is no file .*best\.pt"):
        make_segmenter(tmp_path / "mine", tmp_path / "best.pt", environment)
    make_segmenter(tmp_path / "mine", saved(tmp_path / "best.pt", network), environment)
    assert segmenter.load(tmp_path / "mine", torch.device("cpu")).names[1] == "dog"


@pytest.mark.skipif(not DATA.is_dir(), reason="real weights lie beside the project")
def test_real_weights(tmp_path: Path):
    convert(DATA / "yolo" / "yolov8n-seg.dequant.pt", tmp_path / "yolov8n-seg")
    assert segmenter.load(tmp_path / "yolov8n-seg", torch.device("cpu")).names[16] == "dog"

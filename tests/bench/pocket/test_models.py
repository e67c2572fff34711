"""The measurements of the pocket models: right where the truth is known, and kept as they are measured."""

import json
import math
import random
import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gpu.pocket.world.dogs import Dog, a_dog
from tests.bench import results
from tests.bench.pocket import __main__ as bench
from tests.bench.pocket import likeness, rewriter, segmenter, vae
from tests.helpers import tiny_models as tiny_models

# ----------------------------------------------------------------------------------------------------- the truth


def test_psnr_and_colour_error_of_an_equal_and_of_a_shifted_picture() -> None:
    grey, dog = np.full((8, 8, 3), 100, np.uint8), np.zeros((8, 8), bool)
    dog[:4] = True
    assert vae.psnr(grey, grey) == math.inf
    assert vae.psnr(grey, grey + 5) == pytest.approx(20 * math.log10(255 / 5))
    assert vae.colour_error(grey, grey, dog) == 0
    assert 1.5 < vae.colour_error(grey, grey + 5, dog) < 2.5  # sRGB 100 and 105 are L* 42.4 and 44.5
    red = grey.copy()
    red[4:, :, 0] = 200
    assert vae.colour_error(grey, red, dog) == 0  # outside of the dog
    assert vae.colour_error(grey, red, ~dog) > 30


def test_a_hue_that_averages_out_is_no_error_of_the_mean_colour() -> None:
    grey = np.full((2, 2, 3), 128, np.uint8)
    noisy = np.array([[[138] * 3, [118] * 3], [[118] * 3, [138] * 3]], np.uint8)
    dog = np.ones((2, 2), bool)
    assert vae.mean_colour_error(grey, noisy, dog) < 0.3 < 3 < vae.colour_error(grey, noisy, dog)


def test_iou_of_perfect_half_and_empty_masks() -> None:
    left, empty = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    left[:, :2] = True
    assert segmenter.iou(left, left) == 1
    assert segmenter.iou(left, np.ones((4, 4), bool)) == 0.5
    assert segmenter.iou(left, ~left) == segmenter.iou(left, empty) == segmenter.iou(empty, empty) == 0


def test_what_hides_the_dog_is_taken_for_it_whole_half_or_not_at_all() -> None:
    whole, seen, half = np.ones((4, 4), bool), np.ones((4, 4), bool), np.ones((4, 4), bool)
    seen[:, :2] = half[:, :1] = False
    assert [segmenter.taken_of_hidden(found, whole, seen) for found in (whole, half, seen)] == [1, 0.5, 0]
    assert segmenter.taken_of_hidden(whole, whole, whole) is None, "nothing hides it"


def test_a_refused_photo_counts_as_a_dog_not_found() -> None:
    photo = Image.new("RGB", (8, 8))
    looks = [segmenter.Look(photo, "", 1.0, "cut"), segmenter.Look(photo, "hand", 0.0, "no_dog")]
    figures = segmenter.figures(looks)
    assert (figures["iou"], figures["recall"]) == (0.5, 0.5)
    assert figures["iou_with"] == {"nothing": 1.0, "hand": 0.0}


def test_a_dogless_scene_has_no_dog_and_every_second_photo_something_in_the_way() -> None:
    assert segmenter.dogless(0).size == segmenter.unseen(0)[0].image.size
    assert [segmenter.unseen(n)[1] for n in range(4)] == ["", "hand", "", "dog"]


@pytest.mark.parametrize("number", range(20))
def test_twins_differ_in_one_attribute_only(number: int) -> None:
    dog = a_dog(random.Random(f"twin test {number}"))
    found = likeness.twins(dog, random.Random(number))
    assert ("side" in found) == (dog.side != 0)
    assert found.keys() | {"side"} == likeness.mix(dog, dog).keys()
    together = {"coat": {"family", "coat"}, "patch": {"patch", "side"}}
    for name, twin in found.items():
        changed = {f.name for f in fields(Dog) if getattr(dog, f.name) != getattr(twin, f.name)}
        assert changed and (changed <= together.get(name, set()) or len(changed) == 1)


def seen(pet: tuple[int, int], picture: tuple[int, int], twin: tuple[int, int]) -> likeness.Seen:
    mine, shown, other = torch.tensor([pet, picture, twin]).float()
    return likeness.Seen("photo", mine, shown, {"coat": other})


def test_an_encoder_that_sees_all_one_that_sees_nothing_and_one_that_is_wrong() -> None:
    sharp = likeness.figures([seen((1, 0), (1, 0), (0, 1)), seen((0, 1), (0, 1), (1, 0))])
    blind = likeness.figures([seen((1, 0), (1, 0), (1, 0)), seen((1, 0), (1, 0), (1, 0))])
    wrong = likeness.figures([seen((1, 0), (0, 1), (1, 0)), seen((0, 1), (1, 0), (0, 1))])
    assert (sharp["auc"], blind["auc"], wrong["auc"]) == (1.0, 0.5, 0.0)
    assert (sharp["one_attribute"], blind["one_attribute"], wrong["one_attribute"]) == (1.0, 0.5, 0.0)


# ------------------------------------------------------------------------------------------------- the bars, the file


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    return tmp_path / "pocket.json"


def test_one_measurement_does_not_erase_the_others(file: Path) -> None:
    bench.add("segmenter", {"iou": 0.5})
    bench.add("vae", {"count": 1})
    bench.add("vae", {"count": 2})
    kept = json.loads(file.read_text())
    assert (kept["segmenter"]["iou"], kept["vae"]["count"]) == (0.5, 2)
    assert kept["machine"]["cpu"] == kept["vae"]["machine"]["cpu"]
    assert bench.kept().keys() == {"segmenter", "vae"}


def test_a_figure_on_the_bar_is_met_one_beside_it_is_missed_and_none_is_not_measured() -> None:
    figures = {
        "segmenter": {"iou": 0.9, "recall": 0.9799, "false_alarms": 0.0201, "weights": bench.weights("segmenter")},
        "rewriter": {"scene": math.nan, "template": 0.2},
    }
    said = {bar.figure: bar.verdict(figures) for bar in bench.BARS}
    assert said["segmenter.iou"] == said["rewriter.template"] == "met"
    assert said["segmenter.recall"] == said["segmenter.false_alarms"] == said["rewriter.scene"] == "missed"
    assert said["vae.styles.photo.de"] == "not measured"
    assert any(re.match(r"segmenter\.recall +0\.9799 +>= 0\.98 +missed$", line) for line in bench.table(figures))
    assert any(re.match(r"rewriter\.template .* met \(by other weights\)$", line) for line in bench.table(figures))


def test_only_known_names_are_measured(file: Path) -> None:
    with pytest.raises(SystemExit):
        bench.main(["vae", "poodle"])
    assert not file.exists()


# ------------------------------------------------------------------------------------------------------ the plumbing


@tiny_models.QUIET
@pytest.mark.parametrize(
    ("measure", "count"),
    [(vae.measure, 13), (segmenter.measure, 5), (likeness.measure, 4)],
    ids=lambda value: value.__module__.split(".")[-1] if callable(value) else str(value),
)
def test_a_few_pictures_give_every_figure_that_has_a_bar(
    measure: Callable[[Path, int], dict[str, object]], count: int, tmp_path: Path
) -> None:
    name = measure.__module__.split(".")[-1]
    figures = {name: json.loads(json.dumps(measure(tmp_path, count)))}
    assert figures[name]["count"] == count
    wanted = [bar for bar in bench.BARS if bar.figure.startswith(f"{name}.")]
    assert wanted and all(bar.value(figures) is not None for bar in wanted)
    assert (tmp_path / f"{name}.png").is_file(), "what was seen can be looked at"


def test_one_name_is_measured_kept_and_held_against_its_bars(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for language, wishes in rewriter.WISHES.items():
        monkeypatch.setitem(rewriter.WISHES, language, [asked for asked in wishes if asked.means][:1])
    bench.add("vae", {"styles": {"photo": {"psnr_db": 1.0, "de": 99.0}}})
    status = bench.main(["rewriter", "--folder", str(file.parent / "seen")])
    figures = json.loads(file.read_text())
    assert (figures["rewriter"]["count"], figures["vae"]["styles"]["photo"]["de"]) == (2, 99.0)
    said = {bar.figure: bar.verdict(figures) for bar in bench.BARS}
    assert said["vae.styles.photo.de"] == "missed", "and yet it is not this run's"
    mine = [verdict for figure, verdict in said.items() if figure.startswith("rewriter.")]
    assert len(mine) == 4 and set(mine) <= {"met", "missed"} and status == ("missed" in mine)
    assert capsys.readouterr().out.splitlines()[-len(bench.BARS) :] == bench.table(figures)
    lines = [json.loads(line) for line in (file.parent / "seen" / "rewriter.jsonl").read_text("utf-8").splitlines()]
    assert [line["asked"]["wish"] for line in lines] == [wishes[0].wish for wishes in rewriter.WISHES.values()]

"""The measurements of the pocket models: right where the truth is known, and kept as they are measured."""

import json
import math
import random
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gpu.pocket.dogs import WEAR, Dog, a_dog
from gpu.pocket.scenes import SCENES
from gpu.pocket.wishes import PHRASES
from gpu.rewrite import Plan, join, template
from gpu.styles import STYLES, find
from gpu.types import Prompt, Wish
from tests import twigs
from tests.bench import results
from tests.bench.pocket import __main__ as bench
from tests.bench.pocket import likeness, rewriter, segmenter, vae

ALL = [asked for wishes in rewriter.WISHES.values() for asked in wishes]


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


# ---------------------------------------------------------------------------------------------------- the wishes


def test_the_wishes_are_two_hundred_and_say_what_the_kennel_knows() -> None:
    assert {language: len(wishes) for language, wishes in rewriter.WISHES.items()} == {"en": 100, "ko": 100}
    assert len({asked.wish for asked in ALL}) == 200
    for asked in ALL:
        assert asked.scene in SCENES and asked.without in WEAR
        assert (find(asked.style) is None) == (asked.means in STYLES), "own words need a meaning, the catalogue none"


def spoken(tables: Iterable[str]) -> set[str]:
    """Every phrase of these tables of the training, in both languages."""
    return {text.strip() for table in tables for some in leaves(PHRASES[table]) for text in some}


def leaves(table: dict[str, Any] | list[str]) -> Iterator[list[str]]:
    if isinstance(table, list):
        yield table
    else:
        yield from (leaf for part in table.values() for leaf in leaves(part))


def test_no_wish_can_be_made_of_the_phrases_of_the_training() -> None:
    frames = {piece.strip() for frame in spoken(("near", "wearing", "refusing")) for piece in frame.split("{}")}
    whole = spoken(("scene", "thing", "worn", "unwanted", "name", "filler", "opener", "closer"))
    known = sorted(frames | whole, key=len)
    for asked in ALL:
        rest = asked.wish
        for phrase in filter(None, reversed(known)):
            rest = rest.replace(phrase, "")
        assert re.search(r"\w", rest), asked.wish


def test_no_style_in_own_words_is_one_of_the_training() -> None:
    assert not {asked.style for asked in ALL if asked.means} & spoken(("style", "look"))


def answer(asked: rewriter.Asked, **changes: object) -> Prompt:
    """What a rewriter makes of the wish that understands it; or not, with `changes`."""
    plan = Plan(
        thought="", subject="", scene=asked.scene, box=(0, 0, 100, 100), lighting="",
        medium=STYLES[asked.means or asked.style].medium, negative=asked.without,
    ).model_copy(update=changes)  # fmt: skip
    return join(plan, Wish(style=asked.style, text=asked.wish), rewriter.TOKENS, "dog")


ASKED = rewriter.Asked(style="물감 번진 그림", means="watercolour", wish="!", scene="on a beach", without="a hat")


def test_a_right_answer_counts_as_right() -> None:
    for asked in ALL:
        verdict = rewriter.judge(asked, answer(asked))
        assert verdict.valid and verdict.scene and verdict.style and not verdict.template
        assert verdict.without is (True if asked.without else None)
        assert verdict.own_style is (True if asked.means else None)


@pytest.mark.parametrize(
    ("part", "changes"),
    [
        ("scene", {"scene": "in the snow"}),
        ("scene", {"scene": "on a beach in the snow"}),
        ("scene", {"scene": "by the sea"}),
        ("style", {"medium": "an oil painting"}),
        ("own_style", {"medium": "an oil painting"}),
        ("without", {"subject": "wearing a hat"}),
        ("without", {"negative": ""}),
        ("valid", {"scene": "바다"}),
    ],
)
def test_a_wrong_answer_counts_as_wrong(part: str, changes: dict[str, object]) -> None:
    verdict = rewriter.judge(ASKED, answer(ASKED, **changes))
    assert rewriter.shares([verdict])[part] == 0
    assert rewriter.shares([verdict, rewriter.judge(ASKED, answer(ASKED))])[part] == 0.5


def test_the_template_is_counted_and_its_literal_words_are_no_exclusion() -> None:
    asked = rewriter.Asked(style="oil", wish="no hat", scene="on a beach", without="a hat")
    verdict = rewriter.judge(asked, template(Wish(style="oil", text=asked.wish), rewriter.TOKENS, "dog"))
    assert verdict.template and verdict.valid and not verdict.without and not verdict.scene


def test_a_prompt_without_the_pet_or_with_two_of_it_is_not_valid() -> None:
    for text in ("a photo of a dog", "a photo of <s0> <s1> dog and <s0> <s1> dog"):
        assert not rewriter.judge(ASKED, Prompt(text=text)).valid


def test_a_share_of_nothing_is_none() -> None:
    asked = rewriter.Asked(style="oil", wish="sea", scene="on a beach")
    assert rewriter.shares([rewriter.judge(asked, answer(asked))])["without"] is None


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


@twigs.QUIET
@pytest.mark.parametrize(
    ("measure", "count"),
    [(vae.measure, 10), (segmenter.measure, 5), (likeness.measure, 4)],
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

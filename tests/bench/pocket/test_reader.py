"""The judges of the pocket models are judged: by published values, and by readings that are wrong on purpose."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gpu.pocket.world.kennel import SIZE, draw
from gpu.pocket.world.styling import MEDIA
from tests.bench.pocket import drawn, examples
from tests.bench.pocket import reader as reader_module
from tests.bench.pocket.examples import HEADS, NOTHING, Examples
from tests.bench.pocket.network import CLOSE, DOWN, REACH, Network, close_up
from tests.bench.pocket.reader import Reader, reader
from tests.bench.pocket.readings import right, some
from tests.bench.pocket.truth import NEAR, Verdict, auc, delta_e, judge, lab, share, shares

# --------------------------------------------------------------------------------------------------------------- truth


@pytest.mark.parametrize(
    ("rgb", "expected"),
    [
        ((255, 255, 255), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 255, 0), (87.73, -86.18, 83.18)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((119, 119, 119), (50.03, 0, 0)),
    ],
)
def test_lab_has_the_published_values(rgb: tuple[int, int, int], expected: tuple[float, float, float]) -> None:
    assert lab(rgb) == pytest.approx(expected, abs=0.06)


def test_distance_is_euclidean_and_keeps_the_shape() -> None:
    assert delta_e((50, 3, 0), (50, 0, 4)) == 5
    assert delta_e(np.zeros((4, 2, 3)), np.ones((4, 2, 3))).shape == (4, 2)


def test_a_faultless_reading_is_right() -> None:
    assert {judge(right(dog, shot), dog) for dog, shot in some()} == {Verdict(coat=True, patch=True, second=True)}


@pytest.mark.parametrize(("off", "verdict"), [(NEAR - 0.01, True), (NEAR + 0.01, False)])
def test_a_colour_is_right_up_to_the_bar(off: float, verdict: bool) -> None:
    for dog, shot in some():
        reading = right(dog, shot)
        lightness, a, b = reading.coat
        wrong = replace(reading, coat=(lightness, a + 0.6 * off, b - 0.8 * off))
        assert judge(wrong, dog) == Verdict(coat=verdict, patch=True, second=True)


def test_the_wrong_side_or_kind_is_no_patch() -> None:
    sided = [(dog, shot) for dog, shot in some() if dog.side]
    assert sided
    for dog, shot in sided:
        for wrong in ({"side": -dog.side}, {"side": 0}, {"patch": "cap"}):
            assert judge(replace(right(dog, shot), **wrong), dog) == Verdict(coat=True, patch=False, second=True)


def test_swapped_colours_are_both_wrong() -> None:
    for dog, shot in some():
        reading = right(dog, shot)
        swapped = judge(replace(reading, coat=reading.second, second=reading.coat), dog)
        assert swapped == Verdict(coat=False, patch=True, second=False)


def test_shares_count_each_part() -> None:
    verdicts = [Verdict(coat=True, patch=False, second=n == 0) for n in range(4)]
    assert shares(verdicts) == {"coat": 1, "patch": 0, "second": 0.25}
    assert np.isnan(share([]))


@pytest.mark.parametrize(
    ("same", "different", "expected"),
    [([2, 3], [0, 1], 1), ([0, 1], [2, 3], 0), ([1], [1], 0.5), ([1, 2, 3], [0, 1, 2], 7 / 9)],
)
def test_auc_by_hand(same: list[float], different: list[float], expected: float) -> None:
    assert auc(same, different) == pytest.approx(expected)


# ------------------------------------------------------------------------------------------------------------- examples


def test_an_example_says_what_its_drawing_shows() -> None:
    for dog, shot in some():
        told = examples.truth(dog, replace(shot, clutter=("hand",)))
        assert told.keys() == HEADS.keys()
        assert all(answer is None or answer in HEADS[head] for head, answer in told.items())
        assert (told["dog"], told["hand"]) == (True, shot.style != "pop")
        assert (told["scene"] is None) == (shot.style == "pop")


def test_a_missed_dog_is_in_no_pixel() -> None:
    dog, shot = some(1, "photo")[0]
    shot = examples.missed(replace(shot, clutter=("hand",)))
    assert draw(dog, shot).masks[0].getbbox() is None
    assert draw(dog, shot).image.tobytes() == draw(replace(dog, coat=(255, 0, 255)), shot).image.tobytes()
    assert [head for head, answer in examples.truth(dog, shot).items() if answer is None] == list(examples.OF_DOG)


def test_mirrored_examples_change_sides() -> None:
    side = list(HEADS).index("side")
    answers = torch.zeros(64, len(HEADS), dtype=torch.long)
    answers[:32, side], answers[32:, side] = 2, NOTHING  # right; no dog
    ramp = torch.arange(SIZE, dtype=torch.uint8).expand(64, 3, SIZE, SIZE)  # bright on the right
    faces = torch.tensor([[0.4, 0.3, 0.2]]).repeat(64, 1)
    batch = Examples(ramp, answers, torch.zeros(64, 6), faces)
    augmented = reader_module._augment(batch, torch.Generator().manual_seed(0))
    mirrored = augmented.images[..., 0].mean((1, 2)) > augmented.images[..., -1].mean((1, 2))
    assert 0 < mirrored.sum() < 64
    assert augmented.answers[:32, side].tolist() == [0 if turned else 2 for turned in mirrored[:32]]
    assert set(augmented.answers[32:, side].tolist()) == {NOTHING}
    assert torch.equal(augmented.faces[:, 0], torch.where(mirrored, 0.6, 0.4))
    assert torch.equal(augmented.faces[:, 1:], faces[:, 1:])


# -------------------------------------------------------------------------------------------------------------- reader


@pytest.mark.parametrize("colour", [(210, 160, 60), (40, 30, 28), (250, 245, 240), (90, 100, 140)])
def test_colour_is_measured_on_the_picture(colour: tuple[int, int, int]) -> None:
    """Wherever an untaught network looks on a picture of one colour, it measures that colour."""
    torch.manual_seed(0)
    (reading,) = Reader(Network()).read([Image.new("RGB", (90, 90), colour)])
    assert delta_e(reading.coat, lab(colour)) < 0.01
    dog = replace(some(1)[0][0], coat=colour, second=(255 - colour[0], 255, 0))
    verdict = judge(reading, dog)
    assert (verdict.coat, verdict.second) == (True, False)


def test_the_close_up_lies_around_the_face() -> None:
    picture = torch.zeros(1, 3, SIZE, SIZE)
    picture[:, :, 38:41, 89:92] = 1  # centre at 90 and 39 of 128
    close = close_up(picture, torch.tensor([[90 / 128, 39 / 128, 0.1]]))[0, 0]
    row, column = divmod(int(close.argmax()), CLOSE)
    assert column == pytest.approx(CLOSE / 2, abs=1.5)
    assert row == pytest.approx(CLOSE * (0.5 - DOWN / REACH / 2), abs=1.5)


def test_a_little_teaching_beats_chance_and_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader(tmp_path, drawings=192, rounds=8)
    monkeypatch.setattr(reader_module, "train", None)  # not again
    kept_one = reader(tmp_path, drawings=192, rounds=8)
    asked = [(dog, shot) for style in MEDIA for dog, shot in some(8, style)]
    readings = kept_one.read([draw(dog, shot).image for dog, shot in asked])
    styles = share([reading.style == shot.style for reading, (_, shot) in zip(readings, asked, strict=True)])
    assert styles >= 0.25, "chance is 0.1, and gives 20 of 80 once in ten thousand times"
    assert all(0 <= reading.dog <= 1 and 0 <= reading.hand <= 1 for reading in readings)


def test_the_one_that_comes_along_is_of_this_kennel_and_reads_drawings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "train", None)
    eyes = reader(tmp_path)
    asked = [(dog, shot) for style in MEDIA for dog, shot in some(6, style)]
    readings = eyes.read([draw(dog, shot).image for dog, shot in asked])
    styles = share([reading.style == shot.style for reading, (_, shot) in zip(readings, asked, strict=True)])
    assert styles >= 0.97
    assert {path.suffix for path in reader_module.KEPT.iterdir()} == {".safetensors"}
    assert len(list(reader_module.KEPT.iterdir())) == 1, "the older one is to go"


def test_another_kennel_trains_another_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = reader_module.version()
    other = tmp_path / "kennel.py"
    other.write_text("# another world")
    sources = [other if path.name == "kennel.py" else path for path in reader_module.SOURCES]
    assert other in sources
    monkeypatch.setattr(reader_module, "SOURCES", sources)
    assert reader_module.version() != before


def test_what_a_drawing_does_not_show_is_not_asked() -> None:
    seen = [drawn.unseen("photo", number) for number in range(8)]
    readings = [right(dog, shot) for dog, shot, _ in seen]
    figures = drawn.figures(seen, readings)
    assert figures["coat_de"] == figures["second_de"] == 0
    assert {figures[name] for name in ("style", "scene", "hand", "hat", "glasses", "patch", "coat", "second")} == {1}
    assert "scene" not in drawn.figures([drawn.unseen("pop", 1)], readings[:1])
    assert figures["dog"] == share([True] * 7 + [False]), (
        "one of them shows no dog, and this reading sees one everywhere"
    )


def test_a_faultless_reader_passes_no_false_claim_and_one_that_says_what_is_expected_passes_all() -> None:
    seen = [drawn.unseen("photo", number) for number in range(24)]
    told = list(drawn.false_claims(seen, [right(dog, shot) for dog, shot, _ in seen]))
    assert {claim for claim, _ in told} == set(drawn.CLAIMS) and not any(passed for _, passed in told)
    found = [one for one in seen if one[1].x > 0]
    flatterer = [right(dog, shot) for dog, shot, _ in [*found[1:], found[0]]]
    assert all(passed for claim, passed in drawn.false_claims(found, flatterer) if claim != "side")

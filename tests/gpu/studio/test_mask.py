"""Candidates and masks: what belongs together, what another one covers, and where an edge runs."""

import cv2
import numpy as np
from PIL import Image

from gpu.studio.candidates import Candidate, merged, won
from gpu.studio.mask import guided, soft_mask, whole
from gpu.studio.segmenter import Detection, Floats

SIZE = (320, 320)


def detection(left: float, right: float, number: int, score: float, grid: int = 160) -> Detection:
    """A block from top to bottom."""
    logits = np.full((grid, grid), -8, np.float32)
    logits[:, round(left * grid) : round(right * grid)] = 8
    scores = np.zeros(80, np.float32)
    scores[number] = score
    return Detection((left, 0.0, right, 1.0), scores, logits)


def test_one_animal_of_several_passes_is_one_candidate_with_the_best_scores() -> None:
    seen = [detection(0.1, 0.5, 16, 0.4), detection(0.12, 0.5, 15, 0.9, grid=112), detection(0.7, 0.9, 16, 0.8)]
    first, second = merged(seen, SIZE)
    assert (first.score(15), first.score(16)) == (np.float32(0.9), np.float32(0.4))
    assert first.box == (0.1, 0.0, 0.5, 1.0) and 0.35 < first.share < 0.42
    assert second.score(16) == np.float32(0.8)


def test_what_lies_on_a_surer_one_is_that_one_again() -> None:
    assert len(merged([detection(0.1, 0.9, 16, 0.9), detection(0.2, 0.4, 15, 0.5)], SIZE)) == 1


def test_where_a_person_is_surer_there_is_no_dog() -> None:
    dog, hand = (
        Candidate(one.box, one.scores, one.logits * weight)
        for one, weight in ((detection(0.1, 0.9, 16, 0.9), 0.5), (detection(0.7, 0.9, 0, 0.9), 1.0))
    )
    left = Candidate(dog.box, dog.scores, won(dog, [dog, hand]))
    assert (left.inside[:, 20:110] > 0).all() and not (left.inside[:, 113:] > 0).any()


def test_specks_go_and_small_holes_are_filled() -> None:
    mask = np.zeros((100, 100), bool)
    mask[10:70, 10:70] = True
    mask[30:35, 30:35] = False  # a hole
    mask[50:60, 50:60] = False  # what shows between an ear and the neck
    mask[90:93, 90:93] = True  # a speck
    mended = whole(mask)
    assert mended[10:50, 10:70].all() and not mended[50:60, 50:60].any() and mended.sum() == 3500


def test_a_dog_behind_a_pole_keeps_both_halves() -> None:
    mask = np.zeros((100, 100), bool)
    mask[20:80, 10:45] = mask[20:80, 55:90] = True
    assert (whole(mask) == mask).all()


def disc(middle: int, radius: int) -> Floats:
    return cv2.circle(np.zeros((256, 256), np.float32), (middle, 128), radius, 1.0, -1)


def test_the_edge_moves_to_where_the_colours_change() -> None:
    true = disc(128, 60)
    guide = np.stack([0.2 + 0.6 * true] * 3, -1)
    rough = disc(131, 58)
    refined = guided(guide, rough, 8) > 0.5
    assert (refined != (true > 0.5)).sum() < 0.5 * (rough != true).sum()


def test_a_mask_is_not_cut_along_a_box_that_is_too_tight() -> None:
    true = disc(128, 60)
    picture = Image.fromarray(np.round(255 * np.stack([0.2 + 0.6 * true] * 3, -1)).astype(np.uint8))
    logits = cv2.resize(true * 16 - 8, (160, 160), interpolation=cv2.INTER_AREA)
    tight = (75 / 256, 68 / 256, 181 / 256, 188 / 256)  # 7 pixels too narrow at each side
    mask = soft_mask(picture, logits, tight) > 127
    assert mask.shape == (256, 256)
    assert (mask != (true > 0.5)).sum() < 0.03 * true.sum()


def test_the_next_animal_does_not_come_in() -> None:
    both = np.maximum(disc(70, 50), disc(200, 40))
    picture = Image.fromarray(np.full((256, 256, 3), 90, np.uint8))
    logits = cv2.resize(both * 16 - 8, (160, 160), interpolation=cv2.INTER_AREA)
    mask = soft_mask(picture, logits, (20 / 256, 78 / 256, 120 / 256, 178 / 256))
    assert mask[128, 70] == 255 and not mask[:, 170:].any()

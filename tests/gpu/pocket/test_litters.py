"""What the likeness encoder learns from: litters whose dogs differ in one attribute, and losses that part them."""

import random
from dataclasses import asdict, replace
from itertools import product

import numpy as np
import pytest
import torch

from gpu.pocket.build.attention import NEIGHBOURS, STEPS
from gpu.pocket.build.likeness import FACTS, PATCH, SHIFT, SIDE, SIDED, batch_at, by_patch, losses, new_dino, reading
from gpu.pocket.build.litters import (
    ATTRIBUTES,
    CELLS,
    FUR,
    LEFT,
    LITTER,
    MAPS,
    RIGHT,
    a_litter,
    colours,
    draw_litter,
    draw_maps,
    kinds,
)
from gpu.pocket.world.dogs import PATCHES, a_dog, a_shot

SMALL, GRID = 4 * PATCH, 4  # pixels and patches a side


def drawn() -> list[torch.Tensor]:
    return list(map(torch.from_numpy, draw_litter("litter test", SMALL, GRID)))


@pytest.mark.parametrize("number", range(20))
def test_siblings_differ_from_the_first_dog_in_one_attribute_each(number: int) -> None:
    first, *siblings = map(asdict, a_litter(random.Random(f"litter test {number}")))
    changed = [{field for field in first if first[field] != sibling[field]} for sibling in siblings]
    attributes = [{a for a in ATTRIBUTES if fields & set(a[:1]) and fields <= set(a)} for fields in changed]
    assert all(attributes)
    assert len({tuple(found) for found in attributes}) == LITTER - 1


def test_a_litter_is_drawn_with_one_shot_and_every_photo_with_its_own() -> None:
    images, masks, maps, shades, answers = draw_litter("litter test", SMALL, GRID)
    assert (images.shape, masks.shape) == ((LITTER, 2, SMALL, SMALL, 3), (LITTER, 2, GRID, GRID))
    spread = [np.abs(images[1:, view].astype(int) - images[0, view]).mean() for view in (0, 1)]
    assert spread[1] < spread[0] / 3  # pictures differ in an attribute, photos in place and pose
    assert masks.max(axis=(2, 3)).min() > 127
    assert maps.shape == (LITTER, 2, GRID * CELLS, GRID * CELLS, 3 * MAPS)
    assert len(np.unique(np.hstack([shades, answers]), axis=0)) == LITTER
    assert np.array_equal(images, draw_litter("litter test", SMALL, GRID)[0])


def test_maps_lie_on_the_dog() -> None:
    _, masks, maps, *_ = drawn()
    away = masks.repeat_interleave(CELLS, -1).repeat_interleave(CELLS, -2) == 0
    own, parts = maps[..., :3], maps[..., 3:6]
    assert maps[away].float().mean() < 2
    assert min(map_[~away].float().mean() for map_ in (own, parts)) > 40
    assert (parts.flatten(2, 3).float().mean(2)[..., :2] > 5).all(), "each shows its coat and its second colour"


def test_maps_tell_colours_in_any_style_and_fur_and_side() -> None:
    rng = random.Random("maps")
    dog, shot = (
        replace(a_dog(rng), patch="half", long_fur=True),
        replace(a_shot(rng, "pencil", framing="middle"), wear=(), tongue=False),
    )
    seen = [np.dstack(draw_maps(replace(dog, side=side), shot)) for side in (-1, 1)]
    for told, mine, other in zip(seen, (LEFT, RIGHT), (RIGHT, LEFT), strict=True):
        assert ((told[..., :3] == dog.second).all(-1) & (told[..., mine] == 255)).sum() > 20
        assert (told[..., mine] > 200).sum() > 2 * (told[..., other] > 200).sum()
    short = np.dstack(draw_maps(replace(dog, long_fur=False), shot))
    assert (seen[0][..., FUR] > 200).sum() > 10 * (short[..., FUR] > 200).sum()


def test_kinds_tell_every_side_and_patch() -> None:
    dogs = [a_dog(random.Random(f"facts {n}")) for n in range(200)]
    told = {(dog.patch, dog.side): tuple(kinds(dog)[:2]) for dog in dogs}
    assert len(set(told.values())) == len(told) == len(PATCHES) + 3
    assert all(-1 <= shade <= 1 for dog in dogs for shade in colours(dog))


@pytest.mark.parametrize("step", [0, 1])
def test_a_batch_is_shifted_and_every_other_one_mirrored(step: int) -> None:
    images, masks, maps, shades, answers = drawn()
    seen, mask, told, same, kind = (each[0] for each in batch_at([each[None] for each in drawn()], step))
    if step % 2:
        images, masks, maps = images.flip(-2), masks.flip(-1), maps.flip(-2)
        answers[:, SIDED] = 2 - answers[:, SIDED]
        maps[..., LEFT], maps[..., RIGHT] = maps[..., RIGHT], maps[..., LEFT].clone()
    cell, ways = PATCH // CELLS, range(-SHIFT, SHIFT + 1)
    [shift] = [by for by in product(ways, ways) if torch.equal(told, maps.roll(by, (-3, -2)))]
    assert torch.equal(seen, images.roll([cell * by for by in shift], (-3, -2)))
    assert torch.equal(mask, masks) and torch.equal(same, shades) and torch.equal(kind, answers)
    assert (kind[:, SIDED] != 1).any()  # there is a side to turn


def test_a_patch_is_told_its_own_place() -> None:
    maps = torch.zeros(1, GRID * CELLS, GRID * CELLS, 3, dtype=torch.uint8)
    maps[0, CELLS : 2 * CELLS, 2 * CELLS : 3 * CELLS] = 255  # row 1, column 2
    told = by_patch(maps)[0]
    assert told[GRID + 2].min() == 1 and told.sum() == 3 * CELLS**2


def test_reading_costs_nothing_for_those_who_know() -> None:
    *_, shades, answers = drawn()
    sure = [20 * torch.eye(count)[kind] for count, kind in zip(FACTS[1:], answers.unbind(1), strict=True)]
    knows = torch.cat([shades, *sure], 1)
    assert max(reading(knows, shades, answers)) < 0.001
    assert min(reading(torch.zeros_like(knows), shades, answers)) > 0.05


def test_a_new_encoder_looks_at_each_neighbour() -> None:
    torch.manual_seed(0)
    dino = new_dino()
    dino.set_attn_implementation("eager")
    with torch.no_grad():
        looks = dino(torch.randn(1, 3, SIDE, SIDE), output_attentions=True).attentions
    side = SIDE // PATCH
    for look, step in zip(looks, STEPS, strict=False):
        grid = look[0, :, 1:, 1:].reshape(len(NEIGHBOURS), side, side, side, side)
        given = [grid[n, 6, 6, 6 + step * y, 6 + step * x].item() for n, (y, x) in enumerate(NEIGHBOURS)]
        assert min(given) > 0.3 and sum(given) > 0.6 * len(NEIGHBOURS)


def test_losses_are_small_for_own_pairs_only() -> None:
    dogs = 2 * LITTER
    right = losses(torch.eye(dogs))
    siblings = losses(torch.eye(dogs).roll(1, 0))  # each is taken for its neighbour
    strangers = losses(torch.eye(dogs).roll(LITTER, 0))
    assert max(right) < 0.01
    assert min(siblings) > 5
    assert strangers[0] > 5 and strangers[1] < 1  # the order is of siblings alone

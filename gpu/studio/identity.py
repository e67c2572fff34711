"""Which animal of each photo is the pet: what a set of photos agrees on.

Knows: sure ones that vouch for others, strangers, photos that lie on their side. Does not know: how animals are found
(candidates.py), what makes two of them alike (embedding.py), or which photos are good to learn from.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from gpu.pets import Flaw
from gpu.segmenting import Identity, Segmenting, Species
from gpu.studio.candidates import Candidate
from gpu.studio.embedding import Embedding, embed
from gpu.studio.mask import soft_mask
from gpu.studio.segmenter import Segmenter
from gpu.studio.turns import quarter_turns

RIVAL = 0.6  # a second animal of this share of the first's size makes a photo ambiguous
MOST = 4  # animals of a photo that are looked at

Distances = NDArray[np.float64]  # [n, n], cosine distances of embeddings


@dataclass(frozen=True, slots=True)
class Animal:
    """A candidate of a photo, with its embedding."""

    candidate: Candidate
    mask: NDArray[np.uint8]  # [height, width] of the photo, 255 = it, soft
    looks: Embedding


@dataclass(frozen=True, slots=True)
class Agreement:
    """What a set is of, and for each photo its pet, or why there is none."""

    word: str  # of the species
    pets: tuple[Animal | Flaw, ...]
    turns: tuple[int, ...]  # quarter turns against the clock after which a pet stands as in the other photos


def distances(embeddings: Sequence[Tensor]) -> Distances:
    """Cosine distances, [n, n]."""
    stacked = torch.stack(list(embeddings)).double()
    return (1 - stacked @ stacked.T).clamp(min=0).numpy()


def stranger(fine: Distances, coarse: Distances, identity: Identity) -> int | None:
    """The one that is least like the others, if it is another animal; of three or more.

    In both ways of looking it is far from them: a poor photo is far by its hairs alone. And it is farther than they are
    from each other, unless all are: then there are several strangers.
    """
    count = len(coarse)
    if count < 3:
        return None
    far = coarse.sum(1) / (count - 1)
    worst = int(far.argmax())
    others = [n for n in range(count) if n != worst]
    among = coarse[np.ix_(others, others)].sum() / ((count - 1) * (count - 2))
    loose = count > 3 and far.mean() > identity.loose
    is_far = far[worst] > identity.coarse and fine[worst].sum() / (count - 1) > identity.fine
    return worst if is_far and (far[worst] > identity.ratio * among or loose) else None


def animals(
    segmenter: Segmenter, image: Image.Image, found: Sequence[Candidate], segmenting: Segmenting
) -> list[Animal]:
    """The animals of a photo that may be the pet, the largest first."""
    seen = ((one, soft_mask(image, one.logits, one.box)) for one in found[:MOST])
    return [
        Animal(one, mask, embed(segmenter, image, mask, segmenting.embedding_px))
        for one, mask in seen
        if mask.max() > 127
    ]


def agree(photos: Sequence[Sequence[Animal]], word: str, segmenting: Segmenting) -> Agreement:
    """The pet of every photo. `word`: the species, or "auto" for the one that most photos are sure of."""
    species = species_of(photos, word, segmenting)
    anchors = _anchors(photos, species, segmenting)
    if len(anchors) < 2:  # nobody vouches for anybody
        pets: list[Animal | Flaw] = [_strict(seen, species, segmenting) for seen in photos]
        return Agreement(species.word, tuple(pets), _turns(pets, segmenting.identity))
    pets = [_likest(seen, anchors, segmenting) for seen in photos]
    while (odd := _stranger(pets, segmenting.identity)) is not None:
        pets[odd] = "other_pet"
    return Agreement(species.word, tuple(pets), _turns(pets, segmenting.identity))


def species_of(photos: Sequence[Sequence[Animal]], word: str, segmenting: Segmenting) -> Species:
    """The species of that word; for "auto" the first one, unless more than twice as many photos are sure of another.

    A puppy with large ears is a cat to the segmenter sooner than a cat is a dog.
    """
    known = {one.word: one for one in segmenting.species}
    if word in known:
        return known[word]
    best, *others = segmenting.species
    for one in others:
        if _votes(photos, one, segmenting) > 2 * _votes(photos, best, segmenting):
            best = one
    return best


def _votes(photos: Sequence[Sequence[Animal]], species: Species, segmenting: Segmenting) -> int:
    return sum(any(_is_sure(animal.candidate, species, segmenting) for animal in seen) for seen in photos)


def _anchors(photos: Sequence[Sequence[Animal]], species: Species, segmenting: Segmenting) -> list[Animal]:
    """Animals that vouch for others: alone in their photo, and for certain of the species.

    A single one may vouch for another that is alone and like it, whatever the segmenter calls that.
    """
    alone = [seen[0] for seen in photos if _shows_one(seen, segmenting)]
    sure = [one for one in alone if _is_sure(one.candidate, species, segmenting)]
    if len(sure) != 1:
        return sure
    [only] = sure
    return [one for one in alone if _between(one, only) < segmenting.identity.coarse]


def _shows_one(seen: Sequence[Animal], segmenting: Segmenting) -> bool:
    """Whether a photo shows one animal, and large enough."""
    return bool(seen) and seen[0].candidate.share >= segmenting.least_share and not _has_rival(seen)


def _is_sure(candidate: Candidate, species: Species, segmenting: Segmenting) -> bool:
    return _is_of(candidate, species, segmenting, segmenting.sure)


def _is_of(candidate: Candidate, species: Species, segmenting: Segmenting, least: float) -> bool:
    score = candidate.score(species.number)
    others = max((candidate.score(one.number) for one in segmenting.species if one != species), default=0.0)
    return score >= least and score > others


def _has_rival(seen: Sequence[Animal]) -> bool:
    return len(seen) > 1 and seen[1].candidate.share >= RIVAL * seen[0].candidate.share


def _strict(seen: Sequence[Animal], species: Species, segmenting: Segmenting) -> Animal | Flaw:
    """The one animal of a photo that is of this species by itself."""
    known = [one for one in seen if _is_of(one.candidate, species, segmenting, segmenting.confidence)]
    if not known:
        return "no_dog"
    if known[0].candidate.share < segmenting.least_share:
        return "too_small"
    return "several_dogs" if _has_rival(known) else known[0]


def _likest(seen: Sequence[Animal], anchors: Sequence[Animal], segmenting: Segmenting) -> Animal | Flaw:
    """The animal of a photo that looks most like the anchors."""
    if not seen:
        return "no_dog"
    far = [_distance(one, anchors) for one in seen]
    best, *others = np.argsort(far)
    if others and _has_rival(seen) and far[others[0]] < segmenting.identity.apart * far[best]:
        return "several_dogs"
    return "too_small" if seen[best].candidate.share < segmenting.least_share else seen[best]


def _distance(animal: Animal, anchors: Sequence[Animal]) -> float:
    """Mean distance to the anchors, itself left out."""
    return float(np.mean([_between(animal, one) for one in anchors if one is not animal]))


def _between(one: Animal, other: Animal) -> float:
    return float(1 - one.looks.coarse[0] @ other.looks.coarse[0])


def _stranger(pets: Sequence[Animal | Flaw], identity: Identity) -> int | None:
    """The photo whose animal is not like the others', however it is turned."""
    shown = [
        (n, one.looks, turn)
        for n, (one, turn) in enumerate(zip(pets, _turns(pets, identity), strict=True))
        if isinstance(one, Animal)
    ]
    if len(shown) < 3:
        return None
    fine = distances([looks.fine[turn] for _, looks, turn in shown])
    coarse = distances([looks.coarse[turn] for _, looks, turn in shown])
    odd = stranger(fine, coarse, identity)
    return None if odd is None else shown[odd][0]


def _turns(pets: Sequence[Animal | Flaw], identity: Identity) -> tuple[int, ...]:
    """For each photo how it has to be turned to stand as the others do; 0 where that is not certain."""
    shown = {n: one.looks.fine for n, one in enumerate(pets) if isinstance(one, Animal)}
    turns = dict(zip(shown, quarter_turns(list(shown.values()), identity.turned), strict=True))
    return tuple(turns.get(n, 0) for n in range(len(pets)))

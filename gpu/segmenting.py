"""How pets are found in photos, compared and judged: every number of the segment stage. Values only, part of a Profile.

Knows: class numbers, sizes, thresholds and where they were measured. Does not know: how any of it is used.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """From which distance an animal is another one than the rest of its set. Cosine distances of embeddings.

    Measured with yolov8n-seg on 21 real photos of four dogs; what comes of them: tests/bench/results/dogs.json. Fine:
    two of one dog are .04-.16 apart, two of different dogs .17-.28, but blurred, dark and tiny photos of one dog are
    far, too; the pocket's network says .01-.15 and .05-.38 of drawn dogs. Coarse: up to .22, and from .21; most poor
    photos stay near.
    """

    fine: float = 0.165  # nearer than that two photos may always show the same one
    coarse: float = 0.215
    ratio: float = 1.1  # of coarse distances: and so many times as far from the rest as they are from each other
    loose: float = 0.21  # mean coarse distance in a set from which it is of several
    turned: float = 0.1  # cosine of what turning changes: so much more like the others once it is turned
    apart: float = 1.1  # of two animals in a photo, the other one is so many times as far


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoChecks:
    """From where on a photo, or a set of photos, is remarked on. Measured: `python -m tests.bench.dogs checks`."""

    side_px: int = 1024  # the longer side of the crop that light and sharpness are measured in
    most_enlarged: float = 2.0  # times, for training
    too_enlarged: float = 4.0  # from here on there is too little to learn from
    most_softness: float = 0.73  # of good photos up to .69, of ones blurred with a sigma of 2 pixels from .77
    least_highlight: float = 70.0  # of 255: 95th percentile of the pet's luminance
    most_blown: float = 0.2  # share of the pet
    most_blown_photo: float = 0.35  # of a whole photo: of good ones up to .02, with 2.5 times the light mostly from .39
    most_on_top_edge: float = 0.44  # of the pet's width: without a head from .47, a raised tail up to .41
    least_part: float = 0.05  # share of the pet: two such pieces, and something stands before it
    most_hidden_side: float = 0.44  # of the pet's height: along a post nearly always more, without one up to .39
    most_touched: float = 0.2  # of the pet's outline, by a person
    least_copied: float = 0.6  # correlation of two pictures laid over each other: of copies from .8, of others to .36
    least_scene_shared: float = 0.75  # the same without the pets
    least_aspect: float = 1.0  # width / height of a pet from the side
    most_colours_shared: float = 0.8  # of what is behind the pet, in every pair of a set: it is all one scene


@dataclass(frozen=True, slots=True)
class Species:
    """A kind of pet."""

    word: str  # in prompts and captions; people read the words of text.py
    number: int  # the segmenter's class


@dataclass(frozen=True, slots=True, kw_only=True)
class Segmenting:
    """How pets are found in photos and portraits, and which photos are good enough to learn from.

    A set of photos agrees on its pet: what looks like the sure ones is the pet, whatever the segmenter calls it.
    """

    species: tuple[Species, ...] = (Species("dog", 16), Species("cat", 15))
    animals: tuple[int, ...] = tuple(range(14, 24))  # classes that a pet may be taken for: COCO's bird to giraffe
    people: tuple[int, ...] = (0,)
    size_px: int = 640
    mirrored_px: int = 512  # its mirror image is looked at, too
    second_px: int = 448  # a smaller look finds dogs that fill the picture
    embedding_px: int = 448  # side at which one animal is compared with another
    least_confidence: float = 0.15  # of an animal that the set may vouch for
    confidence: float = 0.35  # of one that nobody vouches for
    sure: float = 0.5  # of one that vouches for others
    identity: Identity = Identity()
    least_share: float = 0.02  # a pet smaller than this share of its photo is too small to learn from
    least_photos: int = 3
    checks: PhotoChecks = PhotoChecks()

"""Which photos of a set lie on their side or upside down: those that are more like the others once they are turned.

Knows: embeddings of one pet at four turns. Does not know: how they are made (embedding.py), or whose they are.
One photo alone cannot be told: a dog is found about as surely upside down. A set can, as long as most of it is upright:
what turning changes, it changes alike in all of them, whatever else the photos differ in.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Views = NDArray[np.float32]  # [photos, 4, width]: each as it is, and turned by 90, 180 and 270 degrees


def quarter_turns(embeddings: Sequence[Tensor], least: float) -> list[int]:
    """For each photo, the quarter turns after which it stands as the others do; 0 where that is not certain.

    embeddings: [4, width] of each. least: by how much more, as a cosine, a photo is then like the others. The one that
    stands out most is turned first, and the rest is compared again. Of fewer than three nothing can be told.
    """
    found = [0] * len(embeddings)
    if len(embeddings) < 3:
        return found
    views = _what_turning_changes(np.stack([one.numpy() for one in embeddings]))
    for _ in range((len(found) - 1) // 2):  # most are upright
        gains = _gains(views)
        gains[np.flatnonzero(found)] = 0  # once is enough
        photo, turn = np.unravel_index(gains.argmax(), gains.shape)
        if gains[photo, turn] <= least:
            break
        found[photo] = int(turn)
        views[photo] = np.roll(views[photo], -int(turn), 0)
    return found


def _what_turning_changes(views: Views) -> Views:
    """Without what is the same at each turn: coat, light, sharpness. The rest counts alike in all channels."""
    rest = views - views.mean(1, keepdims=True)
    rest = rest / (rest.std((0, 1)) + 1e-6)
    return rest / np.linalg.norm(rest, axis=-1, keepdims=True).clip(1e-6)


def _gains(views: Views) -> Views:
    """[photos, 4]: by how much more each is like the others, as they are, once it is turned."""
    others = (views[:, 0].sum(0) - views[:, 0]) / (len(views) - 1)
    alike = np.einsum("ntc,nc->nt", views, others)
    return alike - alike[:, :1]

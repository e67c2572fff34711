"""Attention of a whole batch to one text: its keys and values are computed once.

Knows: diffusers' attention processor. Does not know: who trains or paints.
"""

from typing import Any

from diffusers.models.attention_processor import Attention, AttnProcessor2_0
from torch import Tensor


class SharedText(AttnProcessor2_0):
    """As diffusers' own; with a single text all places [b, pixels, width] look at it as if they were of one picture.

    In a training all pictures of a step have the same caption: a sixteenth of the step (Pawtrait's own bench).
    """

    def __call__(
        self, attn: Attention, hidden_states: Tensor, encoder_hidden_states: Tensor | None = None, **others: Any
    ) -> Tensor:
        if encoder_hidden_states is None or len(encoder_hidden_states) == len(hidden_states):
            return super().__call__(attn, hidden_states, encoder_hidden_states, **others)
        together = hidden_states.reshape(1, -1, hidden_states.shape[-1])
        return super().__call__(attn, together, encoder_hidden_states, **others).view_as(hidden_states)

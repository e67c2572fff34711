"""How many tokens a second the rewriter's model writes.

Knows: the library's own way of writing. Does not know: wishes, the schema. The weights are random, so the tokens are
forced.
"""

from functools import partial

import torch

from gpu.studio.models import Llama
from tests.bench.card.bench import Bench, Figures, middle

ASKED = 400  # tokens of the instruction and the wish


def rewriter(bench: Bench) -> Figures:
    many = bench.scale.tokens
    with bench.pool.use("llama") as llama:
        write = partial(_write, llama, many)
        write()  # to get warm
        times = [bench.clock.seconds(write) for _ in range(bench.scale.rounds)]
    answer = middle(times, "s")
    return {"answer": answer, "tokens": many, "token_ms": 1000 * answer["s"] / many, "tokens_per_s": many / answer["s"]}


@torch.no_grad()
def _write(llama: Llama, many: int) -> None:
    """An answer of exactly so many tokens, with the reading of what was asked."""
    ids = torch.arange(ASKED, device=llama.device)[None] % llama.model.config.vocab_size
    llama.model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        min_new_tokens=many,
        max_new_tokens=many,
        do_sample=False,
        pad_token_id=0,
    )

"""Whether the hub would let us have a model: asked only about models that are not on this machine.

Knows: how to ask without fetching anything, and not to wait long. Does not know: what is on this machine (weights.py),
what each refusal means (fetch.py). No torch.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import httpx2
from huggingface_hub import HfApi
from huggingface_hub.errors import OfflineModeIsEnabled
from huggingface_hub.utils import get_session

from gpu.fetch import Hub, refusal
from gpu.sources import Source

PATIENCE_S = 3.0  # for each step of a request; all models are asked about at once


def refusals(sources: Iterable[Source], hub: Hub) -> dict[Source, str]:
    """Why the hub would not let us have these, and what the operator can do; only those that it would not."""
    get_session().timeout = PATIENCE_S
    asked = [source for source in sources if source.is_of_the_hub]
    with ThreadPoolExecutor(max(len(asked), 1)) as pool:
        answers = pool.map(partial(_refusal, hub), asked)
        return {source: answer for source, answer in zip(asked, answers, strict=True) if answer}


def _refusal(hub: Hub, source: Source) -> str | None:
    try:
        HfApi(endpoint=hub.address, token=hub.token).auth_check(source.model)
    except OfflineModeIsEnabled:  # whoever set that has no wish to hear of it
        return None
    except (OSError, httpx2.HTTPError) as error:
        return str(refusal(source, error, hub))
    return None

"""First answers to interactions, which Discord wants within 3 seconds, though the network fails for a moment.

discord.py tries again after a 5xx, and takes a cut connection for the end. Whether the answer had arrived is not known
in either case; if it had, the next try is told so ("already acknowledged"), and that is as good as an answer of our
own, as no interaction is read twice (gateway.py).

Knows: discord.py's requests for interactions. Does not know: what is answered.
"""

import logging
from collections.abc import Sequence
from typing import Any

import aiohttp
import discord
from discord.http import MultipartParameters, Route
from discord.webhook.async_ import AsyncWebhookAdapter, async_context

log = logging.getLogger(__name__)

ALREADY_ACKNOWLEDGED = 40060
SUGGESTIONS = 8  # the kind of answer that an autocomplete gets


class PatientAdapter(AsyncWebhookAdapter):
    """Makes the requests for interactions once more where the connection broke."""

    async def create_interaction_response(
        self, interaction_id: int, token: str, *, params: MultipartParameters, **options: Any
    ) -> Any:
        """Answer an interaction. Suggestions that come too late for a person's typing raise nothing."""
        try:
            return await super().create_interaction_response(interaction_id, token, params=params, **options)
        except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
            answered = isinstance(error, discord.HTTPException) and error.code == ALREADY_ACKNOWLEDGED
            if not answered and not _is_suggestion(params):
                raise
            log.info("%s: %r", "Answered before" if answered else "Suggestions came too late", error)
            return {"interaction": {"id": interaction_id}}  # more is not known of an answer that was lost

    async def request(
        self,
        route: Route,
        session: aiohttp.ClientSession,
        *,
        files: Sequence[discord.File] | None = None,
        **options: Any,
    ) -> Any:
        """Make a request. Ours may be made twice: a second answer is refused, and the same edit changes nothing."""
        try:
            return await super().request(route, session, files=files, **options)
        except (aiohttp.ClientError, OSError) as error:
            log.info("An answer is sent again: %r", error)
            for file in files or ():
                file.reset()  # it was read as far as it got; discord.py rewinds only between its own tries
            return await super().request(route, session, files=files, **options)


def _is_suggestion(params: MultipartParameters) -> bool:
    return bool(params.payload) and params.payload["type"] == SUGGESTIONS


def install() -> None:
    """Let discord.py use it for every interaction that is heard of in this task, and in the tasks that it starts."""
    async_context.set(PatientAdapter())

"""Whether the models are complete: asked before anything is taken from a person.

Knows: what the operator is told, and when. Does not know: what makes a model whole (gpu/weights.py). It is looked at
anew each time, so that models which came meanwhile are noticed; files that have not changed are not read again.
"""

import asyncio
import logging
from pathlib import Path

from cogs.shared.errors import Sorry
from gpu.doctor import Check, examine_models
from gpu.profile import Profile
from gpu.styles import find
from gpu.weights import Problem, problems

log = logging.getLogger(__name__)


class Models:
    """The models of a profile; `hub` is the folder of the hub's cache, None where the environment says it."""

    def __init__(self, profile: Profile, hub: Path | None) -> None:
        self._profile = profile
        self._hub = hub
        self._told: tuple[Problem, ...] = ()

    async def check(self) -> None:
        """Raises Sorry if a person has to come back later."""
        if any(problem.stops_jobs for problem in await self.look()):
            raise Sorry("sorry.models")

    def have_learnt(self, style: str) -> bool:
        """Can they paint this style, as a wish holds it? Small models know those that they were trained on."""
        known = find(style)
        return self._profile.any_style or bool(known and known.pocket)

    async def examine(self) -> list[Check]:
        """A line for each model, for those who manage a server."""
        return await asyncio.to_thread(examine_models, self._profile, self._hub)

    async def look(self) -> tuple[Problem, ...]:
        """What is missing or damaged; the log tells of it, and when that has changed."""
        found = await asyncio.to_thread(problems, self._profile, self._hub)
        for problem in found:
            if problem not in self._told:
                fields = {"model": problem.model, "wrong": problem.wrong, "cure": problem.cure}
                log.warning("A model cannot be used", extra={"fields": fields})
        if self._told and not found:
            log.info("All models are here and whole")
        self._told = found
        return found

"""The postman of the simulation: the real decisions, the real budget and the real outbox, without discord.py.

Knows: the order of the calls in cogs/delivery.py, which tests/test_delivery.py proves on a loopback Discord. Does not
know: words, pictures, HTTP.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from cogs.budget import CROWDED_S, Budget, Resting
from cogs.postage import OUT_OF_SIGHT, Verdict, judge, next_home, nonce, rest, to_be_sought
from storage.jobs import JobRow
from storage.outbox import Delivery, Home
from tests.sim.discord import Lost, Message, Refused, SimDiscord
from tests.sim.house import House

LOOK_S = 2.0  # seconds between two looks at the outbox without a wake-up

T = TypeVar("T")


class SimPostman:
    def __init__(self, house: House, discord: SimDiscord, clock: Callable[[], float]) -> None:
        self._house, self._discord, self._clock = house, discord, clock
        self._budget = Budget(asyncio.get_running_loop().time)
        self._wake = asyncio.Event()
        self._round = asyncio.Lock()

    def settled(self) -> None:
        self._wake.set()

    async def work(self) -> None:
        while True:
            self._wake.clear()
            await self.deliver()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), LOOK_S)

    async def deliver(self) -> None:
        """One round. Here channels wait for each other."""
        async with self._round:
            for delivery in await self._house.outbox.due(self._clock()):
                try:
                    await self._hand_over(delivery)
                except Resting as resting:
                    await self._later(delivery, resting.retry_after)
                except (Lost, Refused):
                    await self._later(delivery, rest(delivery.tries))

    async def _later(self, delivery: Delivery, seconds: float) -> None:
        await self._house.outbox.retry(delivery.id, self._clock() + seconds)

    async def _hand_over(self, delivery: Delivery) -> None:
        """Raises what may pass."""
        job = await self._house.jobs.get(delivery.job_id)
        if job is None:
            return
        try:
            message = await self._found_or_sent(delivery)
        except Refused as error:
            await self._refused(delivery, job, error)
            return
        portraits = () if delivery.home is Home.DIRECT else delivery.letter.portraits
        if not await self._house.outbox.sent(delivery.id, message.channel_id, message.id, portraits):
            await self._ask(self._discord.delete(message))

    async def _found_or_sent(self, delivery: Delivery) -> Message:
        if to_be_sought(delivery) and (message := await self._found(delivery)):
            return message
        await self._house.outbox.tried(delivery.id, self._clock())
        try:
            return await self._ask(self._discord.send(delivery.channel_id, nonce(delivery), delivery.id))
        except Refused as error:
            leaving = judge(error.status, error.code) is Verdict.ELSEWHERE and error.code not in OUT_OF_SIGHT
            if not leaving or not (message := await self._found(delivery)):
                raise
            return message

    async def _found(self, delivery: Delivery) -> Message | None:
        """The message of an earlier try whose answer never reached us."""
        try:
            history = await self._ask(self._discord.history(delivery.channel_id))
        except Refused as error:
            if judge(error.status, error.code) is Verdict.AGAIN or error.code in OUT_OF_SIGHT:
                raise
            return None
        return next((message for message in history if message.name == delivery.id), None)

    async def _refused(self, delivery: Delivery, job: JobRow, error: Refused) -> None:
        """On to the next place, or to the end. Raises what may pass."""
        verdict = judge(error.status, error.code)
        if verdict is Verdict.AGAIN:
            raise error
        home = None if verdict is Verdict.OVER else next_home(delivery, job.channel_id)
        if home is None:
            await self._house.outbox.closed(delivery.id, str(error))
            return
        channel_id = job.channel_id if home is Home.ABOVE else self._discord.direct(job.user_id)
        await self._house.outbox.moved(delivery.id, home, channel_id, self._clock())
        self._wake.set()

    async def _ask(self, request: Coroutine[Any, Any, T]) -> T:
        """As the hooks of cogs/budget.py do. Raises Resting, and what the request does."""
        while seconds := self._budget.rest() or self._budget.full():
            if seconds is not True:
                request.close()
                raise Resting(seconds)
            await asyncio.sleep(CROWDED_S)
        self._budget.began()
        failed = True
        try:
            answer = await request
            failed = False
            return answer
        finally:
            self._budget.ended(failed=failed)

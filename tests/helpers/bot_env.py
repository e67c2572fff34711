"""The whole bot in a test's own process, logged in to a loopback Discord, with a studio without models.

Knows: how the bot is put together (bot.serve) and how a test starts, stops and kills it, and what people see. Does not
know: what is tested.
"""

import asyncio
import io
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from PIL import Image

import bot
from cogs.shared.portrait_buttons import What
from tests.helpers.fake_studio import FakeStudio, Plan
from tests.helpers.inline_executor import InlineExecutor
from tests.loopback import Exchange, Loopback, Person, Thread, Upload

Json = dict[str, Any]


class BotEnv:
    """A bot that can be restarted; the studio and Discord stay."""

    def __init__(self, discord: Loopback, data: Path) -> None:
        self.discord, self.data, self.studio = discord, data, FakeStudio(Plan(steps=4))
        self._task: asyncio.Task[int] | None = None

    async def start(self, *, expect_online: bool = True, **settings: Any) -> None:
        """Dogs are learnt at once, unless the settings let people look at their photos first."""
        known = {name.lower(): value for name, value in self.discord.environment.items()}
        known |= {"profile": "pocket", "look_minutes": 0}
        setup = bot.Settings(_env_file=None, data=self.data, **known | settings)  # type: ignore[call-arg]
        self._task = asyncio.create_task(bot.serve(setup, InlineExecutor(self.studio)))
        if not expect_online:
            return
        online = asyncio.ensure_future(self.discord.until(lambda: self.discord.online and self.discord.commands, 20))
        await asyncio.wait({self._task, online}, return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            online.cancel()
            self._task.result()

    async def ended(self) -> int:
        """The exit status of a bot that ends by itself."""
        assert self._task
        return await self._task

    async def stop(self) -> None:
        assert self._task
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def message(self, place: Any, words: str) -> Json:
        """The first message there that holds these words."""

        def look() -> Json | None:
            return next((one for one in self.discord.messages(place) if words in one["content"]), None)

        return await self.discord.until(look, 25)


@asynccontextmanager
async def bot_env(folder: Path, record: Path | None = None, **settings: Any) -> AsyncGenerator[BotEnv]:
    """A bot that is online. Rate limits are ten times less strict than Discord's: time is dear in tests."""
    async with await Loopback.start(record=record, pace=10) as discord:
        alive = BotEnv(discord, folder / "data")
        await alive.start(**settings)
        try:
            yield alive
        finally:
            alive.studio.open.set()
            await alive.stop()


async def enrolled(alive: BotEnv, mina: Person, name: str = "Rex", first: int = 0) -> Thread:
    """The thread of a dog that the bot has just learnt."""
    asked = await mina.slash("/enroll", alive.discord.channel, name=name, **named(photos(3, first)))
    assert (await asked.first_answer()).kind == "deferred"
    thread = await alive.discord.until(lambda: next((t for t in alive.discord.threads if t.name == name), None))
    await alive.message(thread, "I know" if mina.user.locale == "en-US" else "알아요")
    return thread


def portraits(alive: BotEnv, thread: Thread) -> list[Json]:
    """Messages that people may react to."""
    return [one for one in alive.discord.messages(thread) if len(one.get("reactions", [])) == 2]


async def whole(alive: BotEnv, thread: Thread, count: int) -> list[Json]:
    """The portraits once there are so many, reactions and all."""
    return await alive.discord.until(
        lambda: portraits(alive, thread) if len(portraits(alive, thread)) >= count else None, 25
    )


async def private(exchange: Any) -> str:
    """An answer that nobody else sees."""
    answer = await exchange.message(25)
    assert answer["flags"] & 64
    return answer["content"]


async def press(person: Person, message: Json, what: What) -> Exchange:
    """Press a button under a portrait."""
    [row] = message["components"]
    [button] = [one["custom_id"] for one in row["components"] if one["custom_id"].endswith(f":{what}")]
    return await person.click(message, button)


async def pressed(person: Person, message: Json, what: What) -> str:
    """What is said to whoever presses, and to nobody else."""
    return await private(await press(person, message, what))


def now(alive: BotEnv, message: Json) -> str:
    """What a message says by now."""
    return alive.discord.world.wire(alive.discord.world.messages[message["id"]])["content"]


def photos(count: int, first: int = 0) -> list[Upload]:
    """Small photos, each of another colour."""
    return [Upload(f"dog{n}.png", _png((n * 23 % 256, 90, 40))) for n in range(first, first + count)]


def named(uploads: list[Upload]) -> dict[str, Upload]:
    """As the options of /enroll."""
    return {f"photo{n}": upload for n, upload in enumerate(uploads, start=1)}


def _png(colour: tuple[int, int, int]) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (80, 80), colour).save(out, "PNG")
    return out.getvalue()

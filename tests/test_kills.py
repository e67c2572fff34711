"""kill -9 at bad moments: of the real bot process ten times in one enrolment, and of the child that computes.

The last test kills at random moments; `make torture` does it for longer, with the real child (tests/bench/kills.py).
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.bench.kills import KNOWN, KillTest
from tests.helpers.bot_env import named, photos
from tests.helpers.bot_process import BotProcess, light
from tests.helpers.witness import Witness
from tests.loopback import Loopback

STEPS = 20
PLAN = f"steps={STEPS} ms=120"
SEND = ("POST", "/channels/{channel_id}/messages")
SEED = 7


class Scene(Witness):
    """A bot, a Discord, and one enrolment."""

    def __init__(self, discord: Loopback, folder: Path) -> None:
        super().__init__(discord, folder / "data")
        self.bot = BotProcess(discord, self.data, command=light(PLAN))
        self._claims = 0  # at the last kill

    async def enrol(self) -> None:
        mina = self.discord.person("Mina")
        asked = await mina.slash("/enroll", self.discord.channel, name="Rex", **named(photos(4)))
        assert (await asked.first_answer()).kind == "deferred"

    async def kill_bot_when(self, true: Callable[[], bool]) -> None:
        """Then start it again."""
        await self.until(true, 30)
        await self.bot.kill()
        await self.until(lambda: not self.bot.family(), 5)  # the child ends by itself
        self._claims = self.job("fence")
        await self.bot.start()

    async def kill_child_when(self, true: Callable[[], bool]) -> None:
        await self.until(true, 30)
        child = self.bot.gpu_process()
        assert child
        child.kill()

    async def answered(self) -> None:
        """The answer is there whole, and a second one had its time to come."""
        await self.discord.until(lambda: self.answers and len(self.answers[0].get("reactions", [])) == 2, 60)
        await asyncio.sleep(2.5)

    async def press_again(self) -> None:
        """🔁 under what a process sent that was killed before it knew."""
        [answer] = self.answers
        [again, *_] = [button["custom_id"] for button in answer["components"][0]["components"]]
        asked = await self.discord.person("Theo").click(answer, again)
        assert "The pictures will come to" in (await asked.message(10))["content"]
        await self.discord.until(lambda: len(self.answers) == 2, 30)
        assert self.answers[1]["message_reference"]["message_id"] == answer["id"]

    # ---- moments -------------------------------------------------------------------------------------------

    def accepted(self) -> bool:
        return self.job("state") is not None

    def claimed(self) -> bool:
        """Since the last kill."""
        return (self.job("fence") or 0) > self._claims

    def cutting(self) -> bool:
        return self.claimed() and len(self.found("cutouts/*.mask.png")) >= 2

    def learning(self, step: int) -> Callable[[], bool]:
        return lambda: self.claimed() and self.step >= step

    def painting(self) -> bool:
        return bool(self.found("adapter"))

    def settled(self) -> bool:
        return self.job("state") == "done"


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with await Loopback.start() as discord:
        scene = Scene(discord, tmp_path)
        await scene.bot.start()
        await scene.enrol()
        yield scene
        status, _ = await scene.bot.stop()
        assert status == 0
        assert not scene.bot.family(), "nobody is left behind"


def check_the_end(scene: Scene) -> None:
    """The enrolment came to its end once."""
    assert scene.rows("SELECT state, error FROM jobs") == [("done", None)]
    assert scene.rows("SELECT name, state FROM pets") == [("Rex", "ready")]
    [thread] = scene.discord.threads
    assert thread.name == "Rex"
    [answer] = scene.answers
    assert "I know **Rex**" in answer["content"]
    assert len(answer["attachments"]) == 1
    [sheet] = [one for one in scene.discord.messages(thread) if one["id"] != answer["id"]]
    assert "Learnt **Rex**" in sheet["content"]
    assert [file["filename"][-10:] for file in sheet["attachments"]] == ["-sheet.png"]
    sent = scene.rows("SELECT message_id, channel_id FROM outbox ORDER BY part")
    assert sent == [(int(one["id"]), int(thread.id)) for one in (answer, sheet)]
    assert len(scene.found("adapter/recipe.json")) == 1
    assert scene.whole()


async def test_ten_kills_of_the_bot_in_one_enrolment(scene: Scene) -> None:
    await scene.kill_bot_when(scene.accepted)  # the person's answer is still on its way
    await scene.kill_bot_when(scene.claimed)
    await scene.kill_bot_when(scene.cutting)
    for step in sorted(random.Random(SEED).sample(range(3, STEPS, 3), 4)):  # far enough apart to get on in between
        await scene.kill_bot_when(scene.learning(step))
    await scene.kill_bot_when(scene.painting)
    refused = scene.discord.fail(*SEND, status=503, times=1000)
    await scene.kill_bot_when(scene.settled)  # the answer is owed, and Discord does not take it
    refused.times = 0
    lost = scene.discord.fail(*SEND, times=1000, after=True)
    await scene.kill_bot_when(lambda: bool(scene.answers))  # it is sent, and the bot does not know
    lost.times = 0
    await scene.answered()
    check_the_end(scene)
    await scene.press_again()


async def test_three_kills_of_the_child_in_one_enrolment(scene: Scene) -> None:
    pid = scene.bot.pid
    for moment in (scene.cutting, scene.learning(7), scene.painting):
        await scene.kill_child_when(moment)
    await scene.answered()
    check_the_end(scene)
    assert scene.bot.pid == pid and scene.job("fence") == 4
    assert len(scene.bot.family()) == 2, "the bot and one child"


async def test_blows_at_random_moments(tmp_path: Path) -> None:
    async with await Loopback.start() as discord:
        test = KillTest(discord, tmp_path, SEED, light("steps=10 ms=30"), crowd=3)
        await test.bot.start()
        await test.keep_busy()
        await test.until(lambda: bool(test.rows(KNOWN)), 60)  # only then others ask for something, too
        await test.kill_at_random({"bot": 2, "child": 2, "term": 2}, lull_s=2.0)
        await test.settle()
        status, _ = await test.bot.stop()
    assert status == 0
    assert not test.bot.family()
    assert [status for status, _ in test.exits] == [0, 0]
    figures = test.figures()
    assert figures.pop("jobs") == figures.pop("answers") >= 4
    assert not any(figures.values()), figures

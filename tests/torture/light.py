"""Promises for which it does not matter what is computed: whose turn it is, answers that Discord seems to lose, and
blows to a bot with much to do.

Knows: a line with real storage, or the whole bot, and fake children; the real delivery against a loopback Discord.
Does not know: models.
"""

from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

from tests.bench.kills import Blow, measure
from tests.helpers.bot_process import light as bot
from tests.helpers.delivery_env import SEND, delivery_env
from tests.helpers.fake_studio import COMMAND
from tests.torture.stage import OWNER, opened

MANY = 100  # jobs of one person
NINE = range(1, 10)  # others, with one job each
SHARE = 0.5  # of the sends, so that more than the promised 0.3 are cut however many are tried again
WAITS_S = (90.0, 4000.0)  # between two rounds: Discord still knows the nonces, or has forgotten them


async def order(folder: Path) -> dict[str, Any]:
    """Starts are counted from when the nine begin to ask; the first one's hundred are in line by then."""
    async with opened(folder, (*COMMAND, "ms=20")) as stage:
        job = await stage.enrol("Rex", await stage.photographed("order"))
        await stage.over(job)
        pet = await stage.pet(job)
        for _ in range(MANY):
            await stage.paint(pet)
        before = len(stage.heard)
        asked = [await stage.paint(pet, OWNER + person) for person in NINE]
        await stage.until(lambda: stage.heard.keys() >= set(asked))
        starts = list(stage.heard)[before:]
    return {"people": 1 + len(asked), "last_of_the_nine": 1 + max(starts.index(job) for job in asked)}


async def crowd(folder: Path, blows: Mapping[Blow, int]) -> dict[str, float]:
    """The bot with several jobs in line at each blow: enrolments that portraits interrupt, answers on their way."""
    return await measure(folder, {**blows, "term": 2}, seed=2, command=bot("steps=10 ms=50"), crowd=4, lull_s=2.0)


async def resets(folder: Path, answers: int = 200) -> dict[str, Any]:
    """Answers of which many are taken and shown, and then the connection is cut."""
    known, forgotten = [await _posted(folder / f"{wait_s:g}", answers // 2, wait_s) for wait_s in WAITS_S]
    seen, cut = [*known[0], *forgotten[0]], known[1] + forgotten[1]
    return {
        "answers": len(seen),
        "cut": cut,
        "share": round(cut / (len(seen) + cut), 3),  # at least: a cut leads to one more send at the most
        "fewest": min(seen),
        "most": max(seen),
    }


async def _posted(folder: Path, answers: int, wait_s: float) -> tuple[list[int], int]:
    """How often each answer is seen in the end, and how many sends were cut."""
    chance = Random(1)
    async with delivery_env(folder) as post:
        pets = [await post.pet(post.thread(f"dog {number}")) for number in range(8)]
        jobs = [await post.owe(chance.choice(pets), pictures=chance.choice([0, 1])) for _ in range(answers)]
        fault = post.net.fail("POST", SEND, times=10_000, after=True, share=SHARE, seed=1)
        await post.rounds(wait_s)
        seen = post.seen()
    return [seen[f"{job.id}-0"] for job in jobs], fault.hits

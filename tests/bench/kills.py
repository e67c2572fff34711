"""`python -m tests.bench.kills [--kills 10] [--seed 1]`: kill -9 of the real bot, again and again in one enrolment.

Knows: the pocket profile, and kills spread evenly over the training's steps. Does not know: why it survives them.
Bar: the enrolment ends, with one answer and one adapter, and no process is left. tests/test_kills.py does the same at
named moments with a light child; here the models are real.
"""

import argparse
import asyncio
import random
import re
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.results import keep
from tests.bot_process import BotProcess, dog_photos
from tests.loopback import Loopback
from tests.witness import Witness

STEP = re.compile(r"step (\d+) of (\d+), ")
PATIENCE_S = 600.0


def shown(witness: Witness) -> tuple[int, float]:
    """The training step in the progress message, up to 5 s old, and its share of all."""
    for message in witness.messages:
        if "Learning what" in message["content"] and (found := STEP.search(message["content"])):
            return int(found[1]), int(found[1]) / int(found[2])
    return 0, 0.0


async def kill_at(bot: BotProcess, witness: Witness, share: float) -> int:
    """Kill the bot once so much is learnt, and start it again; the steps that have to be done once more."""
    before = witness.job("checkpoint") or 0

    def learnt() -> bool:
        return shown(witness)[1] >= share and witness.job("checkpoint") > before

    await witness.discord.until(learnt, PATIENCE_S)
    step, _ = shown(witness)
    await bot.kill()
    lost = step - witness.job("checkpoint")
    await witness.until(lambda: not bot.family(), 10)
    print(f"killed at step {step}, {lost} steps after its checkpoint", flush=True)
    await bot.start()
    return max(lost, 0)  # the message is a little older than the newest checkpoint


async def measure(folder: Path, kills: int, seed: int) -> dict[str, float]:
    rng = random.Random(seed)
    shares = sorted((number + rng.random()) / (kills + 1) for number in range(kills))
    async with await Loopback.start() as discord:
        bot, witness = BotProcess(discord, folder / "data"), Witness(discord, folder / "data")
        await bot.start()
        theo = discord.person("Theo")
        photos = {f"photo{n}": photo for n, photo in enumerate(dog_photos("kills", 6), start=1)}
        began = time.monotonic()
        await (await theo.slash("/enroll", discord.channel, name="Rex", **photos)).first_answer()
        redone = [await kill_at(bot, witness, share) for share in shares]
        await discord.until(lambda: witness.answers, PATIENCE_S)
        seconds = time.monotonic() - began
        await asyncio.sleep(5)  # a second answer would come now
        answers, adapters = len(witness.answers), len(witness.found("adapter"))
        await bot.stop()
    return {
        "kills": kills,
        "steps_redone": sum(redone),
        "seconds": round(seconds, 1),
        "answers": answers,
        "adapters": adapters,
        "processes_left": len(bot.family()),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="kill -9 of the bot in the middle of an enrolment.")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(measure(Path(folder), options.kills, options.seed))
    keep("kills", figures)
    return 0 if (figures["answers"], figures["adapters"], figures["processes_left"]) == (1, 1, 0) else 1


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tests.bench.update ../older-clone`: a training that the version before has begun goes on after the update.

Knows: how a bot is stopped in the middle, saved, put back elsewhere and started again. Does not know: what is learnt.
One dog's training is begun by the older version and stopped. The older version finishes it; this one goes on with a
copy, is stopped, saved and put back in another folder, and finishes it there. Bar: every tensor of the adapter equal.
"""

import asyncio
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from storage.archive import restore, save
from storage.database import DATABASE
from tests.bench.results import keep
from tests.helpers.bot_process import BotProcess, dog_photos
from tests.loopback import Loopback

STOPPED_AT, STOPPED_AGAIN_AT = 90, 250  # steps, or a little later
LONGEST_S = 1200.0


def job(data: Path) -> tuple[str, str, int]:
    """Id, state and newest checkpoint of the one job."""
    with closing(sqlite3.connect(f"file:{data / DATABASE}?mode=ro", uri=True)) as db:
        return db.execute("SELECT id, state, checkpoint FROM jobs").fetchone() or ("", "", 0)


async def reached(data: Path, step: int) -> None:
    """Wait until a checkpoint of this step is on disk, or the job is over."""
    async with asyncio.timeout(LONGEST_S):
        while job(data)[1] not in ("done", "failed") and job(data)[2] < step:  # noqa: ASYNC110 (a row tells nobody)
            await asyncio.sleep(0.3)


async def go_on(bot: BotProcess, step: int) -> int:
    """Start the bot, and stop it after this step; the newest checkpoint then."""
    await bot.start()
    await reached(bot.data, step)
    status, _ = await bot.stop()
    assert status == 0
    return job(bot.data)[2]


def adapter(data: Path) -> dict[str, Path]:
    """The files of what was learnt, by name. Raises AssertionError where the job is not done."""
    job_id, state, _ = job(data)
    assert state == "done", state
    return {path.name: path for path in sorted((data / "jobs" / job_id / "adapter").rglob("*.safetensors"))}


def compared(one: Path, other: Path) -> str:
    """How equal two files of tensors are: "bytes", "tensors" (their headers differ), or "not"."""
    if one.read_bytes() == other.read_bytes():
        return "bytes"
    first, second = load_file(one), load_file(other)
    equal = first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)
    return "tensors" if equal else "not"


async def main(older: Path) -> int:
    with tempfile.TemporaryDirectory() as name:
        folder, end = Path(name), 10**6
        async with await Loopback.start() as discord:
            old = BotProcess(discord, folder / "old" / "data", command=(sys.executable, str(older / "bot.py")))
            await old.start()
            files = {f"photo{n}": upload for n, upload in enumerate(dog_photos("update", 4), start=1)}
            await discord.person("Mina").slash("/enroll", discord.channel, name="Biscuit", **files)
            await reached(old.data, STOPPED_AT)
            await old.stop()
            first = job(old.data)[2]
            save(old.data, folder / "older.tar")
            restore(folder / "older.tar", folder / "new" / "data")
            second = await go_on(BotProcess(discord, folder / "new" / "data"), STOPPED_AGAIN_AT)
            save(folder / "new" / "data", folder / "newer.tar")
            restore(folder / "newer.tar", folder / "elsewhere" / "data")
            await go_on(BotProcess(discord, folder / "elsewhere" / "data"), end)
            await go_on(old, end)
        learnt, again = adapter(folder / "old" / "data"), adapter(folder / "elsewhere" / "data")
        equal = {name: compared(path, again[name]) for name, path in learnt.items()}
    keep("update", {"stopped_at": [first, second], "equal": equal})
    return 1 if "not" in equal.values() else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Path(sys.argv[1]).absolute())))

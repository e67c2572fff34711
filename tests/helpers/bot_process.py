"""The bot as its own process, and a kennel dog's photos to give it.

Knows: how the bot is started, stopped and killed, and its settings. Does not know: what it is asked to do.
"""

import asyncio
import io
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil

from gpu.pocket.world.dogs import a_dog, photo_shots
from gpu.pocket.world.kennel import draw
from tests.loopback import Loopback, Upload

ROOT = Path(__file__).parents[2]
REAL = (sys.executable, "bot.py")
LEASH = ("setpriv", "--pdeathsig", "KILL") if shutil.which("setpriv") else ()  # kill -9 of us is the end of the bot too


def light(plan: str) -> tuple[str, ...]:
    """The command of the same bot with a child that needs no models; the plan is of fake_studio.py."""
    return sys.executable, "-m", "tests.helpers.fake_bot", plan


class BotProcess:
    """`python bot.py` against a loopback Discord; its log goes to a file beside `data`."""

    def __init__(
        self,
        discord: Loopback,
        data: Path,
        *,
        profile: str = "pocket",
        command: Sequence[str] = REAL,
        look_minutes: int = 0,
    ) -> None:
        self.discord, self.data, self.profile, self.command = discord, data.absolute(), profile, command
        self.look_minutes = look_minutes
        self.log = data.parent / "bot.log"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def environment(self) -> dict[str, str]:
        settings = {"DATA": str(self.data), "PROFILE": self.profile, "GUILD_ID": self.discord.guild.id}
        look = {"LOOK_MINUTES": str(self.look_minutes)}
        return {**os.environ, **self.discord.environment, **settings, **look, "HF_HUB_OFFLINE": "1"}

    async def start(self) -> float:
        """Start it and wait until it is online; seconds until then."""
        self.data.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *LEASH, *self.command, cwd=ROOT, env=self.environment, stdout=log, stderr=log
            )
        await self.discord.until(lambda: self.discord.online, timeout=30)
        online = time.monotonic() - began
        await self.discord.until(lambda: self.discord.commands, timeout=30)
        return online

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def memory(self) -> float:
        """Resident megabytes of the bot itself, without its GPU process."""
        return psutil.Process(self.pid).memory_info().rss / 1e6

    def gpu_process(self) -> psutil.Process | None:
        """The child that computes."""
        return next((process for process in self.family() if process.pid != self.pid), None)

    def family(self) -> list[psutil.Process]:
        """Every living process of this data folder, whoever its parent is now: the bot, and the child that computes.

        What checks a photo is given no settings, so it is not among them.
        """
        ours: list[psutil.Process] = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("DATA") == str(self.data):
                    ours.append(process)
        return ours

    async def stop(self) -> tuple[int, float]:
        """SIGTERM; exit status and seconds."""
        assert self._process
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        status = await asyncio.wait_for(self._process.wait(), 30)
        return status, time.monotonic() - began

    async def kill(self) -> None:
        """kill -9, and wait until Discord has seen it go."""
        assert self._process
        self._process.kill()
        await self._process.wait()
        await self.discord.until(lambda: not self.discord.online, timeout=10)


def dog_photos(seed: str, count: int, size: int = 512) -> list[Upload]:
    """Photos of one kennel dog that no model was trained on; some with a hand or furniture in the way."""
    rng = random.Random(f"unseen {seed}")
    dog = a_dog(rng)
    clutter: list[tuple[str, ...]] = [(), ("hand",), (), ("furniture",), ("hand",), ()]
    uploads: list[Upload] = []
    for number, shot in enumerate(photo_shots(rng, count)):
        file = io.BytesIO()
        draw(dog, replace(shot, clutter=clutter[number % len(clutter)]), size).image.save(file, "JPEG", quality=92)
        uploads.append(Upload(f"photo{number + 1}.jpg", file.getvalue()))
    return uploads

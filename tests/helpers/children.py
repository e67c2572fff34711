"""The fake children (fake_studio.py) of this process, as the operating system sees them, and how long they may
be silent.
"""

import asyncio
import time

import psutil

from gpu.profile import Timeouts

LONG = Timeouts(startup=60, loading=60, cutting=60, learning=60, thinking=60, painting=60)
SHORT_S = 0.5  # in place of one of them
NEXT_S = 30.0  # from a hang to the next job's start, at most: the promise


def children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "tests.helpers.fake_studio" in child.cmdline()]


def ended(process: psutil.Process, within_s: float) -> bool:
    """Gone, or dead and waiting for whoever is process 1 here to notice."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.01)
    return False


async def child_started() -> psutil.Process:
    async with asyncio.timeout(10):
        while True:
            for child in children():
                return child
            await asyncio.sleep(0.005)

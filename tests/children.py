"""The light children (tests/light_studio.py) of this process, as the operating system sees them."""

import asyncio
import time

import psutil


def children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "tests.light_studio" in child.cmdline()]


def ended(process: psutil.Process, within_s: float) -> bool:
    """Gone, or dead and waiting for whoever is process 1 here to notice."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.01)
    return False


async def child_born() -> psutil.Process:
    async with asyncio.timeout(10):
        while True:
            for child in children():
                return child
            await asyncio.sleep(0.005)

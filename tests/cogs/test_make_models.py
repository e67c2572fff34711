"""`make models` as a process of its own: its exit status, all that it says, and what it is when it is killed."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.helpers.loopback_hub import LoopbackHub
from tests.helpers.model_repositories import LLAMA, segmenter, weights

ROOT = Path(__file__).parents[2]
SHARD = "model-00002-of-00004.safetensors"
TOKEN = "hf_VerySecretToken"
WHOLE = "All models of the profile sdxl are here and whole."


class Operator:
    """Who types `make models`. No setting is made in a file, and no bot's token."""

    def __init__(self, hub: LoopbackHub, folder: Path) -> None:
        self.hub, self.folder = hub, folder

    async def start(self, *options: str, **settings: str) -> asyncio.subprocess.Process:
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        home = {"HF_HOME": str(self.folder), "SEGMENTER": str(self.folder / "yolov8x-seg")}
        given = {"HF_ENDPOINT": self.hub.address, "HF_TOKEN": TOKEN, "PROFILE": "sdxl"}
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cogs.ops.models", *options),
            cwd=ROOT,
            env=kept | home | given | settings,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    async def run(self, *options: str, **settings: str) -> tuple[int | None, str]:
        process = await self.start(*options, **settings)
        said, _ = await process.communicate()
        return process.returncode, said.decode()


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    segmenter(tmp_path / "yolov8x-seg")
    async with LoopbackHub() as hub:
        hub.tokens = {TOKEN}
        yield Operator(hub, tmp_path)


async def test_a_licence_then_all_of_it(operator: Operator):
    operator.hub.gated[LLAMA] = set()
    status, said = await operator.run()
    assert status == 2 and "accept its licence" in said.splitlines()[-1], said
    operator.hub.gated[LLAMA] = {TOKEN}
    status, more = await operator.run()
    assert (status, more.splitlines()[-1]) == (0, WHOLE), more
    assert "Fetching 10 files" in more, "huggingface_hub's own bars"
    assert TOKEN not in said + more
    status, wrong = await operator.run("--yolo", "nothing-seg.pt")
    assert status == 2 and wrong.splitlines()[-1].endswith("yolov8x-seg was not made: there is no file nothing-seg.pt")


async def test_killed_in_the_middle_of_a_file(operator: Operator):
    hub, blobs = operator.hub, operator.folder / "hub" / f"models--{LLAMA.replace('/', '--')}" / "blobs"
    hub.files[LLAMA][SHARD] = weights(f"layer.{SHARD}", numbers=50_000)
    hub.stalled = {SHARD}
    process = await operator.start()
    while f"{LLAMA}/{SHARD}" not in hub.fetched or not [*blobs.glob("*.incomplete")]:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    process.kill()
    await process.communicate()
    halves = [*blobs.glob("*.incomplete")]
    for half in halves:
        os.utime(half, (time.time() - 7200,) * 2)  # long ago
    first = {name for name in hub.fetched if not name.startswith(LLAMA)}
    hub.asked.clear()
    hub.stalled.clear()
    status, said = await operator.run()
    assert (status, said.splitlines()[-1]) == (0, WHOLE), said
    assert not first & set(hub.fetched), "what came whole is not fetched again"
    assert halves and not [*blobs.glob("*.incomplete")]

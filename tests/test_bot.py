"""The front door: settings, start and end, what is logged, what is imported."""

import asyncio
import json
import logging
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import ValidationError

from bot import Discreet, Settings
from tests.living import Living, named, photos
from tests.loopback import Loopback

ROOT = Path(__file__).parent.parent
HEAVY = ["torch", "torchvision", "diffusers", "transformers", "peft", "accelerate", "ultralytics", "numpy", "PIL"]
PRINT_HEAVY = f"import sys, json, bot; print(json.dumps([name for name in {HEAVY} if name in sys.modules]))"


def settings(**values: Any) -> Settings:
    return Settings(_env_file=None, discord_token="t", **values)  # type: ignore[call-arg]


async def run(*command: str, **environment: str) -> tuple[int | None, str, str]:
    bare = {"PATH": os.environ["PATH"], "PYTHONWARNINGS": "ignore", "PYTHONPATH": str(ROOT)}
    child = await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=environment.pop("cwd", str(ROOT)), env=bare | environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await child.communicate()
    return child.returncode, out.decode(), err.decode()


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/api/v10", "http://[::1]:1/api", "https://discord.com/api/v10"])
def test_the_token_goes_to_discord_or_to_this_machine(url: str):
    assert settings(discord_api=url).discord_api == url


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/api",
        "http://discord.com/api",
        "https://discord.com.example.com/api",
        "https://evildiscord.com/api",
        "http://10.0.0.1/api",
        "https://discord.com@example.com/api",
        "file:///etc",
    ],
)
def test_and_nowhere_else(url: str):
    with pytest.raises(ValidationError):
        settings(discord_api=url)
    with pytest.raises(ValidationError):
        settings(discord_gateway=url.replace("http", "ws"))


def test_the_example_is_complete_and_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    example = (ROOT / ".env.example").read_text()
    written = {line.partition("=")[0] for line in example.splitlines() if line and not line.startswith("#")}
    assert written == {name.upper() for name in Settings.model_fields}
    copy = tmp_path / ".env"
    copy.write_text(example.replace("DISCORD_TOKEN=", "DISCORD_TOKEN=t"))
    loaded = Settings(_env_file=copy)  # type: ignore[call-arg]
    assert loaded == settings()


def test_secrets_are_not_logged():
    formatter = Discreet("my.secret.token")
    text = "my.secret.token /webhooks/12/aW50ZXI_x?wait=1 /interactions/34/dG9r-en/callback"
    record = logging.LogRecord("x", logging.INFO, "", 0, text, None, None)
    line = formatter.format(record)
    assert "[redacted] /webhooks/[redacted]?wait=1 /interactions/[redacted]/callback" in line


async def test_without_a_token_it_says_so_in_one_sentence(tmp_path: Path):
    status, out, err = await run(str(ROOT / "bot.py"), cwd=str(tmp_path))
    assert (status, out) == (2, "")
    assert err.count("\n") == 1 and "DISCORD_TOKEN" in err


async def test_the_bot_does_not_import_what_computes():
    _, out, err = await run("-c", PRINT_HEAVY)
    assert json.loads(out) == [], err


async def test_a_wrong_token_is_one_sentence(tmp_path: Path):
    async with await Loopback.start() as discord:
        alive = Living(discord, tmp_path / "data")
        await alive.start(discord_token="wrong", expect_online=False)
        assert await alive.ended() == 2


async def test_commands_are_synced_only_when_they_changed(tmp_path: Path):
    async with await Loopback.start(record=tmp_path) as discord:
        alive = Living(discord, tmp_path / "data")
        for _ in range(2):
            await alive.start()
            await alive.stop()
    traffic = (tmp_path / "traffic.jsonl").read_text().splitlines()
    assert sum(json.loads(line)["method"] == "PUT" and "/commands" in line for line in traffic) == 1


async def test_it_is_online_soon_small_and_ends_in_order(tmp_path: Path):
    """The real process with a light child; a job is running when SIGTERM comes, and goes on after the restart."""
    async with await Loopback.start() as discord:
        bot = await _start(discord, tmp_path)
        memory = psutil.Process(bot.pid).memory_info().rss / 1e6
        assert memory < 200, f"{memory:.0f} MB"
        mina = discord.person("Mina")
        asked = await mina.slash("/enroll", discord.channel, name="Rex", **named(photos(3)))
        assert (await asked.first_answer()).kind == "deferred"
        await asked.message()
        began = time.monotonic()
        bot.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(bot.wait(), 25) == 0
        print(f"{memory:.0f} MB, closed in {time.monotonic() - began:.1f} s")
        bot = await _start(discord, tmp_path)
        thread = discord.threads[0]
        await discord.until(lambda: any("I know" in one["content"] for one in discord.messages(thread)), 20)
        bot.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(bot.wait(), 25) == 0


async def _start(discord: Loopback, folder: Path) -> asyncio.subprocess.Process:
    environment = {**os.environ, **discord.environment, "DATA": str(folder / "data"), "PYTHONWARNINGS": "ignore"}
    began = time.monotonic()
    with (folder / "bot.log").open("ab") as log:
        bot = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.light_bot", "steps=4 ms=300", cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    await discord.until(lambda: discord.online, 10)
    online = time.monotonic() - began
    print(f"online after {online:.1f} s")
    assert online <= 3
    return bot

"""The front door: settings, start and end, what is logged, what is imported."""

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest
from discord import PrivilegedIntentsRequired

from storage.files import Files
from tests.helpers.bot_env import BotEnv, named, photos
from tests.helpers.bot_process import LEASH, BotProcess, light
from tests.loopback import Loopback

ROOT = Path(__file__).parent.parent
HEAVY = ["torch", "torchvision", "diffusers", "transformers", "peft", "accelerate", "ultralytics", "numpy", "PIL"]
# Not where the bot lies, and perhaps your own .env.
ELSEWHERE = "import os, sys, bot; os.chdir = lambda _: None; sys.exit(bot.main())"
PRINT_HEAVY = f"import sys, json, bot; print(json.dumps([name for name in {HEAVY} if name in sys.modules]))"


async def run(*command: str, **environment: str) -> tuple[int | None, str, str]:
    bare = {"PATH": os.environ["PATH"], "PYTHONWARNINGS": "ignore", "PYTHONPATH": str(ROOT)}
    child = await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=environment.pop("cwd", str(ROOT)), env=bare | environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await child.communicate()
    return child.returncode, out.decode(), err.decode()


async def test_without_a_token_it_says_so_in_one_sentence(tmp_path: Path):
    status, out, err = await run("-c", ELSEWHERE, cwd=str(tmp_path))
    assert (status, out) == (2, "")
    assert err.count("\n") == 1 and "DISCORD_TOKEN" in err


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("profile", "huge", "'sdxl' or 'pocket'"),
        ("log_level", "DEBUG", "'INFO', 'WARNING' or 'ERROR'"),
        ("discord_api", "http://x", "Discord's own address or a loopback address"),
    ],
)
async def test_any_other_mistake_is_one_sentence_too(tmp_path: Path, name: str, value: str, allowed: str):
    environment = {"DISCORD_TOKEN": "t", name.upper(): value}
    status, out, err = await run("-c", ELSEWHERE, cwd=str(tmp_path), **environment)
    sentence = f"{name.upper()} must be {allowed}, not '{value}': change it in .env or in the environment.\n"
    assert (status, out, err) == (2, "", sentence)


async def test_the_bot_does_not_import_what_computes():
    _, out, err = await run("-c", PRINT_HEAVY)
    assert json.loads(out) == [], err


async def test_a_second_bot_on_the_folder_says_so_and_ends(tmp_path: Path):
    """Two real processes. The first one goes on."""
    async with await Loopback.start() as discord:
        first = BotProcess(discord, tmp_path / "data", command=light("steps=4"))
        await first.start()
        from_here = "../" * (len(ROOT.parts) - 1) + str(first.data).lstrip("/")
        for data in (str(first.data), from_here):  # a relative path is meant from the bot's folder
            environment = {**discord.environment, "DATA": data, "PROFILE": "pocket"}
            status, out, err = await run(str(ROOT / "bot.py"), cwd=str(tmp_path), **environment)
            cure = "Stop that one, or name another folder in DATA in .env."
            assert (status, out, err) == (2, "", f"Another bot has this data folder open. ({data}) {cure}\n")
        assert discord.online and discord.gateway.identified == 1
        assert (await first.stop())[0] == 0


@pytest.mark.parametrize("found", ["no database", "no folder"])
async def test_data_that_cannot_be_used_is_one_sentence_with_its_cure(tmp_path: Path, found: str):
    """A status of 1 would have systemd start it again every five seconds."""
    data = tmp_path / "data"
    if found == "no database":
        data.mkdir()
        (data / "pawtrait.db").write_text("a dog walked over this" * 99)
        told = f"The database cannot be read. ({data}/pawtrait.db: file is not a database)"
    else:
        data.touch()
        told = f"The data folder cannot be written. ({data}: File exists)"
    environment = {"DISCORD_TOKEN": "t", "PROFILE": "pocket", "DATA": str(data)}
    status, out, err = await run("-c", ELSEWHERE, cwd=str(tmp_path), **environment)
    assert (status, out, err) == (2, "", f"{told} `make doctor` says what mends it.\n")


async def test_what_nobody_catches_is_one_line_without_secrets():
    """The bot's token and an interaction's, in an exception that ends the bot."""
    raises = "raise OSError(bot.Settings().discord_token.get_secret_value() + ' http://x/webhooks/1/secret/messages')"
    code = f"import bot; bot.configure_logging(bot.Settings()); {raises}"
    status, out, err = await run("-c", code, DISCORD_TOKEN="my.token")
    assert (status, out, err.count("\n")) == (1, "", 1), err
    assert "level=critical" in err and "[redacted] http://x/webhooks/[redacted]/messages" in err
    assert "my.token" not in err and "secret/" not in err


# ---- logging in -----------------------------------------------------------------------------------------------------


async def test_a_wrong_token_is_one_sentence(tmp_path: Path):
    async with await Loopback.start() as discord:
        alive = BotEnv(discord, tmp_path / "data")
        await alive.start(discord_token="wrong", expect_online=False)
        assert await alive.ended() == 2


async def test_it_is_online_once_the_leavings_of_a_former_run_are_swept_up(tmp_path: Path):
    """While it sweeps, whatever somebody's /enroll puts into the folder would look like leavings, too."""
    files = Files(tmp_path / "data")
    for n in range(100):
        files.photo_folder(f"{n:012x}").mkdir(parents=True)
    async with await Loopback.start() as discord:
        alive = BotEnv(discord, files.root)
        await alive.start()
        assert not files.found()
        await alive.stop()


async def test_it_is_online_soon_small_and_ends_in_order(tmp_path: Path):
    """The real process with a fake child; a job is running when SIGTERM comes, and goes on after the restart."""
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


async def test_it_ends_in_order_though_discord_does_not_answer_its_goodbye(tmp_path: Path):
    async with await Loopback.start() as discord:
        bot = BotProcess(discord, tmp_path / "data", command=light("steps=4"))
        await bot.start()
        discord.gateway.deafen()
        status, seconds = await bot.stop()
        assert (status, seconds < 25) == (0, True), bot.log.read_text()
        assert "level=error" not in bot.log.read_text()


async def test_what_only_the_operator_can_mend_ends_it(tmp_path: Path):
    """Discord ends the connection for good: here as the intents were taken from the application."""
    async with await Loopback.start() as discord:
        alive = BotEnv(discord, tmp_path / "data")
        await alive.start()
        await discord.gateway.drop(4014)
        with pytest.raises(PrivilegedIntentsRequired):
            await asyncio.wait_for(alive.ended(), 25)


async def _start(discord: Loopback, folder: Path) -> asyncio.subprocess.Process:
    settings = {"DATA": str(folder / "data"), "PROFILE": "pocket", "PYTHONWARNINGS": "ignore", "LOOK_MINUTES": "0"}
    environment = {**os.environ, **discord.environment, **settings}
    began = time.monotonic()
    with (folder / "bot.log").open("ab") as log:
        bot = await asyncio.create_subprocess_exec(
            *LEASH, *light("steps=4 ms=300"), cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    await discord.until(lambda: discord.online, 10)
    online = time.monotonic() - began
    print(f"online after {online:.1f} s")
    assert online <= 3
    return bot

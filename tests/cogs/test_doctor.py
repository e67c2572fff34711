"""Each thing that a bot needs, broken on purpose: one line says so, and what mends it."""

import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from cogs.ops import discord_checks, doctor
from cogs.ops.settings import Settings
from gpu import machine
from gpu.doctor import Check, all_well, disk_check, memory_check
from gpu.machine import Card, Machine
from gpu.memory import REAL, plan
from gpu.profile import SDXL
from gpu.sources import sources
from gpu.weights import FETCH, Problem
from storage.database import Database, versions
from tests.helpers.model_repositories import written
from tests.loopback import Loopback, rest

ROOT = Path(__file__).parents[2]
CARD = Card(name="NVIDIA GeForce RTX 4090", memory=24 << 30, capability=(8, 9), uuid="GPU-5a")
WHOLE = Machine(python=(3, 11), memory=64 << 30, driver="580.95.05", cards=(CARD,), has_nvidia=True)
MODELS = ("sdxl", "vae", "few_step", "llama", "dino")


@dataclass
class Stage:
    """A machine, models, settings and a Discord, all of them good; a test breaks one."""

    discord: Loopback
    folder: Path
    monkeypatch: pytest.MonkeyPatch
    machine: Machine = WHOLE
    changed: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def models(self) -> Path:
        return self.folder / "models"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def settings(self) -> dict[str, Any]:
        known = {name.lower(): value for name, value in self.discord.environment.items()}
        models = {f"{name}_model": str(self.models / getattr(SDXL, name)) for name in MODELS}
        own = {"segmenter": str(self.models / "yolov8x-seg"), "data": self.data}
        return known | models | own | self.changed

    async def checks(self) -> list[Check]:
        self.monkeypatch.setattr(machine, "look", lambda: self.machine)
        return await doctor.examine(Settings(_env_file=None, **self.settings))  # type: ignore[call-arg]


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    written(tmp_path / "models")
    (tmp_path / "data").mkdir()
    async with await Loopback.start() as discord:
        yield Stage(discord, tmp_path, monkeypatch)


def card(**changed: Any) -> Callable[[Stage], None]:
    def change(stage: Stage) -> None:
        stage.machine = replace(WHOLE, cards=(replace(CARD, **changed),))

    return change


def here(**changed: Any) -> Callable[[Stage], None]:
    def change(stage: Stage) -> None:
        stage.machine = replace(WHOLE, **changed)

    return change


def settings(**changed: Any) -> Callable[[Stage], None]:
    return lambda stage: stage.changed.update(changed)


def application(name: str, value: Any) -> Callable[[Stage], None]:
    return lambda stage: stage.monkeypatch.setitem(rest.APPLICATION_DEFAULTS, name, value)


def refused(route: str, status: int) -> Callable[[Stage], None]:
    return lambda stage: stage.discord.fail("GET", route, status=status, times=9) and None


def without(model: str) -> Callable[[Stage], None]:
    return lambda stage: shutil.rmtree(stage.models / model)


def cut_off(file: str) -> Callable[[Stage], None]:
    return lambda stage: os.truncate(stage.models / file, 100)


def database(sql: str) -> Callable[[Stage], None]:
    def change(stage: Stage) -> None:
        connection = sqlite3.connect(stage.data / "pawtrait.db")
        connection.executescript(sql)
        connection.close()

    return change


def no_database(stage: Stage) -> None:
    (stage.data / "pawtrait.db").write_bytes(b"SQLite format 3\0" + b"a dog walked over this" * 99)


def no_folder(stage: Stage) -> None:
    stage.data.rmdir()
    stage.data.write_text("a file")


def closed(stage: Stage) -> None:
    stage.changed["discord_api"] = "http://127.0.0.1:9/api/v10"


BASE = "stabilityai/stable-diffusion-xl-base-1.0"
BROKEN: dict[str, tuple[Callable[[Stage], None], str, str, str]] = {
    "an old Python": (here(python=(3, 10)), "Python", "takes one from 3.11 to 3.13", "make clean doctor"),
    "a new Python": (here(python=(3, 14)), "Python", "3.14", "make clean doctor"),
    "an old driver": (here(driver="535.183.01"), "driver", "CUDA 13 takes 580 or later", "ubuntu-drivers install"),
    "a very old driver": (here(driver="470.1", cards=()), "driver", "470.1 is too old", "ubuntu-drivers install"),
    "no driver": (here(driver="", cards=(), trouble="NVML is not there"), "driver", "NVML is not there", "reboot"),
    "no card": (here(driver="", cards=(), has_nvidia=False), "card", "no NVIDIA card", "ALLOW_CPU=1"),
    "an old card": (card(capability=(6, 1)), "card", "torch takes 7.5 or later", "PROFILE=pocket"),
    "another card": (settings(cuda_visible_devices="3"), "card", "CUDA_VISIBLE_DEVICES=3", "0 NVIDIA GeForce RTX 4090"),
    "no segmenter": (without("yolov8x-seg"), "segmenter", "is not on this machine", FETCH),
    "no SDXL": (without(BASE), "sdxl", "there is no", "correct SDXL_MODEL in .env"),
    "no DINO": (without("facebook/dinov2-base"), "dino", "there is no", "correct DINO_MODEL in .env"),
    "half an SDXL": (
        cut_off(f"{BASE}/unet/diffusion_pytorch_model.fp16.safetensors"), "sdxl", "was cut off", "SDXL_MODEL",
    ),
    "a wrong token": (settings(discord_token="wrong"), "token", "does not accept", "Reset Token"),
    "no Discord": (closed, "Discord", "cannot be reached", "curl -sS http://127.0.0.1:9/api/v10/gateway"),
    "a sick Discord": (refused("/users/@me", 503), "Discord", "answers 503", "wait a minute"),
    "no /gateway/bot": (refused("/gateway/bot", 404), "gateway", "/gateway/bot answers 404", "make doctor"),
    "a closed gateway": (settings(discord_gateway="ws://127.0.0.1:9/"), "gateway", "cannot be reached", "firewall"),
    "no application": (refused("/oauth2/applications/@me", 500), "application", "answers 500", "wait a minute"),
    "an endpoint": (
        application("interactions_endpoint_url", "set"), "application", "none to the bot", "Interactions Endpoint URL",
    ),
    "a code grant": (application("bot_require_code_grant", True), "invite", "code grant", "switch Requires OAuth2"),
    "a file for a folder": (no_folder, "data folder", "cannot be written: Not a directory", "data away"),
    "a newer bot's rows": (database("PRAGMA user_version = 999"), "database", "version 999", "git pull"),
    "no rows at all": (no_database, "database", "cannot be read", "make restore"),
}  # fmt: skip


async def test_where_everything_is_well_nobody_has_to_act(stage: Stage):
    checks = await stage.checks()
    assert {check.mark for check in checks} == {"✅"} and all_well(checks)
    told = {check.name: check.found for check in checks}
    assert set(told) >= {"Python", "driver", "card", "memory", "disk", "sdxl", "token", "gateway", "invite", "database"}
    assert "permissions=309237746752" in told["invite"] and stage.discord.world.me.id in told["invite"]
    assert not stage.discord.gateway.identified, "no login is used up"


@pytest.mark.parametrize("what", BROKEN)
async def test_what_is_broken_is_one_line_with_its_cure(stage: Stage, what: str):
    breaks, name, found, cure = BROKEN[what]
    breaks(stage)
    checks = await stage.checks()
    [line] = [check for check in checks if check.mark != "✅"]
    assert (line.name, line.mark, all_well(checks)) == (name, "❌", False)
    assert found in line.found and cure in line.cure
    assert stage.discord.token not in "".join(map(str, checks))


async def test_what_makes_it_less_good_ends_nothing(stage: Stage):
    """No Llama, no few-step LoRA, no card, few logins left: the bot runs."""
    without("meta-llama/Meta-Llama-3-8B-Instruct")(stage)
    without("ByteDance/Hyper-SD")(stage)
    here(driver="", cards=(), has_nvidia=False)(stage)
    settings(allow_cpu=True)(stage)
    stage.monkeypatch.setattr(discord_checks, "login_delay_s", lambda *_: 86.0)
    stage.monkeypatch.setattr(doctor, "LITTLE", 1e18)
    checks = await stage.checks()
    told = {check.name: str(check) for check in checks if check.mark == "⚠️"}
    assert set(told) == {"llama", "few_step", "card", "gateway", "data folder"} and all_well(checks)
    assert "until then drafts are painted in as many plain steps" in told["few_step"]
    assert "until then the template writes the prompts" in told["llama"] and "LLAMA_MODEL" in told["llama"]
    assert "all is computed on the processor" in told["card"] and "\n" not in told["card"]
    assert "waits 86 s" in told["gateway"]


async def test_who_writes_prompts_by_the_template_needs_no_llama(stage: Stage):
    without("meta-llama/Meta-Llama-3-8B-Instruct")(stage)
    settings(rewrite="template")(stage)
    assert {check.mark for check in await stage.checks()} == {"✅"}


@pytest.mark.parametrize(("flags", "said"), [(0, "all three are off"), (1 << 18 | 1 << 15, "may be switched off")])
async def test_no_intent_can_be_wrong(stage: Stage, flags: int, said: str):
    application("flags", flags)(stage)
    application("bot_public", False)(stage)
    told = {check.name: check for check in await stage.checks()}
    assert told["intents"].mark == "✅" and said in told["intents"].found
    assert ("Server Members and Message Content" in told["intents"].found) == bool(flags)
    assert "only you can" in told["invite"].found


async def test_a_database_in_use_is_read_as_it_is_and_left_so(stage: Stage):
    async with await Database.open(stage.data / "pawtrait.db"):
        before = sorted(path.name for path in stage.data.iterdir())
        [line] = [check for check in await stage.checks() if check.name == "database"]
        assert (line.mark, line.found) == ("✅", f"version {versions(stage.data / 'pawtrait.db')[1]}")
        assert sorted(path.name for path in stage.data.iterdir()) == before


async def test_an_older_database_is_not_brought_up_to_date(stage: Stage):
    database("CREATE TABLE pets (id); PRAGMA journal_mode = WAL; PRAGMA user_version = 1")(stage)
    [line] = [check for check in await stage.checks() if check.name == "database"]
    assert line.mark == "✅" and "version 1; the bot copies it" in line.found
    assert versions(stage.data / "pawtrait.db")[0] == 1
    assert [path.name for path in stage.data.iterdir()] == ["pawtrait.db"], "nor are files left beside it"


@pytest.mark.parametrize(
    ("size", "host", "mark"), [(80, 64, "✅"), (24, 64, "✅"), (8, 64, "⚠️"), (16, 8, "✅"), (10, 8, "⚠️")]
)
def test_the_memory_plan_for_this_card_is_told(size: int, host: int, mark: str):
    small = replace(WHOLE, memory=host * 10**9, cards=(replace(CARD, memory=size * 10**9),))
    made = plan(SDXL, REAL, memory=size * 10**9, host=host * 10**9)
    check = memory_check(small, SDXL, None, REAL)
    here = {64: "64 GB", 8: "8.0 GB"}[host]
    assert (check.mark, check.found) == (mark, f"{here} in this machine; {made.describe()}")
    assert ("REWRITE=template" in check.cure) == (mark == "⚠️")


def test_without_a_card_that_can_be_used_the_hosts_memory_is_planned_with():
    old = replace(WHOLE, cards=(replace(CARD, capability=(6, 1)),))
    for machine_, visible in ((replace(WHOLE, cards=()), None), (WHOLE, "7"), (old, None)):
        assert memory_check(machine_, SDXL, visible, REAL).found == "69 GB in this machine"
        check = memory_check(machine_, replace(SDXL, allow_cpu=True), visible, REAL)
        assert "all models stay" in check.found and "of 68.7 GB in use" in check.found


@pytest.mark.parametrize(("free", "mark"), [(40e9, "✅"), (25e9, "❌"), (0, "❌")])
def test_the_disk_takes_what_is_to_come(free: float, mark: str):
    coming = [Problem(model=source.name, wrong="", cure=FETCH) for source in sources(SDXL)]
    check = disk_check(free, coming)
    assert check.mark == mark and "25 GB of models to come" in check.found
    assert ("HF_HOME" in check.cure) == (mark == "❌")
    assert disk_check(2e9, [Problem(model="sdxl", wrong="", cure="correct SDXL_MODEL in .env")]).mark == "✅"

"""`python -m cogs.ops.doctor`: what is missing on the way to a bot that runs, a line each, with what mends it.

Knows: settings, the data folder, the database; and how the facts for every check are gathered, all at once. Does not
know: what is good enough of a machine (gpu/doctor.py, which /doctor uses too), what Discord's answers mean
(discord_checks.py). Nothing is changed, and the bot may be running. No torch.
"""

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from pydantic import SecretStr, ValidationError

from cogs.ops.discord_checks import Replies, ask, discord_checks
from cogs.ops.redaction import RedactingFormatter
from cogs.ops.settings import Settings, explain
from gpu import machine, weights
from gpu.doctor import GB, Check, all_well, bad, disk_check, machine_checks, memory_check, model_checks, poor, well
from gpu.memory import sizes_here
from gpu.sources import Source, sources
from gpu.weights import Problem
from storage.database import DATABASE, Damaged, versions

ROOT = Path(__file__).parents[2]
LITTLE = 2e9  # bytes: portraits and checkpoints of a few days
UNTOLD = SecretStr("")  # in place of a token that is not set


def load() -> tuple[Settings, list[Check]]:
    """The settings, and a line for each that is wrong, in whose place its default stands."""
    checks: list[Check] = []
    replaced: dict[str, object] = {}
    while True:
        try:
            settings = Settings(**replaced)  # pyright: ignore[reportArgumentType]
        except ValidationError as error:
            wrong, _, cure = explain(error).partition(": ")
            checks.append(bad("settings", wrong, cure.removesuffix(".")))
            name = str(error.errors()[0]["loc"][0])
            replaced[name] = UNTOLD if name == "discord_token" else Settings.model_fields[name].default
        else:
            return settings, checks or [well("settings", f"profile {settings.profile}")]


async def examine(settings: Settings) -> list[Check]:
    """Every check but that of the settings themselves."""
    here, discord = await asyncio.gather(asyncio.to_thread(_examine_machine, settings), _ask_discord(settings))
    return [*here, *_examine_data(settings.data), *(discord_checks(discord) if discord else ())]


async def _ask_discord(settings: Settings) -> Replies | None:
    token = settings.discord_token.get_secret_value()
    return await ask(settings.discord_api, settings.discord_gateway, token) if token else None


def _examine_machine(settings: Settings) -> list[Check]:
    profile, cache = settings.studio_profile(), settings.hub_cache()
    found = {source: weights.problem(source, cache) for source in sources(profile)}
    problems = [problem for problem in found.values() if problem]
    here, visible = machine.look(), settings.child_environment().get("CUDA_VISIBLE_DEVICES")
    return [
        *machine_checks(here, profile, visible),
        memory_check(here, profile, visible, sizes_here(profile, cache)),
        disk_check(shutil.disk_usage(_existing(_hub_cache(settings))).free, problems),
        *model_checks(found, _refusals(found, settings)),
    ]


def _refusals(found: Mapping[Source, Problem | None], settings: Settings) -> dict[Source, str]:
    absent = [source for source, problem in found.items() if problem and not problem.file]
    if not absent:
        return {}
    from gpu.fetch import Hub  # here: who has all models need not wait for the hub's library
    from gpu.hub_access import refusals

    token = settings.hf_token.get_secret_value() if settings.hf_token else None
    return refusals(absent, Hub(cache=settings.hub_cache(), endpoint=settings.hf_endpoint, token=token))


def _hub_cache(settings: Settings) -> Path:
    from huggingface_hub.constants import HF_HUB_CACHE

    return settings.hub_cache() or Path(HF_HUB_CACHE)


def _existing(path: Path) -> Path:
    """The folder, or the one in which it would be made."""
    return next(one for one in (path, *path.absolute().parents) if _is_there(one))


def _is_there(path: Path) -> bool:
    """Not what lies in a folder that we may not look into, for which exists() would raise."""
    with suppress(PermissionError):
        return path.exists()
    return False


def _examine_data(folder: Path) -> Iterator[Check]:
    yield _data_folder(folder)
    yield _database(folder / DATABASE)


def _data_folder(folder: Path) -> Check:
    place = _existing(folder)
    try:
        with tempfile.NamedTemporaryFile(dir=place):
            pass
    except OSError as error:
        return bad("data folder", f"{folder} cannot be written: {error.strerror}", _cure(folder))
    free = shutil.disk_usage(place).free
    told = f"{folder}, {free / GB:.0f} GB free"
    return well("data folder", told) if free >= LITTLE else poor("data folder", told, "make room on that disk")


def _cure(folder: Path) -> str:
    """What makes it the bot's; nothing above it is touched, for that may be the system's."""
    if _existing(folder) != folder:
        command = f"sudo install -d -o $USER {folder.absolute()}"
    else:
        command = f"sudo chown -R $USER {folder}" if folder.is_dir() else f"mv {folder} away"
    return f"{command}, or another folder in DATA in .env"


def _database(path: Path) -> Check:
    try:
        version, newest = versions(path)
    except Damaged as error:
        return bad("database", f"{path}: {error}", f"mv {path.parent} away; make restore FROM=your newest backup")
    except PermissionError as error:
        return bad("database", f"{path} cannot be read: {error.strerror}", _cure(path.parent))
    if version is None:
        return well("database", "none yet: the bot makes it when it starts")
    if version > newest:
        cure = f"git pull (or mv {path.parent} away; make restore FROM=a backup of this version)"
        return bad("database", f"version {version}, of a newer bot: this one knows {newest}", cure)
    if version < newest:
        return well("database", f"version {version}; the bot copies it and brings it to {newest} when it starts")
    return well("database", f"version {version}")


def main() -> int:
    """The exit status: 0 if the bot can run, 2 if the operator has to change something."""
    os.chdir(ROOT)  # as the bot does: .env and a relative DATA are looked for from here
    settings, checks = load()
    checks += asyncio.run(examine(settings))
    redact = RedactingFormatter(*settings.secrets()).said
    for check in checks:
        print(redact(str(check)).replace(f"{ROOT}/", ""))
    return 0 if all_well(checks) else 2


if __name__ == "__main__":
    sys.exit(main())

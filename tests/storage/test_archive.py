"""All of a data folder in one file: made while the bot works, put back elsewhere, and never with a forgotten dog."""

import asyncio
import json
import os
import shutil
import sqlite3
import tarfile
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cogs.ops import archive as command
from gpu.errors import OutOfMemory
from gpu.jobs import JOB, Enroll
from gpu.outcomes import Progress
from storage import archive
from storage.archive import ArchiveRefused, restore, save
from storage.database import DATABASE, MIGRATIONS, Database, TooNew
from tests.helpers.storage_env import GUILD, MARKER, OWNER, StorageEnv, enrolled

STEPS = ("enroll", "look", "learn", "paint", "forget", "checkpoint")


async def opened(data: Path, keep_failed_s: float = 0.0) -> StorageEnv:
    return StorageEnv.on(data, await Database.open(data / DATABASE), keep_failed_s)


async def do(env: StorageEnv, step: str, number: int) -> None:
    """One thing that people, or the process that computes, do."""
    pets = await env.pets.of_owner(GUILD, OWNER)
    ready = [pet for pet in pets if pet.state == "ready"]
    if step == "enroll":
        await env.enroll(f"Dog {number}")
    elif step == "look":
        await env.looked(f"Seen {number}", refused=number % 3)
    elif step == "learn":
        await env.ready(f"Learnt {number}")
    elif step == "paint" and ready:
        await env.paint(ready[number % len(ready)])
    elif step == "forget" and pets:
        await env.erasure.forget(pets[number % len(pets)].id)
    elif step == "checkpoint" and (waiting := await env.journal.waiting()):
        folder = env.files.job_folder(waiting[0].job_id) / "checkpoint"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "training.safetensors").write_text(f"{number} {MARKER}")


def rows(data: Path) -> dict[str, list[Any]]:
    with closing(sqlite3.connect(data / DATABASE)) as db:
        tables = ("pets", "photos", "jobs", "portraits", "outbox")
        return {table: db.execute(f"SELECT * FROM {table}").fetchall() for table in tables}


def files(data: Path) -> dict[str, bytes]:
    return {str(path.relative_to(data)): path.read_bytes() for path in data.glob("jobs/**/*") if path.is_file()}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def is_private(path: Path) -> bool:
    return path.stat().st_mode & 0o077 == 0


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(STEPS), max_size=8))
def test_what_was_saved_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, steps: list[str]):
    folder = tmp_path_factory.mktemp("any")

    async def play() -> None:
        env = await opened(folder / "data")
        for number, step in enumerate(steps):
            await do(env, step, number)
        save(folder / "data", folder / "saved.tar")
        await env.db.close()

    asyncio.run(play())
    whole = rows(folder / "data"), files(folder / "data")
    (folder / "data").rename(folder / "old")
    restore(folder / "saved.tar", folder / "data")
    assert (rows(folder / "data"), files(folder / "data")) == whole


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(STEPS), min_size=4, max_size=12), st.integers(0, 3))
def test_made_while_people_work_it_is_of_one_moment(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str], after: int
):
    folder = tmp_path_factory.mktemp("busy")

    async def play() -> set[str]:
        env = await opened(folder / "data")
        await env.ready("First")
        saving = threading.Thread(target=save, args=(folder / "data", folder / "saved.tar"))
        for number, step in enumerate(steps):
            if number == after:
                saving.start()
            await do(env, step, number)
        await asyncio.to_thread(saving.join)
        living = {row["id"] for row in await env.db.all("SELECT id FROM jobs")}
        await env.db.close()
        return living

    living = asyncio.run(play())
    restore(folder / "saved.tar", folder / "elsewhere")
    found = rows(folder / "elsewhere")
    assert all(Path(photo[3]).exists() for photo in found["photos"])
    assert all(str(folder / "elsewhere") in photo[3] for photo in found["photos"])
    assert {name.split("/")[1] for name in files(folder / "elsewhere")} <= {job[0] for job in found["jobs"]}
    if "forget" not in steps:
        assert {job[0] for job in found["jobs"]} <= living


@pytest.mark.parametrize("name", ["data", "김 모씨/데이터", 'Ünser "Hund"'])
async def test_in_another_folder_everything_is_found_there(tmp_path: Path, name: str):
    env = await opened(tmp_path / name)
    pet = await env.ready()
    paused = await env.enroll("Paused")
    await env.journal.mark_paused(await env.claim(paused.id))
    cut = env.files.job_folder(paused.id) / "cutouts" / "cut.json"
    cut.parent.mkdir()
    sheet = {"sheet": str(env.files.job_folder(paused.id) / "sheet.png")}
    cut.write_text(json.dumps(sheet, separators=(",", ":"), ensure_ascii=False), "utf-8")
    save(tmp_path / name, tmp_path / "saved.tar")
    await env.db.close()

    moved = tmp_path / "새" / "place"
    restore(tmp_path / "saved.tar", moved)
    (tmp_path / name).rename(tmp_path / "gone")
    again = await opened(moved)
    known = await again.pet(pet.name)
    assert known and known.adapter and known.adapter.folder.is_relative_to(moved) and known.adapter.folder.is_dir()
    claim = await again.claim(paused.id)
    assert all(photo.path.is_relative_to(moved) for photo in claim.job.photos)  # type: ignore[union-attr]
    assert str(tmp_path / name) not in JOB.dump_json(claim.job).decode()
    assert json.loads((moved / "jobs" / paused.id / "cutouts" / "cut.json").read_text())["sheet"].startswith(str(moved))
    await again.db.close()


async def test_what_was_learnt_and_what_is_kept_to_be_tried_again_move_too(tmp_path: Path):
    env = await opened(tmp_path / "data", keep_failed_s=60.0)
    known, failed = await env.enroll("Known"), await env.enroll("Failed")
    seen = await env.looked("Seen")
    await env.journal.settle(await env.claim(failed.id), OutOfMemory().as_failed())
    claim = await env.claim(known.id)
    learnt = replace(enrolled(claim.job.folder).result, portraits=())
    await env.journal.note_checkpoint(claim, Progress(phase="thinking", checkpoint=9, learnt=learnt))
    save(tmp_path / "data", tmp_path / "saved.tar")
    await env.db.close()

    moved = tmp_path / "new" / "place"
    restore(tmp_path / "saved.tar", moved)
    (tmp_path / "data").rename(tmp_path / "gone")
    again = await opened(moved, keep_failed_s=60.0)
    await again.journal.recover()
    await again.journal.settle(await again.claim(known.id), OutOfMemory().as_failed())
    pet = await again.pet("Known")
    assert pet and pet.adapter and pet.adapter.folder.is_relative_to(moved) and pet.adapter.folder.is_dir()
    claim = await again.claim((await again.failed.retry(failed.id, locale="en", pets_each=9)).id)
    assert isinstance(claim.job, Enroll) and all(photo.path.is_file() for photo in claim.job.photos)
    looked = (await again.looks.get(seen.id)).looked
    assert looked.sheet.is_relative_to(moved) and looked.sheet.is_file()
    assert all(cutout.image.is_relative_to(moved) for cutout in looked.cutouts)
    claim = await again.claim((await again.looks.learn(seen.id, 1)).id)
    assert isinstance(claim.job, Enroll) and all(photo.path.is_file() for photo in claim.job.photos)
    await again.db.close()


async def test_an_archive_of_an_older_version_is_restored(tmp_path: Path):
    steps = tmp_path / "older"
    shutil.copytree(MIGRATIONS, steps)
    for newer in sorted(steps.glob("*.sql"))[4:]:
        newer.unlink()
    async with await Database.open(tmp_path / "data" / "pawtrait.db", steps):
        save(tmp_path / "data", tmp_path / "saved.tar")
    restore(tmp_path / "saved.tar", tmp_path / "elsewhere")
    await (await opened(tmp_path / "elsewhere")).db.close()


async def test_a_dog_that_is_forgotten_meanwhile_is_in_no_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    env = await opened(tmp_path / "data")
    pet = await env.ready("Forgotten")
    await env.ready("Stays")
    loop, add = asyncio.get_running_loop(), archive._add
    forgetting: list[Any] = []

    def forget_first(tar: tarfile.TarFile, path: Path, name: Path) -> bool:
        if not forgetting:
            forgetting.append(asyncio.run_coroutine_threadsafe(env.erasure.forget(pet.id), loop))
            forgetting[0].result(10)
        return add(tar, path, name)

    monkeypatch.setattr(archive, "_add", forget_first)
    manifest = await asyncio.to_thread(save, tmp_path / "data", tmp_path / "saved.tar")
    assert manifest.dogs == 1
    assert b"Forgotten" not in (tmp_path / "saved.tar").read_bytes()
    await env.db.close()


async def test_where_it_cannot_be_put_back_nothing_changes(tmp_path: Path):
    env = await opened(tmp_path / "data")
    await env.ready()
    saved = tmp_path / "saved.tar"
    save(tmp_path / "data", saved)
    with pytest.raises(ArchiveRefused, match="is not empty"):
        restore(saved, tmp_path / "data")
    await env.db.close()
    with closing(sqlite3.connect(tmp_path / "data" / DATABASE)) as db:
        db.execute("PRAGMA user_version = 9999")
    save(tmp_path / "data", tmp_path / "newer.tar")
    with pytest.raises(TooNew):
        restore(tmp_path / "newer.tar", tmp_path / "other")
    shutil.copy(saved, tmp_path / "cut.tar")
    os.truncate(tmp_path / "cut.tar", 5000)
    for name in ("cut.tar", "empty.tar", f"data/{DATABASE}"):
        (tmp_path / "empty.tar").touch()
        with pytest.raises(ArchiveRefused, match="is no backup of this bot, or is damaged"):
            restore(tmp_path / name, tmp_path / "other")
    assert names(tmp_path) == {"data", "saved.tar", "newer.tar", "cut.tar", "empty.tar"}


async def test_the_operator_is_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA", "data")
    assert command.main("save") == 2 and "There is no bot's data in data" in capsys.readouterr().err
    env = await opened(Path("data"))
    await env.ready()
    assert command.main("save", "mine.tar") == 0 and "mine.tar: dogs 1, files " in capsys.readouterr().out
    assert is_private(tmp_path / "mine.tar")
    assert command.main("save", "mine.tar") == 2 and "is there already" in capsys.readouterr().err
    assert command.main("restore", "mine.tar") == 2 and "is not empty" in capsys.readouterr().err
    assert command.main("restore") == 2 and "Which backup?" in capsys.readouterr().err
    await env.db.close()
    (tmp_path / "data").rename("old")
    assert command.main("restore", "mine.tar") == 0 and "data: dogs 1, files " in capsys.readouterr().out

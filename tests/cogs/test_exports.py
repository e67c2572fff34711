"""A dog taken along and brought back, through the whole bot: who may, what is said, and what is left of it."""

import asyncio
import errno
import io
import json
import os
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest

from cogs import exports, imports
from gpu import adapter_zip
from gpu.errors import ModelsMissing
from gpu.jobs import Enroll
from gpu.outcomes import Enrolled
from tests.helpers import fake_studio
from tests.helpers.bot_env import BotEnv, enrolled, named, photos, private, whole
from tests.loopback import Person, Thread, Upload


async def exported(alive: BotEnv, owner: Person, pet: str = "Rex") -> Upload:
    """The zip that its owner gets, and nobody else sees."""
    answer = await (await owner.slash("/pet export", alive.discord.channel, pet=pet)).message(25)
    assert answer["flags"] & 64 and "README.md" in answer["content"]
    [file] = alive.discord.world.messages[answer["id"]].files
    return Upload(file.name, file.data)


async def imported(alive: BotEnv, owner: Person, given: Upload, name: str = "Rex") -> str:
    """What is said at once."""
    asked = await owner.slash("/pet import", alive.discord.channel, name=name, file=given)
    return (await asked.message(25))["content"]


async def thread_of(alive: BotEnv, name: str, number: int) -> Thread:
    """The newest of so many."""
    found = await alive.discord.until(lambda: [t for t in alive.discord.threads if t.name == name][number:])
    return found[0]


async def gone(alive: BotEnv, below: str = "") -> None:
    """Wait until there is no file in any folder whose path holds this."""

    def left() -> list[str]:
        return [name for path, _, names in os.walk(alive.data / "jobs") if below in path for name in names]

    async with asyncio.timeout(10):
        while left():  # noqa: ASYNC110 - nobody can tell us
            await asyncio.sleep(0.01)


def adapters(alive: BotEnv) -> list[dict[str, bytes]]:
    """All that was learnt, by dog."""
    folders = sorted((alive.data / "jobs").glob("*/adapter"))
    return [{path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders]


def changed(given: Upload, **values: Any) -> Upload:
    """With another recipe."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(given.data)) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            data = old.read(info)
            new.writestr(info, json.dumps(json.loads(data) | values) if info.filename == "recipe.json" else data)
    return Upload(given.name, out.getvalue())


async def forgotten(alive: BotEnv, owner: Person, name: str = "Rex") -> None:
    question = await (await owner.slash("/pet forget", alive.discord.channel, pet=name)).message(25)
    [forget, *_] = [button["custom_id"] for button in question["components"][0]["components"]]
    await owner.click(question, forget)
    await gone(alive)


async def test_a_dog_is_taken_along_forgotten_and_brought_back(alive: BotEnv):
    mina = alive.discord.person("Mina")
    await enrolled(alive, mina)
    [before] = adapters(alive)
    given = await exported(alive, mina)
    assert given.name.startswith("rex-")
    await gone(alive, "export")
    await forgotten(alive, mina)
    said = await imported(alive, mina, given, "Rexine")
    thread = await thread_of(alive, "Rexine", 0)
    assert "The zip of **Rexine** is safe with me" in said and f"<#{thread.id}>" in said
    answer = await alive.message(thread, "I know **Rexine**")
    assert "No photos came with **Rexine**" in answer["content"] and answer["attachments"]
    assert not [one for one in alive.discord.messages(thread) if "This is what I learnt from" in one["content"]]
    assert adapters(alive) == [before]
    await private(await mina.slash("/portrait", thread, style="oil"))
    await whole(alive, thread, 2)
    assert (await exported(alive, mina, "Rexine")).data.count(b"diffusers/rexine-"), "it can be taken along again"
    await forgotten(alive, mina, "Rexine")


async def test_a_zip_whose_upload_is_cut_comes_whole(alive: BotEnv):
    mina = alive.discord.person("Mina")
    await enrolled(alive, mina)
    cut = alive.discord.fail("PATCH", "/webhooks/{application_id}/{token}/messages/{message_id}", within="@original")
    given = await exported(alive, mina)
    assert cut.hits == 1
    with zipfile.ZipFile(io.BytesIO(given.data)) as taken:
        assert taken.testzip() is None and "recipe.json" in taken.namelist()


async def test_only_its_owner_gets_a_dog_and_only_one_that_is_learnt(alive: BotEnv):
    mina, theo = alive.discord.person("Mina"), alive.discord.person("Theo")
    place = alive.discord.channel
    await enrolled(alive, mina)
    assert "Only this dog's owner" in await private(await theo.slash("/pet export", place, pet="Rex"))
    assert not await theo.autocomplete("/pet export", place, "pet", "")
    alive.studio.open.clear()
    await (await mina.slash("/enroll", place, name="Bori", **named(photos(3, 5)))).message(25)
    assert "still learning" in await private(await mina.slash("/pet export", place, pet="Bori"))
    assert [one["name"] for one in await mina.autocomplete("/pet export", place, "pet", "")] == ["Rex"]


async def test_a_zip_that_discord_does_not_take_waits_for_the_operator(alive: BotEnv, monkeypatch: pytest.MonkeyPatch):
    mina = alive.discord.person("Mina")
    await enrolled(alive, mina)

    def padded(folder: Path, name: str, page: str, target: Path) -> None:
        adapter_zip.pack(folder, name, page + " " * 100, target)
        with target.open("ab") as file:
            file.truncate(11 << 20)

    monkeypatch.setattr(exports, "pack", padded)
    for _ in range(2):  # the second one replaces the first
        said = await private(await mina.slash("/pet export", alive.discord.channel, pet="Rex"))
        [made] = (alive.data / "jobs").glob("*/export/*")
        assert "11 MB are more than Discord lets me send here (10 MB)" in said
        assert f"`{made.relative_to(alive.data)}`" in said
    await forgotten(alive, mina)


async def test_a_zip_that_is_not_good_leaves_nothing_and_is_told(alive: BotEnv):
    mina = alive.discord.person("Mina")
    await enrolled(alive, mina)
    given = await exported(alive, mina)
    await forgotten(alive, mina)
    cases = [
        (Upload("rex.zip", b"dear diary"), "That is no zip"),
        (Upload("rex.zip", given.data.replace(b"lora_A", b"lora_X")), "damaged"),
        (changed(given, class_word="cow"), "of a kind that I don't know"),
        (changed(given, steps=0), "damaged"),
    ]
    for bad, words in cases:
        assert words in await imported(alive, mina, bad)
        await gone(alive)
    assert "1 to 32" in await imported(alive, mina, given, "\u200b")
    assert "don't know any dog" in await private(await mina.slash("/pets", alive.discord.channel))


async def test_a_dog_that_was_learnt_on_another_base_model_is_refused_and_gone(alive: BotEnv):
    mina = alive.discord.person("Mina")
    await enrolled(alive, mina)
    given = changed(await exported(alive, mina), base="e" * 64)
    await forgotten(alive, mina)
    assert "is safe with me" in await imported(alive, mina, given)
    thread = await thread_of(alive, "Rex", 1)
    answer = await alive.message(thread, "learnt with another base model than mine, so I kept nothing. `/enroll`")
    assert "photos" not in answer["content"] and not answer["components"]
    assert "don't know any dog" in await private(await mina.slash("/pets", alive.discord.channel))
    await gone(alive)


async def test_a_full_disk_is_told_for_what_it_is(alive: BotEnv, monkeypatch: pytest.MonkeyPatch):
    mina = alive.discord.person("Mina")
    await enrolled(alive, mina)
    given = await exported(alive, mina)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(exports, "pack", full)
    monkeypatch.setattr(imports, "unpack", full)
    assert "My disk is full" in await private(await mina.slash("/pet export", alive.discord.channel, pet="Rex"))
    assert "My disk is full" in await imported(alive, mina, given, "Bori")
    await gone(alive, "import")


async def test_an_import_whose_files_cannot_be_read_says_that_it_may_be_the_zip(
    alive: BotEnv, monkeypatch: pytest.MonkeyPatch
):
    def broken(_: Enroll) -> Enrolled:
        raise ModelsMissing("adapter: it is cut off")

    mina = alive.discord.person("Mina")
    await enrolled(alive, mina)
    given = await exported(alive, mina)
    await forgotten(alive, mina)
    monkeypatch.setattr(fake_studio, "taken_in", broken)
    await imported(alive, mina, given)
    assert await alive.message(await thread_of(alive, "Rex", 1), "A file of that zip or of my models can't be read")
    await gone(alive)


async def test_an_import_that_is_in_line_outlives_the_bot(alive: BotEnv):
    mina = alive.discord.person("Mina")
    await enrolled(alive, mina)
    given = await exported(alive, mina)
    alive.studio.open.clear()
    assert "is safe with me" in await imported(alive, mina, given, "Again")
    await alive.message(await thread_of(alive, "Again", 0), "Taking in **Again**")
    assert "taking in **Again**" in await private(await mina.slash("/queue", alive.discord.channel))
    assert "already have a dog" in await imported(alive, mina, given, "Again")
    await alive.stop()
    alive.studio.open.set()
    await alive.start()
    answer = await alive.message(await thread_of(alive, "Again", 0), "I know **Again**")
    assert "No photos came" in answer["content"]
    assert len(adapters(alive)) == 2, "each dog has files of its own"


async def test_an_export_of_a_dog_that_is_forgotten_meanwhile_leaves_nothing(
    alive: BotEnv, monkeypatch: pytest.MonkeyPatch
):
    """However late: here the zip is written after everything was removed."""
    mina, begun, go_on = alive.discord.person("Mina"), threading.Event(), threading.Event()
    await enrolled(alive, mina)

    def late(folder: Path, name: str, page: str, target: Path) -> None:
        begun.set()
        go_on.wait(20)
        target.parent.mkdir(parents=True)
        target.write_bytes(b"late")

    monkeypatch.setattr(exports, "pack", late)
    asked = await mina.slash("/pet export", alive.discord.channel, pet="Rex")
    await alive.discord.until(begun.is_set)
    await forgotten(alive, mina)
    go_on.set()
    assert "forgotten already" in await private(asked)
    await gone(alive)

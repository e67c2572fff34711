"""What people see: the whole bot against a loopback Discord, with a studio without models."""

import asyncio
import json
import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from yarl import URL

from cogs.shared import photos as shared_photos
from gpu.errors import OutOfMemory
from gpu.jobs import PaintOptions
from gpu.profile import PROFILES
from tests.helpers.bot_env import BotEnv, bot_env, enrolled, named, now, photos, portraits, pressed, private, whole
from tests.loopback import Upload

PAINTING = PROFILES["pocket"].painting


async def test_enrolment_ends_with_a_sheet_and_a_first_portrait(alive: BotEnv):
    mina = alive.discord.person("Mina")
    alive.studio.open.clear()
    asked = await mina.slash("/enroll", alive.discord.channel, name="Rex", **named(photos(4)))
    assert "4 photos of **Rex**" in (await asked.message(25))["content"]
    thread = alive.discord.threads[0]
    progress = await alive.message(thread, "step 1 of 4, 25 %")
    assert "Learning **Rex**" in progress["content"]
    alive.studio.open.set()
    [first] = await whole(alive, thread, 1)
    assert re.search(r"seed \d+ · ", first["content"])
    assert "> `a watercolour painting of Rex`" in first["content"], "the tokens are for the painter"
    assert first["attachments"][0]["description"] == "a watercolour painting of Rex"
    [sheet, answer] = alive.discord.messages(thread)
    assert progress["id"] not in (sheet["id"], answer["id"]), "it is gone"
    assert "Learnt **Rex**" in sheet["content"]
    assert sheet["attachments"][0]["filename"].endswith("-sheet.png")
    assert answer["id"] == first["id"]


async def test_the_form_asks_for_consent_and_photos(alive: BotEnv):
    mina = alive.discord.person("Mina", locale="ko")
    asked = await mina.slash("/enroll", alive.discord.channel, name="보리")
    form = await asked.modal()
    assert "동의" in str(form["components"])
    sent = await asked.submit({"photos": photos(3)})
    assert (await sent.first_answer()).kind == "deferred"
    assert "사진 3장" in (await sent.message(25))["content"]
    await alive.message(alive.discord.threads[0], "이제 **보리**를 알아요")


async def test_bad_photos_are_named_and_the_others_go_on(alive: BotEnv):
    mina = alive.discord.person("Mina")
    alive.studio.rejects = 1
    bad = [Upload("notes.jpg", b"dear diary"), photos(1)[0]]
    asked = await mina.slash("/enroll", alive.discord.channel, name="Rex", **named([*photos(4), *bad]))
    said = (await asked.message(25))["content"]
    assert "`notes.jpg`: it is not a picture" in said
    assert "`dog0.png`: it is the same picture" in said
    answer = await alive.message(alive.discord.threads[0], "I know")
    assert "`dog0.png`: I can't find your pet in it" in answer["content"]


async def test_too_few_good_photos_leave_nothing(alive: BotEnv):
    mina = alive.discord.person("Mina")
    uploads = [*photos(2), Upload("empty.png", b"")]
    asked = await mina.slash("/enroll", alive.discord.channel, name="Rex", **named(uploads))
    said = (await asked.message(25))["content"]
    assert "have 2, so I kept nothing" in said
    assert "`empty.png`: the file is empty" in said
    assert not alive.discord.threads
    assert not [file for file in (alive.data / "jobs").rglob("*") if file.is_file()]
    assert "3 to 10 photos" in await private(
        await mina.slash("/enroll", alive.discord.channel, name="Rex", **named(photos(2)))
    )


async def test_names(alive: BotEnv):
    mina = alive.discord.person("Mina")
    assert "1 to 32" in await private(await mina.slash("/enroll", alive.discord.channel, name="\u200b"))
    thread = await enrolled(alive, mina, "Rex_*x*")
    assert "**Rex\\_\\*x\\***" in alive.discord.messages(thread)[0]["content"]
    again = await mina.slash("/enroll", alive.discord.channel, name="rex_*X*", **named(photos(3)))
    assert "already have a dog" in (await again.message(25))["content"]


async def test_a_failed_enrolment_is_one_sentence(alive: BotEnv):
    mina = alive.discord.person("Mina", locale="ko")
    alive.studio.fails = OutOfMemory()
    await mina.slash("/enroll", alive.discord.channel, name="Rex", **named(photos(3)))
    thread = await alive.discord.until(lambda: alive.discord.threads and alive.discord.threads[0])
    await alive.message(thread, "그래픽 메모리가 모자라서 **Rex**을(를) 배우지 못했어요")
    assert "아직 배우지 못해" in await private(await mina.slash("/pets", alive.discord.channel))


async def test_portraits_with_their_recipe(alive: BotEnv):
    mina = alive.discord.person("Mina", locale="ko")
    thread = await enrolled(alive, mina, "보리")
    wish = "<s0> 눈 오는 날 @everyone"
    asked = await mina.slash("/portrait", alive.discord.channel, style="수채화", wish=wish, count=2, seed=41)
    assert f"<#{thread.id}>" in await private(asked)
    [_, made] = await whole(alive, thread, 2)
    assert "**보리**, 수채화" in made["content"]
    assert "시드 41, 42" in made["content"]
    assert len(made["attachments"]) == 2
    [job] = alive.studio.painted
    assert job.wish.style == "watercolour"
    assert job.wish.text == "눈 오는 날 @everyone"
    assert job.options == PaintOptions(preset=PAINTING.presets["normal"], size=PAINTING.shapes["square"])
    progress = [one for one in alive.discord.messages(thread) if "그리는 중" in one["content"]]
    assert not progress, "a portrait's progress gives way to the portrait"


async def test_a_fine_portrait_in_a_shape_and_its_reroll_keeps_both(alive: BotEnv):
    mina = alive.discord.person("Mina")
    thread = await enrolled(alive, mina)
    await private(await mina.slash("/portrait", thread, style="oil", quality="fine", shape="wide"))
    [_, made] = await whole(alive, thread, 2)
    await pressed(mina, made, "again")
    await whole(alive, thread, 3)
    asked, again = (job.options for job in alive.studio.painted)
    assert asked == PaintOptions(preset=PAINTING.presets["fine"], size=PAINTING.shapes["wide"], choose=True)
    assert replace(again, parent=None) == asked and again.parent


async def test_autocomplete_speaks_the_language(alive: BotEnv):
    mina, hana = alive.discord.person("Mina"), alive.discord.person("Hana", locale="ko")
    await enrolled(alive, mina)
    place = alive.discord.channel
    assert {"name": "수채화", "value": "watercolour"} in await hana.autocomplete("/portrait", place, "style", "수")
    assert {"name": "Watercolour", "value": "watercolour"} in await mina.autocomplete(
        "/portrait", place, "style", "wat"
    )
    [rex] = await mina.autocomplete("/portrait", place, "pet", "re", style="oil")
    assert rex["name"] == "Rex"
    await mina.slash("/portrait", place, style="oil", pet=rex["value"])
    await whole(alive, alive.discord.threads[0], 2)
    assert await hana.autocomplete("/pet forget", place, "pet", "") == []


async def test_reactions_reroll_and_delete_also_after_a_restart(alive: BotEnv):
    mina, theo = alive.discord.person("Mina"), alive.discord.person("Theo")
    thread = await enrolled(alive, mina)
    await alive.stop()
    await alive.start()
    [first] = portraits(alive, thread)
    await theo.react(first, "🔁")
    [_, again] = await whole(alive, thread, 2)
    assert again["message_reference"]["message_id"] == first["id"]
    [job] = alive.studio.painted
    assert job.prompt and job.prompt.text == "a watercolour painting of <s0> <s1> dog"
    assert f"seed {job.seeds[0]} " not in first["content"]
    stranger = alive.discord.person("Stranger")
    await stranger.react(again, "🗑️")
    await alive.message(alive.discord.world.door(stranger.user), "only the one who asked")
    assert len(portraits(alive, thread)) == 2
    await theo.react(again, "🗑️")
    await alive.discord.until(lambda: len(portraits(alive, thread)) == 1)
    await mina.react(first, "🗑")
    await alive.discord.until(lambda: not portraits(alive, thread))


async def test_forgetting_asks_first_and_says_what_is_gone(alive: BotEnv):
    mina, theo = alive.discord.person("Mina"), alive.discord.person("Theo")
    thread = await enrolled(alive, mina)
    assert "only this dog's owner" in (await private(await theo.slash("/pet forget", thread, pet="rex"))).lower()
    question = await (await mina.slash("/pet forget", thread, pet="Rex")).message(25)
    await alive.stop()
    await alive.start()
    [forget, posts, keep] = [button["custom_id"] for button in question["components"][0]["components"]]
    assert forget.endswith("forget") and keep.endswith("keep")
    pressed = await mina.click(question, posts)
    await alive.discord.until(lambda: not alive.discord.messages(thread))
    said = await alive.discord.until(lambda: now(alive, question) if "taking down" in now(alive, question) else None)
    assert "I forgot **Rex**. Gone: photos 3, portraits 1, files " in said
    assert "also taking down 3 of my posts" in said
    assert (await pressed.first_answer()).kind == "deferred_update"
    assert not [file for file in (alive.data / "jobs").rglob("*") if file.is_file()]


async def test_queue_and_cancel(alive: BotEnv):
    mina = alive.discord.person("Mina")
    await enrolled(alive, mina)
    alive.studio.open.clear()
    place = alive.discord.channel
    await (await mina.slash("/portrait", place, style="oil")).message(25)
    await alive.discord.until(lambda: alive.studio.painted)
    second = await private(await mina.slash("/portrait", place, style="oil", wish="a tea party"))
    assert "Place 1 in line" in second
    line = await private(await mina.slash("/queue", place))
    assert "▶ painting **Rex**" in line
    assert "1. painting **Rex**" in line
    choices = await mina.autocomplete("/cancel", place, "job", "")
    assert len(choices) == 2
    assert await private(await mina.slash("/cancel", place)) == "Cancelled."
    await alive.message(alive.discord.threads[0], "Cancelled, as you wished")
    assert await private(await mina.slash("/cancel", place, job=choices[0]["value"])) == "Cancelled."
    alive.studio.open.set()
    await asyncio.sleep(0.5)
    assert "Nobody is in line" in await private(await mina.slash("/queue", place))


async def test_cancel_knows_the_dogs_name_and_offers_only_what_is_here(alive: BotEnv):
    mina = alive.discord.person("Mina")
    thread = await enrolled(alive, mina)
    alive.studio.open.clear()
    await (await mina.slash("/portrait", alive.discord.channel, style="oil")).message(25)
    assert "over already" in await private(await mina.slash("/cancel", thread, job="Bello"))
    assert await private(await mina.slash("/cancel", thread, job="rex")) == "Cancelled."
    await alive.message(thread, "Cancelled, as you wished")


def options(alive: BotEnv) -> set[str]:
    [enroll] = [command for command in alive.discord.commands if command["name"] == "enroll"]
    return {option["name"] for option in enroll["options"]}


async def test_how_a_dog_is_learnt_may_be_chosen_where_the_operator_lets_people(alive: BotEnv, tmp_path: Path):
    assert "recipe" not in options(alive)
    async with bot_env(tmp_path / "other", recipes=True) as other:
        assert options(other) == options(alive) | {"recipe"}
        mina = other.discord.person("Mina")
        given = {"name": "Rex", "recipe": "dreambooth-lora", **named(photos(3))}
        await (await mina.slash("/enroll", other.discord.channel, **given)).message(25)
        await other.message(other.discord.threads[0], "I know **Rex** now")
        with closing(sqlite3.connect(other.data / "pawtrait.db")) as db:
            [(body,)] = db.execute("SELECT body FROM jobs").fetchall()
        assert json.loads(body)["recipe"] == "dreambooth-lora"


async def test_photos_come_from_discord_only():
    hosts = frozenset({"cdn.discordapp.com", "127.0.0.1:80"})
    good = ["https://cdn.discordapp.com/a/b.png?ex=1", "http://127.0.0.1:80/a"]
    bad = ["http://cdn.discordapp.com/a", "https://cdn.discordapp.com.evil.com/a", "http://127.0.0.1:81/", "file:///a"]
    assert [shared_photos.allowed(URL(url), hosts) for url in good + bad] == [True] * 2 + [False] * 4

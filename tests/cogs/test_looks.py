"""Photos are looked at before a pet is learnt: what people see and do, the whole bot against a loopback Discord."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import bot
from cogs import looks
from cogs.shared import photo_form
from gpu.errors import NotFinite
from storage.looks import Looks
from tests.helpers.bot_env import BotEnv, bot_env, named, photos, private, whole
from tests.helpers.fake_studio import Plan
from tests.helpers.look_env import buttons, current, custom_id, good, kept, looked, press, rows, sheet
from tests.loopback import Permission, Upload


@pytest.fixture
async def alive(tmp_path: Path) -> AsyncIterator[BotEnv]:
    """The whole bot, where people have a quarter of an hour to look."""
    async with bot_env(tmp_path, look_minutes=15) as opened:
        yield opened


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        (
            "en-US",
            {
                "title": "I looked at your photos of **Rex** and can learn from 4 of 5.",
                "bad": "✗ **1** · `dog0.png`: I can't find your pet in it",
                "poor": "⚠️ **2** · `dog1.png`: it is blurred; hold still",
                "lack": "A photo from the side would help.",
                "pets": "**Rex** of",
                "portrait": "wait for its owner to press a button",
                "learning": "I'm learning **Rex** now",
                "known": "I know **Rex**",
            },
        ),
        (
            "ko",
            {
                "title": "**Rex** 사진 5장을 살펴봤고, 그중 4장으로 배울 수 있어요",
                "bad": "✗ **1** · `dog0.png`: 우리 아이가 안 보여요",
                "poor": "⚠️ **2** · `dog1.png`: 흔들렸어요",
                "lack": "옆에서 찍은 사진이 있으면 좋아요",
                "pets": "**Rex** · 보호자",
                "portrait": "보호자가 사진 아래의 버튼을 누르기를",
                "learning": "이제 **Rex**을(를) 배울게요",
                "known": "이제 **Rex**을(를) 알아요",
            },
        ),
    ],
)
async def test_people_see_what_is_wrong_before_anything_is_learnt(alive: BotEnv, locale: str, said: dict[str, str]):
    mina, place = alive.discord.person("Mina", locale=locale), alive.discord.channel
    alive.studio.rejects, alive.studio.remarks = 1, 1
    thread, answer = await looked(alive, mina)
    title, bad, poor, lack, after = answer["content"].splitlines()
    assert said["title"] in title and said["bad"] in bad and said["poor"] in poor and said["lack"] in lack
    assert re.search(r"<t:\d+:R>", after) and list(buttons(answer)) == ["learn", "replace", "forget"]
    await alive.discord.until(lambda: len(alive.discord.messages(thread)) == 1)  # its progress message is gone
    line = await private(await mina.slash("/pets", place))
    assert said["pets"] in line and re.search(r"👀.*<t:\d+:R>", line)
    assert said["portrait"] in await private(await mina.slash("/portrait", place, style="oil", pet="Rex"))
    assert "🐾" in await private(await mina.slash("/queue", place)), "nobody is in line"
    assert said["learning"] in await press(alive, mina, answer, "learn")
    [portrait] = await whole(alive, thread, 1)
    assert said["known"] in portrait["content"] and not current(alive, answer)["components"]
    assert len(alive.discord.messages(thread)) == 2, "the sheet is not shown again"


async def test_a_set_without_fault_is_praised_and_can_grow(alive: BotEnv):
    mina = alive.discord.person("Mina")
    thread, answer = await looked(alive, mina, 3)
    assert "all 3 are good" in answer["content"] and buttons(answer)["replace"] == "Add photos"
    asked = await mina.click(answer, custom_id(answer, "replace"))
    sent = await asked.submit({"photos": photos(2, 3)})
    assert "New photos of **Rex**: 2." in await private(sent)
    assert "all 5 are good" in (await sheet(alive, thread, 2))["content"] and len(kept(alive)) == 5


async def test_the_buttons_outlive_the_bot(alive: BotEnv, monkeypatch: pytest.MonkeyPatch):
    """It is stopped while it looks, and while people do. A form that is open then is lost."""
    mina = alive.discord.person("Mina")
    alive.studio.open.clear()
    await mina.slash("/enroll", alive.discord.channel, name="Rex", **named(photos(4)))
    thread = await alive.discord.until(lambda: next(iter(alive.discord.threads), None))
    await alive.message(thread, "Looking at your photos of **Rex**")
    stopping = asyncio.create_task(alive.stop())
    await asyncio.sleep(0.1)
    alive.studio.open.set()
    await stopping
    await alive.start(look_minutes=15)
    answer = await sheet(alive, thread)
    asked = await mina.click(answer, custom_id(answer, "replace"))
    await asked.modal()
    await alive.stop()
    monkeypatch.setattr(photo_form, "BOOT", "another0")
    await alive.start(look_minutes=15)
    assert "I was restarted" in await private(await asked.submit({"photos": photos(1, 7)}))
    alive.studio.open.clear()
    assert "I'm learning" in await press(alive, mina, answer, "learn")
    await alive.message(thread, "Learning **Rex**")
    alive.studio.open.set()
    await whole(alive, thread, 1)
    assert sum("-sheet" in str(one) for one in alive.discord.messages(thread)) == 1


@pytest.mark.parametrize("away", [False, True], ids=["at once", "after a restart"])
async def test_it_learns_by_itself_when_nobody_says_anything(
    alive: BotEnv, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, away: bool
):
    """The first look at what is due fails, and the next one comes all the same."""
    begin_due, failures = Looks.begin_due, iter([OSError("the disk is away")])

    async def sometimes(self: Looks) -> list[object]:
        for error in failures:
            raise error
        return [*await begin_due(self)]

    await alive.stop()
    monkeypatch.setattr(bot, "MINUTE_S", 0.001)
    monkeypatch.setattr(looks, "BEGIN_S", 60.0 if away else 0.05)
    if not away:
        monkeypatch.setattr(Looks, "begin_due", sometimes)
    await alive.start(look_minutes=15)
    mina = alive.discord.person("Mina")
    thread, answer = await looked(alive, mina, 3)
    if away:
        await alive.stop()
        await alive.start(look_minutes=15)
    await whole(alive, thread, 1)
    assert "settled already" in await press(alive, mina, answer, "learn")
    assert any("could not be begun" in one.getMessage() for one in caplog.records) != away


async def test_a_bad_photo_is_replaced_and_the_others_stay(alive: BotEnv):
    mina = alive.discord.person("Mina")
    alive.studio.rejects = 1
    thread, first = await looked(alive, mina)
    [bad] = set(kept(alive)) - set(good(alive))
    alive.studio.rejects = 0
    asked = await mina.click(first, custom_id(first, "replace"))
    form = await asked.modal()
    assert "Photos, 6 at most" in str(form) and "you agree" in str(form)
    sent = await asked.submit({"photos": [*photos(1, 1), Upload("x.txt", b"no"), *photos(1, 7)]})
    words = await private(sent)
    assert "New photos of **Rex**: 1." in words
    assert "`dog1.png`: it is the same picture" in words and "`x.txt`: it is not" in words
    second = await sheet(alive, thread, 2)
    assert "all 5 are good" in second["content"] and bad not in kept(alive) and len(kept(alive)) == 5
    assert not current(alive, first)["components"]
    assert "newer look further down" in await press(alive, mina, first, "learn")
    assert "newer look further down" in await press(alive, mina, first, "forget")
    assert "I'm learning" in await press(alive, mina, second, "learn")
    answer = (await whole(alive, thread, 1))[0]
    assert "I know **Rex**" in answer["content"] and "left these out" not in answer["content"]


async def test_with_too_few_good_ones_nothing_is_learnt(alive: BotEnv):
    mina, theo = alive.discord.person("Mina"), alive.discord.person("Theo")
    owner = alive.discord.person("Sam", permissions=Permission.MANAGE_GUILD)
    alive.studio.rejects = 3
    thread, answer = await looked(alive, mina)
    assert "so 1 more, please" in answer["content"] and re.search(r"<t:\d+:f>", answer["content"])
    assert list(buttons(answer)) == ["replace", "forget"]
    assert "more photos by <t:" in await private(await mina.slash("/pets", alive.discord.channel))
    for what in ("replace", "forget"):
        assert "Only this dog's owner" in await press(alive, theo, answer, what)
    assert "Only this dog's owner" in await press(alive, owner, answer, "replace")
    sent = await (await mina.click(answer, custom_id(answer, "replace"))).submit({"photos": [Upload("a.jpg", b"no")]})
    assert "stays as it was.\n• photo 6 · `a.jpg`: it is not a picture" in await private(sent)
    assert len(kept(alive)) == 5 and current(alive, answer)["components"]
    said = await press(alive, owner, answer, "forget")
    assert "I forgot **Rex**. Gone: photos 5" in said and "also taking down" in said
    assert not kept(alive)
    await alive.discord.until(lambda: not alive.discord.messages(thread))


async def test_several_presses_are_one_learning(alive: BotEnv, caplog: pytest.LogCaptureFixture):
    mina, theo = alive.discord.person("Mina"), alive.discord.person("Theo")
    thread, answer = await looked(alive, mina, 3)
    assert "Only this dog's owner" in await press(alive, theo, answer, "learn")
    said = [await private(one) for one in [await mina.click(answer, custom_id(answer, "learn")) for _ in range(3)]]
    assert sorted("I'm learning" in one for one in said) == [False, False, True]
    assert sum("settled already" in one for one in said) == 2
    await whole(alive, thread, 1)
    assert "settled already" in await press(alive, mina, answer, "forget"), "it is known by now"
    assert not [one for one in caplog.records if one.levelno >= logging.ERROR]


async def test_what_happens_while_the_form_is_open(alive: BotEnv):
    mina = alive.discord.person("Mina")
    _, answer = await looked(alive, mina, 3)
    forms = [await mina.click(answer, custom_id(answer, "replace")) for _ in range(2)]
    assert "Photos, 7 at most" in str([await form.modal() for form in forms])
    assert "New photos of **Rex**: 1." in await private(await forms[0].submit({"photos": photos(1, 10)}))
    assert "newer look" in await private(await forms[1].submit({"photos": photos(1, 11)}))
    assert len(kept(alive)) == 4 and len(list((alive.data / "jobs").iterdir())) == 1


async def test_a_look_that_fails_is_tried_again_and_one_that_is_cancelled_is_over(alive: BotEnv):
    mina = alive.discord.person("Mina")
    alive.studio.fails = NotFinite()
    await mina.slash("/enroll", alive.discord.channel, name="Rex", **named(photos(4)))
    thread = await alive.discord.until(lambda: next(iter(alive.discord.threads), None))
    failed = await alive.message(thread, "numbers ran away")
    alive.studio.fails = None
    alive.studio.open.clear()
    assert "Once more" in await private(await mina.click(failed, custom_id(failed, "again")))
    assert "looking at the photos of **Rex**" in await private(await mina.slash("/queue", thread))
    assert await private(await mina.slash("/cancel", thread)) == "Cancelled."
    alive.studio.open.set()
    await alive.message(thread, "Cancelled, as you wished")
    assert not kept(alive)


async def test_the_newest_is_cancelled_also_where_it_is_a_look_that_waits_for_its_owner(alive: BotEnv):
    mina, place = alive.discord.person("Mina"), alive.discord.channel
    _, answer = await looked(alive, mina, 3)
    alive.studio.plan = Plan(steps=10**6, ms=5)
    await press(alive, mina, answer, "learn")
    await mina.slash("/enroll", place, name="Bori", **named(photos(3, 10)))
    thread = await alive.discord.until(lambda: next((one for one in alive.discord.threads if one.name == "Bori"), None))
    answer = await sheet(alive, thread)
    assert await private(await mina.slash("/cancel", place)) == "Cancelled."
    assert "Rex" in (queue := await private(await mina.slash("/queue", place))) and "Bori" not in queue
    assert "Bori" not in await private(await mina.slash("/pets", place))
    assert "keep nothing of this any more" in await press(alive, mina, answer, "replace")
    assert await private(await mina.slash("/cancel", place)) == "Cancelled."


async def test_what_it_is_can_be_said(alive: BotEnv):
    [enroll] = [command for command in alive.discord.commands if command["name"] == "enroll"]
    [kind] = [option for option in enroll["options"] if option["name"] == "kind"]
    assert kind["name_localizations"] == {"ko": "종류"} and not kind.get("required")
    choices = {choice["value"]: choice["name_localizations"]["ko"] for choice in kind["choices"]}
    assert choices == {"auto": "알아서 봐 주세요", "dog": "강아지", "cat": "고양이"}
    mina = alive.discord.person("Mina")
    asked = await mina.slash("/enroll", alive.discord.channel, name="Tom", kind="cat", **named(photos(3)))
    assert "can't learn this here: cat" in await private(asked), "pocket knows dogs only"
    await looked(alive, mina, 3, kind="dog")
    [(body,)] = rows(alive, "SELECT body FROM jobs")
    assert json.loads(str(body))["class_word"] == "dog"

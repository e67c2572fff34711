"""The buttons under a portrait, as people press them: the whole bot, or delivery alone, against a loopback Discord."""

import dataclasses
from pathlib import Path

import pytest

from cogs.shared.portrait_buttons import EMOJI, portrait_buttons
from gpu.styles import STYLES
from storage.jobs import Jobs, QueueLimits
from tests.helpers.bot_env import BotEnv, enrolled, now, press, pressed, private, whole
from tests.helpers.delivery_env import SEND, DeliveryEnv, delivery_env
from tests.loopback import Impossible, messages
from tests.loopback.checks import violations
from tests.loopback.permissions import Permission

POCKET = [key for key, style in STYLES.items() if style.pocket]


async def rerolls(env: DeliveryEnv) -> list[int]:
    """The messages under which somebody asked for another portrait."""
    rows = await env.db.all("SELECT reply_to FROM jobs WHERE reply_to IS NOT NULL ORDER BY created")
    return [row[0] for row in rows]


# ---- what they do ----------------------------------------------------------------------------------------------------


async def test_one_row_that_holds_the_deliverys_id(env: DeliveryEnv):
    _, message = await env.posted(env.thread())
    [row] = message["components"]
    delivery_id = message["attachments"][0]["filename"].removesuffix("-0.png")
    assert [one["custom_id"].split(":")[1] for one in row["components"]] == [delivery_id] * 5
    assert [one["emoji"]["name"] for one in row["components"]] == list(EMOJI.values())


def test_short_words_in_the_language_of_the_message():
    english, korean = ([one.label for one in portrait_buttons("0123456789ab-0", tongue)] for tongue in ("en", "ko"))
    assert english == ["Again", "Style", "Wish", "More", "Delete"]
    assert korean == ["다시", "화풍", "장면", "더 그리기", "삭제"]


async def test_again_style_wish_more_and_delete_also_after_a_restart(alive: BotEnv):
    mina, hana = alive.discord.person("Mina"), alive.discord.person("Hana", locale="ko")
    thread = await enrolled(alive, mina)
    [first] = await whole(alive, thread, 1)
    await alive.stop()
    await alive.start()
    assert f"그림은 <#{thread.id}>에 올릴게요" in await pressed(hana, first, "again")
    [_, second] = await whole(alive, thread, 2)
    assert second["message_reference"]["message_id"] == first["id"] and f"<@{hana.id}> 님께" in second["content"]
    assert (
        f"다시 · https://discord.com/channels/{alive.discord.guild.id}/{thread.id}/{first['id']}" in second["content"]
    )

    menu = await (await press(hana, second, "style")).message(25)
    [options] = [row["components"][0]["options"] for row in menu["components"]]
    assert menu["flags"] & 64 and {"label": "유화", "value": "oil"}.items() <= options[2].items()
    assert [one["value"] for one in options] == POCKET
    await alive.stop()
    await alive.start()
    await hana.choose(menu, menu["components"][0]["components"][0]["custom_id"], "oil")
    [*_, third] = await whole(alive, thread, 3)
    assert "그림은" in now(alive, menu) and third["message_reference"]["message_id"] == second["id"]

    form = await press(mina, third, "wish")
    assert (await form.modal())["title"] == "Another wish"
    await alive.stop()
    await alive.start()
    [text] = [row["component"]["custom_id"] for row in (await form.modal())["components"]]
    asked = await form.submit({text: "in the <s0> snow"})
    assert "The pictures will come to" in await private(asked)
    [*_, fourth] = await whole(alive, thread, 4)
    again = await (await press(mina, fourth, "wish")).modal()
    assert again["components"][0]["component"]["value"] == "in the snow", "the old wish is there to be changed"

    more = await (await press(mina, third, "more")).message(25)
    await alive.stop()
    await alive.start()
    await mina.choose(more, more["components"][0]["components"][0]["custom_id"], "exact")
    [*_, fifth] = await whole(alive, thread, 5)
    assert "Exactly the same again" in fifth["content"] and fifth["message_reference"]["message_id"] == third["id"]

    one, two, three, four = alive.studio.painted
    assert [(job.wish.style, job.wish.text, bool(job.prompt)) for job in (one, two, three)] == [
        ("watercolour", "", True),
        ("oil", "", True),
        ("oil", "in the snow", False),
    ]
    assert two.seeds == one.seeds == four.seeds, "the same composition, and then the very same picture"
    assert two.prompt and one.prompt and two.prompt.text == one.prompt.text.replace("a watercolour", "an oil")
    assert four.prompt == two.prompt and three.seeds != two.seeds
    assert await pressed(mina, fourth, "delete") == "It's gone."
    await alive.discord.until(lambda: len(alive.discord.messages(thread)) == 5)


async def test_all_that_is_asked_is_as_discord_describes_it(tmp_path: Path):
    async with delivery_env(tmp_path / "data", tmp_path / "record") as env:
        _, message = await env.posted(env.thread())
        await env.bot.add_cog(env.buttons)
        await pressed(env.mina, message, "again")
        menu = await (await press(env.mina, message, "style")).message()
        await env.mina.choose(menu, menu["components"][0]["components"][0]["custom_id"], "oil")
        form = await press(env.mina, message, "wish")
        [row] = (await form.modal())["components"]
        await private(await form.submit({row["component"]["custom_id"]: "on the moon"}))
        assert await pressed(env.mina, message, "delete") == "It's gone."
    assert violations(tmp_path / "record") == []


async def test_only_who_may_delete_does(env: DeliveryEnv):
    thread = env.thread()
    await env.bot.add_cog(env.buttons)
    mod = env.net.person("Mod", permissions=Permission.MANAGE_MESSAGES)
    for person in (env.mina, mod):
        _, message = await env.posted(thread)
        assert "only the one who asked" in await pressed(env.net.person("Stranger"), message, "delete")
        assert env.net.messages(thread)[-1]["id"] == message["id"]
        assert await pressed(person, message, "delete") == "It's gone."
        assert not env.net.messages(thread)
        assert await env.services.portraits.by_message(int(message["id"])) == []


async def test_what_fails_is_told_privately(env: DeliveryEnv):
    thread = env.thread()
    _, message = await env.posted(thread)
    jobs = Jobs(env.db, env.files, limits=QueueLimits(each=1))
    env.services = dataclasses.replace(env.services, jobs=jobs)
    env.buttons = type(env.buttons)(env.bot, env.services)
    await env.bot.add_cog(env.buttons)
    assert "Place 1" in await pressed(env.mina, message, "again")
    form = await press(env.mina, message, "wish")
    [row] = (await form.modal())["components"]
    asked = await form.submit({row["component"]["custom_id"]: "on the moon"})
    assert "Your jobs in line: 1." in await private(asked)
    env.net.fail("DELETE", f"{SEND}/{{message_id}}", status=503)
    assert "could not delete" in await pressed(env.mina, message, "delete")
    env.net.deny(Permission.ATTACH_FILES)
    assert "Attach Files" in await pressed(env.net.person("Theo"), message, "again")
    assert len(env.texts(thread)) == 1, "nobody else hears of it"


@pytest.mark.parametrize("gone", ["the dog", "the portrait"])
async def test_under_what_is_gone_one_private_line(env: DeliveryEnv, gone: str):
    thread = env.thread()
    pet, message = await env.posted(thread)
    await env.bot.add_cog(env.buttons)
    menu = await (await press(env.mina, message, "style")).message()
    form = await press(env.mina, message, "wish")
    [row] = (await form.modal())["components"]
    if gone == "the dog":
        await env.services.erasure.forget(pet.id)
    else:
        rows = await env.services.portraits.by_message(int(message["id"]))
        await env.services.portraits.delete([one.id for one in rows])
    for what in EMOJI:
        assert "I keep no portrait for this post" in await pressed(env.mina, message, what)
    assert "I keep no portrait" in await private(await form.submit({row["component"]["custom_id"]: "x"}))
    await env.mina.choose(menu, menu["components"][0]["components"][0]["custom_id"], "oil")
    shown = env.net.world.messages[menu["id"]]
    await env.net.until(lambda: "I keep no portrait" in shown.content and not shown.components)
    assert await rerolls(env) == [] and len(env.texts(thread)) == 1


# ---- whenever and wherever -------------------------------------------------------------------------------------------


async def test_a_thousand_posts_later(env: DeliveryEnv):
    thread = env.thread()
    _, message = await env.posted(thread)
    world = env.net.world
    for n in range(1000):
        messages.post(world, world.me, thread, {"content": f"{n}", "components": message["components"]}, [])
    env.pass_time(400 * 86400.0)
    env.restart()
    await env.bot.add_cog(env.buttons)
    assert "The pictures will come to" in await pressed(env.mina, message, "again")
    assert await rerolls(env) == [int(message["id"])]


async def test_under_a_message_that_a_killed_process_sent_and_never_heard_of(env: DeliveryEnv):
    thread = env.thread()
    job = await env.owe(await env.pet(thread))
    env.net.fail("POST", SEND, after=True)
    await env.delivery.deliver()
    env.restart()
    await env.bot.add_cog(env.buttons)
    [message] = env.net.messages(thread)
    assert await env.services.portraits.by_message(int(message["id"])) == []
    assert "The pictures will come to" in await pressed(env.mina, message, "again")
    assert await rerolls(env) == [int(message["id"])]
    assert "try again" in await pressed(env.mina, message, "delete"), (
        "else its sender would not find it, and send another"
    )
    await env.rounds(4000.0)
    assert await pressed(env.mina, message, "delete") == "It's gone." and env.seen()[f"{job.id}-0"] == 0


async def test_in_an_archived_thread(env: DeliveryEnv):
    thread = env.thread()
    _, message = await env.posted(thread)
    await env.bot.add_cog(env.buttons)
    env.net.archive(thread)
    assert "The pictures will come to" in await pressed(env.mina, message, "again")
    env.net.archive(thread, locked=True)
    with pytest.raises(Impossible):
        await press(env.mina, message, "again")


async def test_direct_messages_have_none(env: DeliveryEnv):
    thread = env.thread()
    await env.owe(await env.pet(thread))
    env.net.archive(thread, locked=True)
    env.net.deny(Permission.SEND_MESSAGES)
    await env.rounds(5.0)
    [message] = env.net.messages(env.net.world.door(env.mina.user))
    assert message["attachments"] and not message["components"]


# ---- one press, one job ----------------------------------------------------------------------------------------------


async def test_a_press_that_discord_sends_twice_is_one_job_also_across_a_restart(alive: BotEnv):
    mina = alive.discord.person("Mina")
    thread = await enrolled(alive, mina)
    [first] = await whole(alive, thread, 1)
    asked = await press(mina, first, "again")
    again = [one for one in alive.discord.gateway.sent if one["t"] == "INTERACTION_CREATE"][-1]
    alive.discord.gateway.tell(again["t"], again["d"])
    await whole(alive, thread, 2)
    answer = alive.discord.world.messages[(await asked.message())["id"]]
    await alive.stop()
    await alive.start()
    answered = answer.edited
    alive.discord.gateway.tell(again["t"], again["d"])
    await alive.discord.until(lambda: answer.edited != answered)
    assert "On it" in answer.content and len(alive.studio.painted) == 1
    assert "Nobody is in line" in await private(await mina.slash("/queue", thread))


async def test_a_second_press_while_the_first_waits_is_no_second_job(env: DeliveryEnv):
    thread = env.thread()
    _, message = await env.posted(thread)
    await env.bot.add_cog(env.buttons)
    presses = [await press(env.mina, message, "again") for _ in range(3)]
    assert ["Place 1 in line" in await private(one) for one in presses] == [True] * 3
    menu = await (await press(env.mina, message, "style")).message()
    for _ in range(2):
        await env.mina.choose(menu, menu["components"][0]["components"][0]["custom_id"], "pencil")
    shown = env.net.world.messages[menu["id"]]
    await env.net.until(lambda: "Place 2 in line" in shown.content)
    assert len(await rerolls(env)) == 2
    await pressed(env.net.person("Theo"), message, "again")
    assert len(await rerolls(env)) == 3, "another person, another job"
    first, *_ = await env.services.jobs.active()
    await env.settle(first)
    await pressed(env.mina, message, "again")
    assert len(await rerolls(env)) == 4, "the first is done, so this is another one"

"""/styles: each page fits into Discord's layout, shows pictures to those who may see them, and turns for ever."""

from pathlib import Path
from typing import Any

from gpu.styles import STYLES
from storage.styles import MOST_STYLES
from tests.helpers.bot_env import BotEnv, bot_env, enrolled, named, photos, pressed, private, whole
from tests.helpers.delivery_env import ONE
from tests.loopback import Exchange, Permission, Person, Thread, messages
from tests.loopback.checks import violations
from tests.loopback.layouts import CONTAINER, GALLERY, TEXT

Json = dict[str, Any]


async def page(exchange: Exchange) -> Json:
    """A page that only this person sees."""
    answer = await exchange.message(25)
    assert answer["flags"] & 64 and answer["flags"] & 1 << 15 and answer["content"] == ""
    return answer


async def turned(alive: BotEnv, person: Person, answer: Json, custom_id: str) -> Json:
    """The same message, once it shows another page."""
    await person.click(answer, custom_id)
    world = alive.discord.world
    message = world.messages[answer["id"]]
    await alive.discord.until(lambda: world.wire(message)["components"] != answer["components"], 10)
    return world.wire(message)


def shown(answer: Json) -> list[tuple[str, str]]:
    """The words of each style, and the address of its picture."""
    [container] = [one for one in answer["components"] if one["type"] == CONTAINER]
    found: list[tuple[str, str]] = []
    for one in container["components"][1:]:
        if one["type"] == TEXT:
            found.append((one["content"], ""))
        if one["type"] == GALLERY:
            [item] = one["items"]
            assert "painted here" in item["description"] or "여기서" in item["description"]
            found[-1] = (found[-1][0], item["media"]["url"])
    return found


async def all_pages(person: Person, alive: BotEnv) -> list[Json]:
    answer = await page(await person.slash("/styles", alive.discord.channel))
    pages = [answer]
    while more := [one for one in answer["components"][-1]["components"] if one["custom_id"] == f"styles:{len(pages)}"]:
        answer = await turned(alive, person, answer, more[0]["custom_id"])
        pages.append(answer)
    return pages


async def test_pictures_from_here_for_those_who_may_see_them(alive: BotEnv):
    mina, theo = alive.discord.person("Mina"), alive.discord.person("Theo")
    thread, place = await enrolled(alive, mina), alive.discord.channel
    await mina.slash("/portrait", place, style="oil")
    [_, painted] = await whole(alive, thread, 2)
    first = shown(await page(await theo.slash("/styles", place)))
    assert [bool(url) for _, url in first] == [False, True, True, False, False], "watercolour and oil"
    assert first[2][0] == "**Oil painting**\nThick paint on canvas"
    assert first[2][1].partition("?")[0] == painted["attachments"][0]["url"].partition("?")[0]
    assert "No picture yet" in first[0][0]
    other = alive.discord.new_channel("other")
    alive.discord.deny(Permission.VIEW_CHANNEL, place, theo)
    assert not any(url for _, url in shown(await page(await theo.slash("/styles", other))))
    alive.discord.archive(thread)
    assert shown(await page(await mina.slash("/styles", other)))[2][1], "also where the bot knows no thread any more"
    await pressed(mina, painted, "delete")
    assert not shown(await page(await mina.slash("/styles", other)))[2][1]


async def test_a_picture_that_is_hidden_or_gone_hides_no_other(alive: BotEnv):
    mina, theo = alive.discord.person("Mina"), alive.discord.person("Theo")
    place, other = alive.discord.channel, alive.discord.new_channel("other")
    looks = alive.discord.fail("GET", ONE, status=200, after=True, times=1000)

    async def seen() -> str:
        looks.hits = 0
        return shown(await page(await theo.slash("/styles", place)))[1][1].partition("?")[0]

    async def painted(thread: Thread) -> tuple[Json, str]:
        [message] = await whole(alive, thread, 1)
        return message, message["attachments"][0]["url"].partition("?")[0]

    threads = [await enrolled(alive, mina, name, first) for first, name in ((0, "Rex"), (9, "Bello"))]
    (_, oldest), (gone, newer) = [await painted(thread) for thread in threads]
    await mina.slash("/enroll", other, name="Bori", **named(photos(3, 20)))
    hidden = await alive.discord.until(lambda: next((one for one in alive.discord.threads if one.name == "Bori"), None))
    _, newest = await painted(hidden)
    assert await seen() == newest
    alive.discord.deny(Permission.VIEW_CHANNEL, other, theo)
    assert await seen() == newer and looks.hits == 1
    messages.delete(alive.discord.world, alive.discord.world.messages[gone["id"]])
    assert await seen() == oldest and looks.hits == 2
    assert await seen() == oldest and looks.hits == 1, "what is gone is not asked for again"
    alive.discord.delete(threads[0])
    assert await seen() == "" and looks.hits == 0


async def test_pages_are_as_discord_describes_them(tmp_path: Path):
    async with bot_env(tmp_path, record=tmp_path / "recorded") as alive:
        mina = alive.discord.person("Mina")
        await enrolled(alive, mina)
        answer = await page(await mina.slash("/styles", alive.discord.channel))
        assert shown(answer)[1][1], "with a picture"
        await turned(alive, mina, answer, "styles:1")
    assert violations(tmp_path / "recorded") == []


async def test_pages_turn_after_a_restart_and_back_in_the_language_of_whoever_asked(alive: BotEnv):
    hana = alive.discord.person("Hana", locale="ko")
    answer = await page(await hana.slash("/styles", alive.discord.channel))
    assert [one["label"] for one in answer["components"][-1]["components"]] == ["다음"]
    await alive.stop()
    await alive.start()
    answer = await turned(alive, hana, answer, "styles:1")
    assert shown(answer)[1][0].startswith("**네온사인**\n")
    back = await turned(alive, hana, answer, "styles:0")
    assert shown(back)[0][0].startswith("**사진**\n") and back["id"] == answer["id"]


async def test_every_style_has_its_place_and_the_servers_come_first(alive: BotEnv):
    mina = alive.discord.person("Mina", permissions=Permission.MANAGE_GUILD)
    for number in range(MOST_STYLES):
        name, words = f"{number:02} {'. -' * 9}x", "-.:" * 26
        await private(
            await mina.slash("/style add", alive.discord.channel, name=name, description=words, medium="x" * 60)
        )
    words = [text for answer in await all_pages(mina, alive) for text, _ in shown(answer)]
    assert len(words) == len(STYLES) + MOST_STYLES
    assert words[0].startswith("**00 ") and "This server's own" in words[0] and "https" not in words[0]
    known = dict(zip(STYLES, words[MOST_STYLES:], strict=True))
    assert "small practice models" in known["lego"] and "No picture yet" in known["neon"], "the pocket models' styles"


async def test_a_page_that_cannot_be_turned_stays_and_the_reason_comes_beside_it(alive: BotEnv):
    mina = alive.discord.person("Mina")
    answer = await page(await mina.slash("/styles", alive.discord.channel))
    alive.discord.leave()
    turned = await mina.click(answer, "styles:1")
    [told] = await alive.discord.until(lambda: turned.followups, 10)
    assert "not me" in told["content"] and told["flags"] & 64
    assert shown(await turned.message()) == shown(answer)

"""The styles of servers: kept by name in their server alone, at most twenty, and gone with it."""

from dataclasses import replace

import pytest

from gpu.portraits import Wish
from storage.styles import EXAMPLES, MOST_STYLES, Example, ServerStyle, ServerStyles, StyleTaken, TooManyStyles
from tests.helpers.storage_env import CHANNEL, GUILD, OWNER, THREAD, StorageEnv, painted

KNIT = ServerStyle(name="Knitted", description="as by grandmother", medium="a knitted jumper", negative="photo")


async def test_kept_in_their_server_by_any_spelling(env: StorageEnv) -> None:
    styles = ServerStyles(env.db)
    await styles.add(GUILD, KNIT)
    await styles.add(GUILD, replace(KNIT, name="뜨개질"))
    assert await styles.get(GUILD, "  KNITTED ") == KNIT and await styles.get(GUILD + 1, "Knitted") is None
    assert [one.name for one in await styles.of_guild(GUILD)] == ["Knitted", "뜨개질"]
    assert await styles.remove(GUILD, "knitted") and not await styles.remove(GUILD, "knitted")
    assert not await styles.remove(GUILD + 1, "뜨개질") and len(await styles.of_guild(GUILD)) == 1


async def test_no_name_twice_and_no_more_than_twenty(env: StorageEnv) -> None:
    styles = ServerStyles(env.db)
    for number in range(MOST_STYLES):
        await styles.add(GUILD, replace(KNIT, name=f"Style {number}"))
    with pytest.raises(StyleTaken):
        await styles.add(GUILD, replace(KNIT, name="STYLE  7"))
    with pytest.raises(TooManyStyles):
        await styles.add(GUILD, KNIT)
    await styles.add(GUILD + 1, KNIT)
    await styles.remove(GUILD, "Style 7")
    await styles.add(GUILD, KNIT)


async def test_a_server_that_is_forgotten_takes_its_styles_along(env: StorageEnv) -> None:
    styles = ServerStyles(env.db)
    await styles.add(GUILD, KNIT)
    await styles.add(GUILD + 1, KNIT)
    assert await env.guilds.known() == {GUILD, GUILD + 1}, "also where nobody has a pet"
    await env.guilds.forget(GUILD)
    assert await styles.of_guild(GUILD) == [] and await styles.of_guild(GUILD + 1) == [KNIT]
    assert await env.guilds.known() == {GUILD + 1}


async def test_the_newest_portraits_in_a_style_that_are_still_there(env: StorageEnv) -> None:
    styles, pet = ServerStyles(env.db), await env.ready()
    for message, style in ((61, "oil"), (62, "oil"), (63, "pencil"), (64, "a mosaic")):
        job = await env.jobs.accept_paint(
            pet=pet, user_id=OWNER, channel_id=CHANNEL, thread_id=THREAD, wish=Wish(style=style), seeds=(1, 2),
            locale="en",
        )  # fmt: skip
        claim = await env.claim(job.id)
        assert await env.journal.settle(claim, painted(claim))
        [owed] = [one for one in await env.owed() if one.job_id == job.id]
        await env.outbox.mark_sent(owed.id, THREAD, message, owed.answer.portraits)
    wanted = ("oil", "pencil", "pop")

    async def at(guild_id: int = GUILD) -> dict[str, list[int]]:
        found = await styles.examples(guild_id, wanted)
        return {style: [one.message_id for one in examples] for style, examples in found.items()}

    assert await at() == {"oil": [62, 61], "pencil": [63], "pop": []}
    assert await at(GUILD + 1) == {"oil": [], "pencil": [], "pop": []}
    await env.portraits.delete([row.id for row in await env.portraits.by_message(62)])
    assert (await styles.examples(GUILD, wanted))["oil"] == [Example(channel_id=THREAD, message_id=61)]
    plan = await env.db.all(f"EXPLAIN QUERY PLAN {EXAMPLES}", "[]", GUILD)
    assert not [row["detail"] for row in plan if row["detail"].startswith(("SCAN p", "SCAN portraits"))]
    await env.pets.leave_thread(THREAD)
    assert await at() == {"oil": [], "pencil": [], "pop": []}, "nobody can see them any more"


async def test_a_pet_that_is_forgotten_is_no_example(env: StorageEnv) -> None:
    styles, pet = ServerStyles(env.db), await env.ready()
    [owed] = await env.owed()
    await env.outbox.mark_sent(owed.id, THREAD, 60, owed.answer.portraits)
    assert (await styles.examples(GUILD, ["ukiyo-e"]))["ukiyo-e"]
    await env.erasure.forget(pet.id)
    assert not (await styles.examples(GUILD, ["ukiyo-e"]))["ukiyo-e"]

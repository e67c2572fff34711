"""What people see of a failed enrolment: its buttons, and a dog that is known though its first portrait failed."""

import asyncio

from gpu.errors import NotFinite
from tests.helpers.bot_env import BotEnv, Json, enrolled, named, now, photos, private, whole
from tests.helpers.fake_studio import Plan
from tests.loopback import Person, Thread

UNPAINTED = Plan(steps=1, nan=2)  # the second step is one of the painting


async def failed(alive: BotEnv, mina: Person) -> tuple[Thread, Json]:
    """The thread of an enrolment that failed, and the answer there."""
    alive.studio.fails = NotFinite()
    await (await mina.slash("/enroll", alive.discord.channel, name="Rex", **named(photos(3)))).message(25)
    thread = await alive.discord.until(lambda: alive.discord.threads and alive.discord.threads[0])
    answer = await alive.message(thread, "numbers ran away")
    alive.studio.fails = None
    return thread, answer


def buttons(answer: Json) -> list[str]:
    return [button["custom_id"] for row in answer["components"] for button in row["components"]]


def files(alive: BotEnv) -> list[str]:
    return [str(file) for file in (alive.data / "jobs").rglob("*") if file.is_file()]


async def test_one_press_tries_again_also_after_a_restart(alive: BotEnv):
    mina, theo = alive.discord.person("Mina"), alive.discord.person("Theo")
    thread, answer = await failed(alive, mina)
    assert "I keep your photos of **Rex** until <t:" in answer["content"]
    again, _ = buttons(answer)
    await alive.stop()
    await alive.start()
    assert "Only this dog's owner" in await private(await theo.click(answer, again))
    presses = await asyncio.gather(*(mina.click(answer, again) for _ in range(3)))
    said = [await private(press) for press in presses]
    assert sorted("Once more" in one for one in said) == [False, False, True]
    assert sum("tried again already" in one for one in said) == 2
    await whole(alive, thread, 1)
    assert "Learnt **Rex**" in (await alive.message(thread, "Learnt"))["content"]
    await alive.discord.until(lambda: not now_with(alive, answer)["components"])
    show_again(alive, answer)
    assert "tried again already" in await private(await mina.click(answer, again))


async def test_forget_removes_everything_at_once(alive: BotEnv):
    mina, theo = alive.discord.person("Mina"), alive.discord.person("Theo")
    thread, answer = await failed(alive, mina)
    assert files(alive)
    _, forget = buttons(answer)
    assert "Only this dog's owner" in await private(await theo.click(answer, forget))
    said = await private(await mina.click(answer, forget))
    assert "I forgot **Rex**. Gone: photos 3, portraits 0" in said and "also taking down" in said
    assert not files(alive)
    await alive.discord.until(lambda: not alive.discord.messages(thread))
    assert "don't know any dog" in await private(await mina.slash("/pets", alive.discord.channel))


async def test_commands_know_a_dog_that_was_not_learnt(alive: BotEnv):
    mina, place = alive.discord.person("Mina"), alive.discord.channel
    await failed(alive, mina)
    assert "not learnt yet" in await private(await mina.slash("/pets", place))
    assert await mina.autocomplete("/portrait", place, "pet", "", style="oil") == []
    assert "don't know any dog" in await private(await mina.slash("/portrait", place, style="oil"))
    assert "could not learn **Rex**" in await private(await mina.slash("/portrait", place, style="oil", pet="Rex"))
    question = await (await mina.slash("/pet forget", place, pet="rex")).message(25)
    await mina.click(question, buttons(question)[0])
    await alive.discord.until(lambda: "I forgot **Rex**. Gone: photos 3" in now(alive, question))
    assert not files(alive)


async def test_the_same_name_is_free_again(alive: BotEnv):
    mina = alive.discord.person("Mina")
    _, answer = await failed(alive, mina)
    await (await mina.slash("/enroll", alive.discord.channel, name="rex", **named(photos(3, 5)))).message(25)
    thread = await alive.discord.until(lambda: next((one for one in alive.discord.threads if one.name == "rex"), None))
    await whole(alive, thread, 1)
    assert "keep nothing of this any more" in await private(await mina.click(answer, buttons(answer)[0]))


async def test_nothing_is_kept_where_the_operator_wants_that(alive: BotEnv):
    await alive.stop()
    await alive.start(failed_photos_hours=0)
    _, answer = await failed(alive, alive.discord.person("Mina"))
    assert not answer["components"]
    assert "until" not in answer["content"]
    assert not files(alive)


async def test_a_dog_whose_first_portrait_failed_is_known(alive: BotEnv):
    mina = alive.discord.person("Mina")
    alive.studio.plan = UNPAINTED
    await (await mina.slash("/enroll", alive.discord.channel, name="Rex", **named(photos(3)))).message(25)
    thread = await alive.discord.until(lambda: alive.discord.threads and alive.discord.threads[0])
    answer = await alive.message(thread, "I know **Rex** now, only the first portrait failed. My numbers ran away")
    assert not answer["attachments"] and not answer["components"]
    alive.studio.plan = Plan()
    await mina.slash("/portrait", thread, style="oil")
    await whole(alive, thread, 1)


async def test_a_dog_whose_first_portrait_was_cancelled_is_known(alive: BotEnv):
    mina = alive.discord.person("Mina")
    alive.studio.plan = Plan(steps=1, stuck="painting")
    await (await mina.slash("/enroll", alive.discord.channel, name="Rex", **named(photos(3)))).message(25)
    thread = await alive.discord.until(lambda: alive.discord.threads and alive.discord.threads[0])
    await alive.discord.until(lambda: list((alive.data / "jobs").glob("*/adapter")))
    assert await private(await mina.slash("/cancel", thread)) == "Cancelled."
    await alive.message(thread, "left the first portrait out, as you wished")
    alive.studio.plan = Plan()
    await mina.slash("/portrait", thread, style="oil")
    await whole(alive, thread, 1)


async def test_ready_dogs_do_not_give_way_to_failed_ones(alive: BotEnv):
    mina = alive.discord.person("Mina")
    thread = await enrolled(alive, mina, "Bori")
    alive.studio.fails = NotFinite()
    await (await mina.slash("/enroll", alive.discord.channel, name="Rex", **named(photos(3)))).message(25)
    await alive.discord.until(lambda: len(alive.discord.threads) == 2)
    await alive.message(alive.discord.threads[-1], "numbers ran away")
    alive.studio.fails = None
    await mina.slash("/portrait", alive.discord.channel, style="oil")
    await whole(alive, thread, 2)


def show_again(alive: BotEnv, message: Json) -> None:
    """A client that has not heard of an edit still shows the buttons; and Discord may deliver a press twice."""
    alive.discord.world.messages[message["id"]].components = message["components"]


def now_with(alive: BotEnv, message: Json) -> Json:
    """The message as it is by now."""
    return alive.discord.world.wire(alive.discord.world.messages[message["id"]])

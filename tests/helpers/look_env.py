"""What people see and do about a look at their photos, in the whole bot against a loopback Discord.

Knows: the answer of a look, its buttons, and what is kept meanwhile. Does not know: what any test wants to see.
"""

import json
import sqlite3
from contextlib import closing

from tests.helpers.bot_env import BotEnv, Json, named, photos, private
from tests.loopback import Person, Thread


async def looked(alive: BotEnv, who: Person, count: int = 5, **options: str) -> tuple[Thread, Json]:
    """The thread of an enrolment whose photos were looked at, and the answer there."""
    asked = await who.slash("/enroll", alive.discord.channel, name="Rex", **named(photos(count)), **options)
    assert (await asked.first_answer()).kind == "deferred"
    thread = await alive.discord.until(lambda: next(iter(alive.discord.threads), None))
    return thread, await sheet(alive, thread)


async def sheet(alive: BotEnv, thread: Thread, look: int = 1) -> Json:
    """The answer of a look."""

    def seen() -> Json | None:
        return next((one for one in alive.discord.messages(thread) if f"-{10 + look}-sheet" in str(one)), None)

    return await alive.discord.until(seen, 25)


def buttons(message: Json) -> dict[str, str]:
    """The buttons under a message: what they do, and what they are called."""
    every = [button for row in message["components"] for button in row["components"]]
    return {button["custom_id"].rpartition(":")[2]: button["label"] for button in every}


def custom_id(message: Json, what: str) -> str:
    every = [button["custom_id"] for row in message["components"] for button in row["components"]]
    return next(one for one in every if one.endswith(f":{what}"))


async def press(alive: BotEnv, who: Person, message: Json, what: str) -> str:
    """What is said privately to whoever presses; their client has not heard of any edit of the message."""
    alive.discord.world.messages[message["id"]].components = message["components"]
    return await private(await who.click(message, custom_id(message, what)))


def current(alive: BotEnv, message: Json) -> Json:
    return alive.discord.world.wire(alive.discord.world.messages[message["id"]])


def kept(alive: BotEnv) -> list[str]:
    """The photos on disk."""
    return sorted(file.stem for file in (alive.data / "jobs").glob("*/photos/*"))


def rows(alive: BotEnv, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(alive.data / "pawtrait.db")) as db:
        return db.execute(sql).fetchall()


def good(alive: BotEnv) -> list[str]:
    """The photos that can be learnt."""
    [(found,)] = rows(alive, "SELECT looked FROM jobs")
    return [cutout["photo"] for cutout in json.loads(str(found))["cutouts"]]

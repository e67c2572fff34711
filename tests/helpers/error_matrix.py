"""Every way in which a request may fail, on every route that the bot uses, while people use the whole bot.

Knows: the talks that use the routes, and how each may end. Does not know: how the bot is built.
The cases of a route follow each other, the routes are played side by side against one living bot.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from cogs.api.callbacks import ALREADY_ACKNOWLEDGED
from cogs.api.refusals import UNKNOWN_CHANNEL, UNKNOWN_MESSAGE
from cogs.shared.errors import DEAD_TOKEN, UNKNOWN_INTERACTION
from tests.helpers.bot_env import BotEnv, named, photos, portraits, press
from tests.helpers.error_lane import REFUSED, Lane, Trouble
from tests.loopback import Permission
from tests.loopback.limits import ANSWER, EMOJI, MESSAGE, MESSAGES

CALLBACK, ORIGINAL = "/interactions/{interaction_id}/{token}/callback", ANSWER + "/messages/{message_id}"
MEMBERS = "/channels/{channel_id}/thread-members/{user_id}"
CHANNEL, DOORS, MEMBER = "/channels/{channel_id}", "/users/@me/channels", "/guilds/{guild_id}/members/{user_id}"
HIT_S = 3.0  # what follows an answer is done after so long

Talk = Callable[[Lane, Trouble], Awaitable[str]]


def portrait(method: str, route: str, *, token: bool = False, wish: str = "") -> Talk:
    """/portrait, while a route fails for the thread or for this interaction."""

    async def talk(lane: Lane, trouble: Trouble) -> str:
        asked = await lane.mina.slash("/portrait", lane.thread, style="oil", wish=wish or None)
        lane.fail(trouble, method, route, asked.interaction.token if token else lane.thread.id)
        return await lane.settled(asked, trouble)

    return talk


def enrolment(method: str, route: str, *, token: bool = False) -> Talk:
    """/enroll, while a route fails for the channel or for this interaction."""

    async def talk(lane: Lane, trouble: Trouble) -> str:
        await lane.renew(learn=False)
        asked = await lane.mina.slash("/enroll", lane.channel, name="Rex", **named(photos(3)))
        lane.fail(trouble, method, route, asked.interaction.token if token else lane.channel.id)
        return await lane.settled(asked, trouble)

    return talk


def again(method: str, route: str) -> Talk:
    """🔁 as a button, while a route fails for this interaction."""

    async def talk(lane: Lane, trouble: Trouble) -> str:
        asked = await press(lane.mina, portraits(lane.alive, lane.thread)[0], "again")
        lane.fail(trouble, method, route, asked.interaction.token)
        return await lane.settled(asked, trouble)

    return talk


async def joined(lane: Lane, trouble: Trouble) -> str:
    """/enroll, while nobody can be added to a thread."""
    await lane.renew(learn=False)
    asked = await lane.mina.slash("/enroll", lane.channel, name="Rex", **named(photos(3)))
    lane.fail(trouble, "PUT", MEMBERS, "")
    return await lane.settled(asked, trouble)


async def searched(lane: Lane, trouble: Trouble) -> str:
    """The answer's way back is cut, so the channel is searched for it."""
    lane.fail(Trouble("", times=3, after=True), "POST", MESSAGES, lane.thread.id)
    return await portrait("GET", MESSAGES)(lane, trouble)


async def archived(lane: Lane, trouble: Trouble) -> str:
    """/portrait from the channel, while the dog's thread is archived: the bot asks whether it is there."""
    lane.alive.discord.archive(lane.thread)
    await asyncio.sleep(0.05)
    asked = await lane.mina.slash("/portrait", lane.channel, style="oil")
    lane.fail(trouble, "GET", CHANNEL, lane.thread.id)
    return await lane.settled(asked, trouble)


async def direct(lane: Lane, trouble: Trouble) -> str:
    """Thread and channel are closed to the bot; direct messages are what is left."""
    closed = Trouble("", 403, 50013)
    for place in (lane.thread.id, lane.channel.id):
        lane.fail(closed, "POST", MESSAGES, place)
    asked = await lane.mina.slash("/portrait", lane.thread, style="oil")
    lane.fail(trouble, "POST", DOORS, "")
    return await lane.settled(asked, trouble)


def binned(method: str, route: str, *, by_moderator: bool = False, shut: bool = False) -> Talk:
    """🗑️ under a portrait, by its owner or a moderator; in a thread that is archived meanwhile."""

    async def talk(lane: Lane, trouble: Trouble) -> str:
        await lane.renew()
        [message] = portraits(lane.alive, lane.thread)
        who = lane.mina
        if by_moderator:
            who = lane.alive.discord.person("Theo", permissions=Permission.MANAGE_MESSAGES)
        lane.fail(trouble, method, route, who.id if by_moderator else lane.thread.id)
        await who.react(message, "🗑️")
        if shut:
            lane.alive.discord.archive(lane.thread)
        return await lane.gone(message, who)

    return talk


ROUTES: dict[str, Talk] = {
    "first answer": portrait("POST", CALLBACK, token=True),
    "first answer to /enroll": enrolment("POST", CALLBACK, token=True),
    "first answer to a button": again("POST", CALLBACK),
    "edit of the answer": portrait("PATCH", ORIGINAL, token=True),
    "edit of the answer to /enroll": enrolment("PATCH", ORIGINAL, token=True),
    "edit of the answer to a button": again("PATCH", ORIGINAL),
    "look at the answer": enrolment("GET", ORIGINAL, token=True),
    "open a thread": enrolment("POST", MESSAGE + "/threads"),
    "add the owner to a thread": joined,
    "send": portrait("POST", MESSAGES),
    "edit progress": portrait("PATCH", MESSAGE, wish="ms=600"),
    "delete progress": portrait("DELETE", MESSAGE, wish="ms=400"),
    "search": searched,
    "add reactions": portrait("PUT", EMOJI + "/@me"),
    "look at a thread": archived,
    "open direct messages": direct,
    "delete a portrait": binned("DELETE", MESSAGE),
    "look at a thread to open it": binned("GET", CHANNEL, shut=True),
    "open a thread again": binned("PATCH", CHANNEL, shut=True),
    "look at a member": binned("GET", MEMBER, by_moderator=True),
}

SLOW = ("edit progress", "delete progress")  # a painting of theirs takes seconds, and all others wait in line behind it


@dataclass(frozen=True)
class Case:
    """One trouble on one route, and how it ended; `hits`: how many requests failed."""

    route: str
    trouble: Trouble
    hits: int
    end: str

    @property
    def is_right(self) -> bool:
        """Is nothing lost, and was the person answered or told, where Discord lets anything through?"""
        gone = self.trouble.code == UNKNOWN_MESSAGE
        if "given up" in self.end:
            return gone or self.route == "open direct messages"
        if self.end == "no response":
            return self.route.startswith("first answer") and self.trouble in REFUSED
        if self.end == "silent":
            return gone
        if self.end == "later lost":
            return self.trouble.code in (UNKNOWN_INTERACTION, DEAD_TOKEN)  # whoever asked cannot be reached
        if self.route.startswith("first answer") and self.trouble.code == ALREADY_ACKNOWLEDGED:
            return self.end == "answered, thinking"  # Discord says that it has the first answer, so it is left at that
        unseen = self.route == "search" and self.trouble.code == UNKNOWN_CHANNEL  # nothing shows where nothing is
        return (
            "lost" not in self.end
            and ("twice" not in self.end or unseen)
            and ("thinking" not in self.end or self.route.startswith("edit of"))
        )


async def play(alive: BotEnv, route: str, troubles: list[Trouble]) -> list[Case]:
    """All of one lane."""
    lane, talk, cases = Lane(alive), ROUTES[route], list[Case]()
    await lane.renew()
    for trouble in troubles:
        end = await talk(lane, trouble)
        with suppress(TimeoutError):
            async with asyncio.timeout(HIT_S):
                while not all(fault.hits for fault in lane.faults):  # noqa: ASYNC110 (a fault tells nobody)
                    await asyncio.sleep(0.03)
        lane.mend()
        cases.append(Case(route, trouble, lane.hits, f"{end}, twice" if lane.seen_twice() else end))
        if end != "answered" and route not in ("first answer", "edit of the answer"):
            await lane.renew()
    return cases

"""What Discord says about our token and our application, before the bot logs in with them.

Knows: which questions are asked, and what each answer means for the bot. Does not know: the machine and the models
(gpu/doctor.py), or how a line is printed (doctor.py). Nothing here logs in: no login of the day's is used up.
"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import discord

from cogs.api.client import login_delay_s
from cogs.shared.access import INVITED
from gpu.doctor import Check, bad, poor, well

PATIENCE = aiohttp.ClientTimeout(total=3.0)  # seconds, for each question
PORTAL = "discord.com/developers/applications"
AGAIN = "wait a minute, then make doctor"
UNANSWERED = (aiohttp.ClientError, OSError, TimeoutError, ValueError, TypeError)
"""What may happen to a question. ValueError and TypeError: somebody else answered, such as a hotel's network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What was answered to one question."""

    status: int = 0  # of HTTP; 0: nobody answered
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    trouble: str = ""

    def __str__(self) -> str:
        return f"answers {self.status}" if self.status else f"cannot be reached ({self.trouble})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replies:
    """The answers to all our questions."""

    api: str  # the address that was asked
    user: Reply
    application: Reply
    logins: Reply
    gateway: str  # the other address
    hello: str = ""  # why nobody said hello there


async def ask(api: str, gateway: str, token: str) -> Replies:
    """Ask everything at once; within PATIENCE, whatever happens."""
    headers = {"Authorization": f"Bot {token.strip()}", "User-Agent": "DiscordBot (pawtrait, 1)"}
    async with aiohttp.ClientSession(timeout=PATIENCE, headers=headers) as session:
        user, application, logins, hello = await asyncio.gather(
            _get(session, f"{api}/users/@me"),
            _get(session, f"{api}/oauth2/applications/@me"),
            _get(session, f"{api}/gateway/bot"),
            _listen(gateway),
        )
    return Replies(api=api, user=user, application=application, logins=logins, gateway=gateway, hello=hello)


async def _get(session: aiohttp.ClientSession, url: str) -> Reply:
    try:
        async with session.get(url, allow_redirects=False) as response:
            body = dict(await response.json(content_type=None)) if response.status == 200 else {}
            return Reply(status=response.status, body=body)
    except UNANSWERED as error:
        return Reply(trouble=_in_words(error))


async def _listen(gateway: str) -> str:
    """Why the gateway said nothing; "" if it said hello. It is told neither who we are nor any token."""
    try:
        async with (
            asyncio.timeout(PATIENCE.total),
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{gateway}?v=10&encoding=json") as socket,
        ):
            await socket.receive_json()
    except UNANSWERED as error:
        return _in_words(error)
    return ""


def _in_words(error: BaseException) -> str:
    """What happened on the way, on one line, without what was sent."""
    match error:
        case TimeoutError():
            return "no answer in time"
        case OSError() if error.strerror:
            return error.strerror
        case ValueError() | TypeError():
            return "the answer is not Discord's"
        case _:
            return type(error).__name__


def discord_checks(replies: Replies) -> Iterator[Check]:
    """A line for each; where the token is refused or nobody answers, there is nothing more to tell."""
    first = _token(replies)
    yield first
    if first.mark == "✅":
        yield _gateway(replies)
        yield from _application(replies.application)


def _token(replies: Replies) -> Check:
    user = replies.user
    if user.status == 200:
        return well("token", f"Discord knows it: {user.body.get('username')}")
    if user.status == 401:
        return bad(
            "token", "Discord does not accept this DISCORD_TOKEN", f"{PORTAL} > Bot > Reset Token; put it in .env"
        )
    if user.status:
        return bad("Discord", f"{replies.api} {user}", AGAIN)
    return bad("Discord", f"{replies.api} {user}", f"curl -sS {replies.api}/gateway; mend this machine's network")


def _gateway(replies: Replies) -> Check:
    logins, limit = replies.logins, replies.logins.body.get("session_start_limit")
    if logins.status != 200 or not limit:
        return bad("gateway", f"{replies.api}/gateway/bot {logins}", AGAIN)
    if replies.hello:
        cure = (
            f"let this machine open a WebSocket to {replies.gateway} (port 443): a firewall or a proxy keeps it from it"
        )
        return bad("gateway", f"{replies.gateway} cannot be reached ({replies.hello})", cure)
    left = f"{limit['remaining']} of {limit['total']} logins of today are left"
    if wait := login_delay_s(limit["total"], limit["remaining"], limit["reset_after"] / 1000):
        return poor(
            "gateway", f"{left}: the bot waits {wait:.0f} s before each", "find in its log why it starts so often"
        )
    return well("gateway", left)


def _application(application: Reply) -> Iterator[Check]:
    if "id" not in application.body:
        yield bad("application", f"oauth2/applications/@me {application}", AGAIN)
        return
    body = application.body
    if body.get("interactions_endpoint_url"):
        wrong = "Discord sends commands to its Interactions Endpoint URL, and none to the bot"
        yield bad("application", wrong, f"{PORTAL} > General Information: empty Interactions Endpoint URL")
    else:
        yield well("application", f"{body.get('name')}, id {body['id']}")
    yield well("intents", f"the bot asks for none that is privileged; {_unneeded(body.get('flags') or 0)}")
    if body.get("bot_require_code_grant"):
        cure = f"{PORTAL} > Bot: switch Requires OAuth2 Code Grant off"
        yield bad("invite", "nobody can invite it while a code grant is required", cure)
    else:
        who = "" if body.get("bot_public", True) else " (only you can: it is no public bot)"
        yield well("invite", f"{discord.utils.oauth_url(body['id'], permissions=INVITED)}{who}")


def _unneeded(flags: int) -> str:
    """Which of the portal's three switches are on. Neither way changes anything for the bot."""
    told = discord.ApplicationFlags()
    told.value = flags
    switches = {
        "Presence": told.gateway_presence or told.gateway_presence_limited,
        "Server Members": told.gateway_guild_members or told.gateway_guild_members_limited,
        "Message Content": told.gateway_message_content or told.gateway_message_content_limited,
    }
    on = [name for name, is_on in switches.items() if is_on]
    return f"{' and '.join(on)} may be switched off" if on else "all three are off"

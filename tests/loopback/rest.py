"""The REST API's front door, and what is asked there about the application and its commands.

Knows: authorisation, faults, rate limits, errors as JSON, recording. Does not know: messages (channels.py),
interactions.
"""

from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from tests.loopback import wire
from tests.loopback.commands import Commands
from tests.loopback.faults import Faults
from tests.loopback.forms import answer, body_of
from tests.loopback.limits import RateLimits
from tests.loopback.record import Recorder
from tests.loopback.refusals import TOO_LARGE, UNAUTHORIZED, UNKNOWN_GUILD, UNKNOWN_USER, Refused
from tests.loopback.state import User
from tests.loopback.values import Json
from tests.loopback.world import World

API = "/api/v10"


def front_door(token: str, faults: Faults, limits: RateLimits, recorder: Recorder) -> Middleware:
    """The middleware around every REST route: it records, fails on purpose, checks the token and words refusals."""

    @web.middleware
    async def door(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith(API):
            return await handler(request)
        response = await answered(request, handler)
        recorder.request(request, await read(request), response)
        return response

    async def answered(request: web.Request, handler: Handler) -> web.Response:
        fault = faults.take(request, after=False)
        if fault is not None:
            return await fault.answer(request)
        response = faults.limited(request) or limits.refusal(request) or await judged(request, handler)
        limits.announce(request, response)
        fault = faults.take(request, after=True)
        return response if fault is None else await fault.answer(request, response)

    async def judged(request: web.Request, handler: Handler) -> web.Response:
        try:
            authorise(request, token)
            response = await handler(request)
        except Refused as refused:
            return answer(refused.body(), refused.problem.status)
        except web.HTTPRequestEntityTooLarge:
            return answer(Refused(TOO_LARGE).body(), TOO_LARGE.status)
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed) as error:
            return answer({"message": f"{error.status}: {error.reason}", "code": 0}, error.status)
        if not isinstance(response, web.Response):
            raise TypeError(f"{request.path} answered with a stream")
        return response

    return door


async def read(request: web.Request) -> bytes:
    """The body, for the record; empty if it was too large to be taken, or the connection was cut."""
    try:
        return await request.read()
    except (web.HTTPRequestEntityTooLarge, ConnectionResetError):
        return b""


def authorise(request: web.Request, token: str) -> None:
    """The bot's token in the header; interaction callbacks and webhooks carry a token of their own in the path."""
    own_token = request.path.startswith((f"{API}/interactions/", f"{API}/webhooks/"))
    if not own_token and request.headers.get("Authorization") != f"Bot {token}":
        raise Refused(UNAUTHORIZED)


class Application:
    """Who the bot is, where its gateway is, and its commands."""

    def __init__(self, world: World, commands: Commands, gateway_url: Callable[[], str]) -> None:
        self._world = world
        self._commands = commands
        self._gateway_url = gateway_url

    def routes(self) -> list[web.RouteDef]:
        """The routes, for aiohttp."""
        own, guilds = (
            "/applications/{application_id}/commands",
            "/applications/{application_id}/guilds/{guild_id}/commands",
        )
        return [
            web.get(f"{API}/users/@me", self.me),
            web.post(f"{API}/users/@me/channels", self.open_door),
            web.get(f"{API}/users/{{user_id}}", self.user),
            web.get(f"{API}/oauth2/applications/@me", self.application),
            web.get(f"{API}/applications/@me", self.application),
            web.get(f"{API}/gateway", self.gateway),
            web.get(f"{API}/gateway/bot", self.gateway_bot),
            web.get(f"{API}/guilds/{{guild_id}}/members/{{user_id}}", self.member),
            *[web.get(API + path, self.list_commands) for path in (own, guilds)],
            *[web.put(API + path, self.put_commands) for path in (own, guilds)],
            *[web.get(f"{API}{path}/{{command_id}}", self.command) for path in (own, guilds)],
        ]

    async def me(self, request: web.Request) -> web.Response:
        """GET /users/@me"""
        return answer(
            wire.user(self._world.me) | {"mfa_enabled": False, "locale": "en-US", "verified": True, "email": None}
        )

    async def user(self, request: web.Request) -> web.Response:
        """GET /users/{user_id}"""
        return answer(wire.user(self._known(request)))

    async def open_door(self, request: web.Request) -> web.Response:
        """POST /users/@me/channels: direct messages with somebody. Whether they take any shows when one is sent."""
        user_id = str((await body_of(request))["recipient_id"])
        if user_id not in self._world.guild.users:
            raise Refused(UNKNOWN_USER)
        return answer(wire.channel(self._world.door(self._world.guild.users[user_id]), self._world.guild))

    async def member(self, request: web.Request) -> web.Response:
        """GET /guilds/{guild_id}/members/{user_id}"""
        self._guild_id(request)
        return answer(wire.member(self._known(request), self._world.guild))

    async def application(self, request: web.Request) -> web.Response:
        """GET /oauth2/applications/@me"""
        world = self._world
        me: Json = {"id": world.me.id, "name": world.me.name, "bot": wire.user(world.me)}
        return answer(APPLICATION_DEFAULTS | me | {"owner": wire.user(world.guild.owner)})

    async def gateway(self, request: web.Request) -> web.Response:
        """GET /gateway"""
        return answer({"url": self._gateway_url()})

    async def gateway_bot(self, request: web.Request) -> web.Response:
        """GET /gateway/bot"""
        limit = {"total": 1000, "remaining": 999, "reset_after": 86_400_000, "max_concurrency": 1}
        return answer({"url": self._gateway_url(), "shards": 1, "session_start_limit": limit})

    async def list_commands(self, request: web.Request) -> web.Response:
        """GET the global commands or those of the guild."""
        return answer(self._commands.of(self._guild_id(request)))

    async def command(self, request: web.Request) -> web.Response:
        """GET one command."""
        return answer(self._commands.one(self._guild_id(request), request.match_info["command_id"]))

    async def put_commands(self, request: web.Request) -> web.Response:
        """PUT the whole list, as CommandTree.sync does."""
        stored = self._commands.replace(self._guild_id(request), await body_of(request))
        self._world.touch()
        return answer(stored)

    def _guild_id(self, request: web.Request) -> str | None:
        guild_id = request.match_info.get("guild_id")
        if guild_id not in (None, self._world.guild.id):
            raise Refused(UNKNOWN_GUILD)
        return guild_id

    def _known(self, request: web.Request) -> User:
        try:
            return self._world.guild.users[request.match_info["user_id"]]
        except KeyError:
            raise Refused(UNKNOWN_USER) from None


APPLICATION_DEFAULTS: Json = {
    "icon": None, "description": "Learns your dog", "type": None, "verify_key": "0" * 64, "flags": 0, "flags_new": "0",
    "redirect_uris": [], "interactions_endpoint_url": None, "role_connections_verification_url": None,
    "approximate_guild_count": 1, "approximate_user_install_count": 0, "approximate_user_authorization_count": 0,
    "explicit_content_filter": 0, "team": None, "eligible_oauth2_scopes": [], "bot_public": True,
    "bot_require_code_grant": False,
}  # fmt: skip

"""`python -m tests.bench.gateway [SECONDS] [SEED]`: events drawn from Discord's own types, most of them spoilt.

Knows: how an example of a type is drawn (../shared/data/discord/gateway-schemas.json, made from discord-api-types), and
which event carries which type. Does not know: what any of them means. Events go into discord.py where the gateway puts
them, in the whole bot, thousands a second; in between the bot is asked something over the gateway itself.
Bar: the bot logs in once, and answers every time.
"""

import asyncio
import json
import logging
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import unquote

from cogs.api.gateway import log as passed_over
from tests.bench.results import keep
from tests.helpers.bot_env import BotEnv, bot_env, enrolled, private
from tests.helpers.mutations import mutated
from tests.loopback import Person, wire
from tests.loopback.checks import SHARED

SCHEMAS = SHARED / "data" / "discord" / "gateway-schemas.json"
DEEPEST = 6
TEXTS = ("x", "en-US", "2026-01-02T03:04:05.000000+00:00")
EACH = 400  # events between two questions

CHANNELS = (
    "APITextChannel", "APINewsChannel", "APIGuildForumChannel", "APIGuildVoiceChannel", "APIGuildCategoryChannel",
)  # fmt: skip
THREADS = ("ThreadCreate", "APIPublicThreadChannel", "APIPrivateThreadChannel")
INTERACTIONS = ("SlashInteraction", "ButtonInteraction")
TYPES: dict[str, tuple[str, ...]] = {
    "GUILD_CREATE": ("GuildCreate",), "GUILD_UPDATE": ("GuildCreate",), "GUILD_DELETE": ("APIUnavailableGuild",),
    "CHANNEL_CREATE": CHANNELS, "CHANNEL_UPDATE": CHANNELS, "CHANNEL_DELETE": CHANNELS,
    "THREAD_CREATE": THREADS, "THREAD_UPDATE": THREADS, "THREAD_DELETE": THREADS,
    "MESSAGE_CREATE": ("MessageCreate",), "MESSAGE_UPDATE": ("MessageUpdate",), "MESSAGE_DELETE": ("MessageUpdate",),
    "MESSAGE_REACTION_ADD": ("ReactionAdd",), "MESSAGE_REACTION_REMOVE": ("ReactionAdd",),
    "MESSAGE_REACTION_REMOVE_ALL": ("ReactionAdd",), "MESSAGE_REACTION_REMOVE_EMOJI": ("ReactionAdd",),
    "INTERACTION_CREATE": INTERACTIONS, "PRESENCE_UPDATE": ("GatewayPresenceUpdate",),
    "GUILD_SCHEDULED_EVENT_CREATE": ("APIVoiceGuildScheduledEvent", "APIExternalGuildScheduledEvent"),
    "STAGE_INSTANCE_CREATE": ("APIStageInstance",), "ENTITLEMENT_CREATE": ("APIEntitlement",),
    "GUILD_MEMBER_ADD": ("APIGuildMember",), "GUILD_MEMBER_UPDATE": ("APIGuildMember",),
    "USER_UPDATE": ("APIUser",), "VOICE_STATE_UPDATE": ("APIBaseVoiceState",),
    "GUILD_SOUNDBOARD_SOUND_CREATE": ("APISoundboardSound",),
}  # fmt: skip
"""Where the types hold none, the nearest: it is only the beginning of something that is spoilt."""


class Examples:
    """Draws values of Discord's types. Ids are now and then true ones, so that events mean something here."""

    def __init__(self, random: Random, ids: list[str]) -> None:
        self._random = random
        self._ids = ids
        self._types: dict[str, Any] = json.loads(SCHEMAS.read_text())["definitions"]

    def draw(self, name: str) -> Any:
        """A value of a type."""
        return self._of(self._types[name], 0)

    def _of(self, schema: Any, depth: int) -> Any:
        if not isinstance(schema, dict):
            return None
        if "$ref" in schema:
            return self._of(self._types[unquote(schema["$ref"].rpartition("/")[2])], depth)
        if "const" in schema or "enum" in schema:
            return schema["const"] if "const" in schema else self._random.choice(schema["enum"])
        if choices := schema.get("anyOf") or schema.get("oneOf"):
            return self._of(self._random.choice(choices), depth)
        if "allOf" in schema:
            parts = [self._of(part, depth) for part in schema["allOf"]]
            return {key: value for part in parts if isinstance(part, dict) for key, value in part.items()}
        return self._plain(schema, depth)

    def _plain(self, schema: dict[str, Any], depth: int) -> Any:
        kind = schema.get("type", "object")
        match self._random.choice(kind) if isinstance(kind, list) else kind:
            case "object":
                needed = set(schema.get("required", ()))
                share = 0.5 if depth < DEEPEST else 0.0
                parts = schema.get("properties", {}).items()
                return {k: self._of(v, depth + 1) for k, v in parts if k in needed or self._random.random() < share}
            case "array":
                count = self._random.randrange(3) if depth < DEEPEST else 0
                return [self._of(schema.get("items"), depth + 1) for _ in range(count)]
            case "string":
                return self._random.choice([*self._ids, *TEXTS, str(self._random.getrandbits(63))])
            case "integer" | "number":
                return self._random.choice([0, 1, 2, 11, self._random.getrandbits(16)])
            case "boolean":
                return self._random.random() < 0.5
        return None


class Counting(logging.Handler):
    """Counts what is logged, by level and by the words before the first blank."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.seen: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        said = record.getMessage().split(" ")[0] if record.name == passed_over.name else record.getMessage()[:60]
        cause = f" {record.exc_info[1]!r:.80}" if record.exc_info else ""
        self.seen[f"{record.levelname} {record.name}: {said}{cause}"] += 1


async def still_answers(alive: BotEnv, mina: Person) -> None:
    """Ask something over the gateway. Raises TimeoutError if no answer comes."""
    alive.discord.gateway.tell("GUILD_CREATE", wire.guild_create(alive.discord.guild, alive.discord.world.me))
    await private(await mina.slash("/pets", alive.discord.channel))


async def main(seconds: float, seed: int) -> int:
    random, heard, told = Random(seed), Counting(), 0
    logging.getLogger().addHandler(heard)
    with tempfile.TemporaryDirectory() as folder:
        async with bot_env(Path(folder)) as alive:
            thread = await enrolled(alive, alive.discord.person("Theo"))
            ids = [alive.discord.guild.id, alive.discord.channel.id, thread.id, alive.discord.world.me.id]
            ids += [message["id"] for message in alive.discord.messages(thread)]
            examples, true = Examples(random, ids), [one for one in alive.discord.gateway.sent if one["t"] != "READY"]
            mina, until = alive.discord.person("Mina"), time.monotonic() + seconds
            while time.monotonic() < until:
                for _ in range(EACH):
                    event = random.choice([*TYPES, *(one["t"] for one in true)])
                    known = [one["d"] for one in true if one["t"] == event]
                    drawn = random.choice(known) if known and random.random() < 0.5 else None
                    body = drawn or examples.draw(random.choice(TYPES.get(event, ("APIUser",))))
                    spoilt = mutated(random, body) if random.random() < 0.9 else body
                    await alive.discord.gateway.write(json.dumps({"op": 0, "t": event, "s": None, "d": spoilt}))
                    told += 1
                await still_answers(alive, mina)
            logins = alive.discord.gateway.identified
    passed = {line: count for line, count in heard.seen.items() if line.startswith(f"WARNING {passed_over.name}")}
    others = {line: count for line, count in heard.seen.most_common() if line not in passed}
    run = {"seed": seed, "seconds": seconds, "events": told, "logins": logins}
    keep("gateway", run | {"passed_over": sum(passed.values()), "other_lines": others})
    return 0 if logins == 1 else 1


if __name__ == "__main__":
    words = sys.argv[1:] + ["60", "0"][len(sys.argv) - 1 :]
    sys.exit(asyncio.run(main(float(words[0]), int(words[1]))))

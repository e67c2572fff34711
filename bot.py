"""Pawtrait's entry point: the Discord client, and how everything is put together and taken down again.

Knows everything, does nothing: commands are in cogs/, computing is in gpu/ (in a child process; nothing here or in
cogs/ ever imports torch), keeping is in storage/.

Two promises are kept here. At SIGTERM the bot stops taking jobs, lets the training write its checkpoint, delivers what
is done, and exits within 25 s; at a second signal it exits at once. And no message of the bot mentions anybody, except
the one person whose long job is done.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import discord
import yarl
from discord import app_commands
from discord.ext import commands
from discord.gateway import DiscordWebSocket
from discord.http import Route
from pydantic import ValidationError

from cogs.admin import AdminCog
from cogs.api.budget import Budget, watched
from cogs.api.client import Client
from cogs.buttons import ButtonsCog
from cogs.catch_up import CatchUpCog
from cogs.delivery.cog import DeliveryCog
from cogs.doctor import DoctorCog
from cogs.enroll import EnrollCog
from cogs.guilds import GuildsCog
from cogs.looks import LooksCog
from cogs.notify import NotifyCog
from cogs.ops.metrics import Metrics
from cogs.ops.redaction import RedactingFormatter
from cogs.ops.settings import Settings, explain
from cogs.own_styles import OwnStylesCog
from cogs.pets import PetsCog
from cogs.portrait import PortraitCog
from cogs.progress.messages import ProgressMessages
from cogs.reactions import ReactionsCog
from cogs.shared.errors import Tree
from cogs.shared.models import Models
from cogs.shared.owners import Owners
from cogs.shared.services import Services
from cogs.shared.threads import Threads
from cogs.shared.uploads import Uploads
from cogs.styles import StylesCog
from cogs.try_again import TryAgainCog
from cogs.why import WhyCog
from gpu.line.executor import Executor
from gpu.line.line import Line
from gpu.line.process import ProcessExecutor, worker
from storage.database import DATABASE, CannotOpen, Database
from storage.erasure import Erasure
from storage.failed import FailedEnrolments
from storage.files import Files
from storage.guilds import Guilds
from storage.intake import Intake
from storage.jobs import Jobs, QueueLimits
from storage.journal import JobJournal
from storage.looks import Looks
from storage.notifications import Notifications
from storage.outbox import Outbox
from storage.pets import Pets
from storage.portraits import Portraits
from storage.retention import Retention
from storage.stats import Stats
from storage.styles import ServerStyles
from storage.takedowns import Takedowns

log = logging.getLogger("pawtrait")

Command = Callable[[commands.Bot, Services], commands.Cog]
COMMANDS: tuple[Command, ...] = (
    EnrollCog, PortraitCog, PetsCog, StylesCog, OwnStylesCog, AdminCog, NotifyCog, DoctorCog, WhyCog,
)  # fmt: skip
"""To add one: a file in cogs/, its sentences in cogs/shared/texts/, its import and its name here."""

MINUTE_S, HOUR_S = 60.0, 3600.0
MISUSED = 2  # exit status: the operator has to change something
LAST_WORDS_S = 4.0  # seconds to deliver what is done, when asked to stop
GOODBYE_S = 4.0  # seconds for Discord to answer the closing handshake


class PortraitBot(Client):
    """The Discord client: no privileged intents, no mentions, commands synced only when they changed."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(
            guild_id=settings.guild_id,
            synced=settings.data / "commands.sha256",
            command_prefix=commands.when_mentioned,  # there are no such commands, but the library wants a prefix
            help_command=None,
            tree_cls=Tree,
            intents=discord.Intents(guilds=True, guild_reactions=True),
            allowed_mentions=discord.AllowedMentions.none(),
            allowed_contexts=app_commands.AppCommandContext(guild=True),
            allowed_installs=app_commands.AppInstallationType(guild=True),
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            guild_ready_timeout=0.3,  # s; discord.py would wait 2 s for every server to be known: nobody needs that
            http_trace=watched(Budget()),
        )

    async def on_ready(self) -> None:
        """Connected, for the first time or again."""
        log.info("Online", extra={"fields": {"user": self.user, "servers": len(self.guilds)}})


async def serve(settings: Settings, executor: Executor) -> int:
    """Run the bot until a signal or an error ends it; the exit status."""
    Route.BASE = settings.discord_api
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(settings.discord_gateway)
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # we have no use for voice
    files = Files(settings.data)
    uploads = Uploads(Intake(files), settings.discord_cdn_hosts)
    async with await Database.open(settings.data / DATABASE) as db, uploads, PortraitBot(settings) as bot:
        jobs = Jobs(db, files, limits=QueueLimits(each=settings.jobs_each, total=settings.jobs_total))
        on_progress, on_settled = partial(bot.dispatch, "job_progress"), partial(bot.dispatch, "job_settled")
        keep_failed_s, look_s = settings.failed_photos_hours * HOUR_S, settings.look_minutes * MINUTE_S
        journal = JobJournal(db, files, keep_failed_s=keep_failed_s, look_s=look_s)
        line = Line(executor, journal, on_progress, on_settled)
        pets, profile = Pets(db), settings.studio_profile()
        services = Services(
            files=files,
            pets=pets,
            guilds=Guilds(db),
            erasure=Erasure(db, files),
            failed=FailedEnrolments(db, files, jobs),
            jobs=jobs,
            looks=Looks(db, files, jobs),
            portraits=Portraits(db),
            outbox=Outbox(db),
            takedowns=Takedowns(db),
            notifications=Notifications(db),
            styles=ServerStyles(db),
            line=line,
            models=(models := Models(profile, settings.hub_cache())),
            threads=(threads := Threads(bot, jobs, pets)),
            progress=ProgressMessages(bot, jobs, threads, line, profile.painting),
            owners=Owners(),
            uploads=uploads,
            profile=profile,
            painting=profile.painting,
            species=tuple(one.word for one in profile.segmenting.species),
            recipes=settings.recipes,
            look_first=look_s > 0,
            pets_each=settings.pets_each,
            stats=(stats := Stats(db)),
            process=executor.stats,
        )
        delivery, reactions = DeliveryCog(bot, services), ReactionsCog(bot, services)
        catch_up, guilds = CatchUpCog(bot, services, reactions), GuildsCog(bot, services)
        commanded = [command(bot, services) for command in COMMANDS]
        buttons = ButtonsCog(bot, services), TryAgainCog(bot, services), LooksCog(bot, services)
        for cog in (*commanded, *buttons, reactions, services.progress, delivery, catch_up, guilds):
            await bot.add_cog(cog)
        if settings.metrics_port:
            await bot.add_cog(Metrics(jobs, stats, executor.stats, settings.metrics_port))
        retention = Retention(db, files, photos_days=settings.photos_days, portraits_days=settings.portraits_days)
        tidying = asyncio.create_task(retention.nightly(settings.tidy_hour), name="retention")
        looking = asyncio.create_task(models.look(), name="models")  # the log says what is missing
        try:
            return await live(bot, line, delivery, settings.discord_token.get_secret_value())
        finally:
            tidying.cancel()
            await asyncio.wait([tidying, looking])  # the database is closed after the first


async def live(bot: PortraitBot, line: Line, delivery: DeliveryCog, token: str) -> int:
    """From login to goodbye; the exit status. Asked to stop, it stops the line first, then delivers what is done."""
    stop = asyncio.create_task(stop_signal(), name="stop signal")
    await line.start()  # it removes what no job owns, so nobody may store a photo before that
    talking = asyncio.create_task(bot.start(token), name="discord")
    try:
        await asyncio.wait({stop, talking}, return_when=asyncio.FIRST_COMPLETED)
        log.info("Closing")
    finally:
        await line.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_S):
                if bot.is_ready():
                    await delivery.deliver()
        await asyncio.wait([asyncio.create_task(bot.close(), name="goodbye")], timeout=GOODBYE_S)
        await bot.http.close()  # hangs up; discord.py would wait 30 s for Discord's side of the goodbye
        stop.cancel()
        talking.cancel()
    try:
        await talking
    except asyncio.CancelledError:
        return 0
    except discord.LoginFailure:
        return refuse("Discord does not accept this DISCORD_TOKEN. `make doctor` says what mends it.")
    return 0


async def stop_signal() -> None:
    """Return at the first SIGTERM or SIGINT; a second one ends the process at once (its child sees the pipe close)."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()

    def ask() -> None:
        if asked.is_set():
            os._exit(1)
        asked.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask)
    await asked.wait()


def refuse(sentence: str) -> int:
    """Tell the operator, who has to act; the exit status."""
    print(sentence, file=sys.stderr)
    return MISUSED


def configure_logging(settings: Settings) -> None:
    """One handler, to stderr; what nobody catches goes the same way."""
    handler = logging.StreamHandler()
    handler.setFormatter(RedactingFormatter(*settings.secrets()))
    logging.basicConfig(level=settings.log_level, handlers=[handler])
    sys.excepthook = lambda _kind, error, _trace: log.critical("The bot crashed", exc_info=error)


def main() -> int:
    """The exit status: 0 after an orderly end, 2 if the operator has to change something."""
    os.chdir(Path(__file__).parent)  # .env, a relative DATA and the child process are all looked for from here
    try:
        settings = Settings()  # pyright: ignore[reportCallIssue] (the token comes from the environment)
    except ValidationError as error:
        return refuse(explain(error))
    configure_logging(settings)
    profile, environment = settings.studio_profile(), settings.child_environment()
    executor = ProcessExecutor(worker(profile, settings.log_level), environment=environment, timeouts=profile.timeouts)
    try:
        return asyncio.run(serve(settings, executor))
    except CannotOpen as error:
        return refuse(f"{error} {error.cure}")


if __name__ == "__main__":
    sys.exit(main())

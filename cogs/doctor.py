"""/doctor: how the bot is doing here, for those who manage the server.

Knows: what of it such a person may see: names of permissions and models, counts, and no person, path or command of the
machine. Does not know: what is good enough (gpu/doctor.py), or what only the operator is told (ops/doctor.py).
"""

from collections.abc import Iterator

from discord import app_commands
from discord.ext import commands

from cogs.shared.access import check_member, permissions_here
from cogs.shared.errors import Interaction
from cogs.shared.services import Services
from cogs.shared.text import label, language, say
from gpu.doctor import GB, all_well
from gpu.line.executor import ProcessStats
from gpu.machine import resident

HAS = {True: "✅", False: "❌"}


class DoctorCog(commands.Cog):
    """Shows what a channel, the line and the machine lack."""

    def __init__(self, bot: commands.Bot, services: Services) -> None:
        self._bot = bot
        self._services = services

    @app_commands.command(name=label("command.doctor"), description=label("hint.doctor"))
    @app_commands.default_permissions(manage_guild=True)
    async def doctor(self, interaction: Interaction) -> None:
        """Permissions, the line, the process that computes, the last failure and the models, to whoever asks alone."""
        await interaction.response.defer(ephemeral=True)
        check_member(self._bot, interaction)
        tongue = language(interaction.locale)
        told = [
            _permissions(tongue, interaction),
            await self._line(tongue),
            *_process(tongue, self._services.process()),
            await self._failure(tongue),
            *await self._models(tongue),
        ]
        await interaction.edit_original_response(content="\n".join(told))

    async def _line(self, tongue: str) -> str:
        places = (await self._services.line.places()).values()
        waiting = sum(place > 0 for place in places)
        return say(tongue, "doctor.line", running=len(places) - waiting, waiting=waiting)

    async def _failure(self, tongue: str) -> str:
        failure = await self._services.stats.last_failure()
        if failure is None:
            return say(tongue, "doctor.no_failure")
        cause, at = failure
        return say(tongue, "doctor.failure", cause=cause, when=f"<t:{at:.0f}:R>")

    async def _models(self, tongue: str) -> list[str]:
        checks = await self._services.models.examine()
        told = say(tongue, "doctor.models", models=" · ".join(f"{check.mark} {check.name}" for check in checks))
        return [told] if all_well(checks) else [told, say(tongue, "doctor.operator")]


def _permissions(tongue: str, interaction: Interaction) -> str:
    here = permissions_here(interaction).items()
    names = " · ".join(f"{HAS[has]} {say(tongue, f'permission.{name}')}" for name, has in here)
    return say(tongue, "doctor.permissions", place=f"<#{interaction.channel_id}>", names=names)


def _process(tongue: str, stats: ProcessStats) -> Iterator[str]:
    try:
        held = resident(stats.pid) if stats.pid else 0
    except OSError:  # it ended just now
        held = 0
    if held:
        yield say(tongue, "doctor.process", pid=stats.pid, memory=f"{held / GB:.1f}")
    else:
        yield say(tongue, "doctor.no_process")
    if stats.ending:
        yield say(tongue, "doctor.ended", count=stats.died, why=say(tongue, f"doctor.{stats.ending}"))

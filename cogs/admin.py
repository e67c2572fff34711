"""/queue and /cancel: the line, as people see it.

Knows: whose jobs are shown, whose job may be cancelled. Does not know: whose turn it is (gpu/line/line.py),
how a place is worded (cogs/progress/render.py).
"""

from discord import app_commands
from discord.ext import commands

from cogs.progress.eta import standings
from cogs.progress.render import line
from cogs.shared.errors import Interaction, Sorry
from cogs.shared.pet_choice import LONGEST_CHOICE, MOST_CHOICES
from cogs.shared.services import Services
from cogs.shared.text import Name, isolated, label, language, say
from storage.names import name_key, shorten

MOST_LINES = 12  # of /queue; so many of the longest names fit into a message


class AdminCog(commands.Cog):
    """Shows the line, and takes jobs out of it."""

    def __init__(self, bot: commands.Bot, services: Services) -> None:
        self._bot = bot
        self._services = services

    @app_commands.command(name=label("command.queue"), description=label("hint.queue"))
    async def queue(self, interaction: Interaction) -> None:
        """This server's jobs, with their places in the whole line."""
        await interaction.response.defer(ephemeral=True)
        tongue = language(interaction.locale)
        everybody = await standings(self._services.line, self._services.jobs, self._services.painting)
        here = [one for one in everybody if one.job.guild_id == interaction.guild_id]
        lines = [say(tongue, "queue.title" if here else "queue.empty")]
        lines += [line(tongue, one, Name(one.job.pet_name)) for one in here[:MOST_LINES]]
        if len(here) > MOST_LINES:
            lines.append(say(tongue, "queue.more", count=len(here) - MOST_LINES))
        await interaction.edit_original_response(content="\n".join(lines))

    @app_commands.command(name=label("command.cancel"), description=label("hint.cancel"))
    @app_commands.rename(job=label("option.job"))
    @app_commands.describe(job=label("about.job"))
    async def cancel(self, interaction: Interaction, job: app_commands.Range[str, 1, 100] | None = None) -> None:
        """Cancel one of the person's own jobs; the outbox then sends the job's answer to its thread."""
        await interaction.response.defer(ephemeral=True)
        assert interaction.guild_id  # commands are for guilds only
        whose = interaction.guild_id, interaction.user.id
        own = [*await self._services.jobs.looked(*whose), *await self._services.jobs.active(*whose)]
        own.sort(key=lambda one: one.created)
        if not own:
            raise Sorry("cancel.none")
        chosen = [one for one in own if job in (None, one.id) or name_key(job) == name_key(one.pet_name)]
        if not chosen or not await self._services.line.cancel(chosen[-1].id):
            raise Sorry("cancel.over")
        await interaction.edit_original_response(content=say(language(interaction.locale), "cancel.done"))

    @cancel.autocomplete("job")
    async def own_jobs(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        """This person's jobs that are not over."""
        tongue = language(interaction.locale)
        assert interaction.guild_id  # commands are for guilds only
        mine = interaction.guild_id, interaction.user.id
        looked = await self._services.jobs.looked(*mine)
        everybody = await standings(self._services.line, self._services.jobs, self._services.painting)
        own = [one for one in everybody if (one.job.guild_id, one.job.user_id) == mine]
        named = {job.id: say(tongue, "queue.look", name=isolated(job.pet_name)) for job in looked}
        named |= {one.job.id: line(tongue, one, isolated(one.job.pet_name)) for one in own}
        fitting = [(job_id, name) for job_id, name in named.items() if typed.casefold() in name.casefold()]
        return [
            app_commands.Choice(name=shorten(name, LONGEST_CHOICE), value=job_id)
            for job_id, name in fitting[:MOST_CHOICES]
        ]

"""A small bot with one of everything: what the loopback's own tests log in with.

Knows: discord.py's ways to answer. Does not know: Pawtrait.
"""

import io

import discord
from discord import app_commands
from PIL import Image


def picture(colour: str = "tan") -> bytes:
    """A small PNG."""
    out = io.BytesIO()
    Image.new("RGB", (32, 24), colour).save(out, "PNG")
    return out.getvalue()


class Photos(discord.ui.Modal, title="Photos"):
    """A modal with a text and files, as /enroll shows it."""

    name: discord.ui.Label["Photos"] = discord.ui.Label(
        text="이름", component=discord.ui.TextInput(custom_id="name", max_length=32)
    )
    photos: discord.ui.Label["Photos"] = discord.ui.Label(
        text="사진", component=discord.ui.FileUpload(custom_id="photos", min_values=2, max_values=10)
    )

    async def on_submit(self, interaction: discord.Interaction) -> None:
        name, photos = self.name.component, self.photos.component
        assert isinstance(name, discord.ui.TextInput)
        assert isinstance(photos, discord.ui.FileUpload)
        sizes = [len(await photo.read()) for photo in photos.values]
        await interaction.response.send_message(f"{name.value}: {sizes}", ephemeral=True)


class Again(discord.ui.View):
    """A button that outlives a restart."""

    def __init__(self) -> None:
        super().__init__(timeout=None)

    @discord.ui.select(
        custom_id="style", options=[discord.SelectOption(label=name, value=name) for name in ("tan", "red")]
    )
    async def style(self, interaction: discord.Interaction, menu: discord.ui.Select["Again"]) -> None:
        await interaction.response.defer()
        await interaction.edit_original_response(content=menu.values[0])

    @discord.ui.button(label="Again", emoji="🔁", custom_id="again")
    async def again(self, interaction: discord.Interaction, button: discord.ui.Button["Again"]) -> None:
        await interaction.response.edit_message(content="again", view=None)


class Kennel(discord.Client):
    """A bot with one command of each sort."""

    def __init__(self, *, heartbeat_timeout: float = 60.0) -> None:
        intents = discord.Intents(guilds=True, guild_messages=True, guild_reactions=True)
        super().__init__(
            intents=intents, guild_ready_timeout=0.05, allowed_mentions=discord.AllowedMentions.none(),
            heartbeat_timeout=heartbeat_timeout,
        )  # fmt: skip
        self.tree = app_commands.CommandTree(self)
        self.tree.add_command(enroll)
        self.tree.add_command(portrait)
        self.tree.add_command(pet)
        self.reactions: list[discord.RawReactionActionEvent] = []
        self.seen: list[discord.Message] = []
        self.edited: list[discord.RawMessageUpdateEvent] = []
        self.deleted: list[discord.RawMessageDeleteEvent] = []
        self.threads: list[discord.Thread] = []
        self.guild_news: list[str] = []

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """discord.py waits 5 s here before a second login."""

    async def setup_hook(self) -> None:
        self.add_view(Again())
        await self.tree.sync()

    async def on_message(self, message: discord.Message) -> None:
        self.seen.append(message)

    async def on_raw_message_edit(self, event: discord.RawMessageUpdateEvent) -> None:
        self.edited.append(event)

    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        self.deleted.append(event)

    async def on_thread_create(self, thread: discord.Thread) -> None:
        self.threads.append(thread)

    async def on_raw_reaction_add(self, event: discord.RawReactionActionEvent) -> None:
        self.reactions.append(event)

    on_raw_reaction_remove = on_raw_reaction_add

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        self.guild_news.append("removed")

    async def on_guild_join(self, guild: discord.Guild) -> None:
        self.guild_news.append("joined")

    async def on_guild_unavailable(self, guild: discord.Guild) -> None:
        self.guild_news.append("unavailable")

    async def on_guild_available(self, guild: discord.Guild) -> None:
        self.guild_news.append("available")


@app_commands.command(description="Learn a dog")
@app_commands.describe(name="The dog's name")
async def enroll(
    interaction: discord.Interaction,
    name: str,
    photo1: discord.Attachment | None = None,
    photo2: discord.Attachment | None = None,
) -> None:
    if photo1 is None:
        await interaction.response.send_modal(Photos())
        return
    await interaction.response.defer()
    data = await photo1.read()
    await interaction.edit_original_response(content=f"{name} {len(data)} {photo1.content_type} {photo1.width}")
    await interaction.followup.send("and more", ephemeral=True)


@app_commands.command(description="Paint a dog")
async def portrait(interaction: discord.Interaction, style: str, count: app_commands.Range[int, 1, 4] = 1) -> None:
    files = [discord.File(io.BytesIO(picture(style)), f"{style}-{n}.png", description=style) for n in range(count)]
    await interaction.response.send_message(f"{style} for {interaction.user.mention}", files=files, view=Again())


@portrait.autocomplete("style")
async def styles(interaction: discord.Interaction, current: str) -> list[app_commands.Choice[str]]:
    return [app_commands.Choice(name=name, value=name) for name in ("tan", "teal", "red") if name.startswith(current)]


pet = app_commands.Group(name="pet", description="Pets")


@pet.command(name="forget", description="Forget a dog")
async def forget(interaction: discord.Interaction, owner: discord.Member) -> None:
    await interaction.response.send_message(f"{owner.display_name} {interaction.app_permissions.attach_files}")
    await interaction.delete_original_response()

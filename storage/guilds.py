"""The guilds (Discord's servers) of which something is kept, and those that the bot is not in any more.

Knows: the table left_guilds. Does not know: how long a guild is kept after that (cogs/guilds.py), or its pets.
"""

from storage.database import Database


class Guilds:
    """The guilds in the tables, and those that the bot has left."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def known(self) -> set[int]:
        """Every guild of which something is kept."""
        sql = "SELECT guild_id FROM pets UNION SELECT guild_id FROM jobs UNION SELECT guild_id FROM styles"
        return {row[0] for row in await self._db.all(sql)}

    async def mark_left(self, guild_id: int, now: float) -> None:
        """Note that the bot has left, at `now` (Unix seconds) unless an earlier time is noted."""
        async with self._db.write() as tx:
            await tx.run("INSERT INTO left_guilds VALUES (?, ?) ON CONFLICT DO NOTHING", guild_id, now)

    async def mark_joined(self, guild_id: int) -> None:
        """Note that the bot is there, again or still."""
        async with self._db.write() as tx:
            await tx.run("DELETE FROM left_guilds WHERE guild_id = ?", guild_id)

    async def left_before(self, moment: float) -> list[int]:
        """The guilds that the bot left before this moment (Unix seconds)."""
        return [row[0] for row in await self._db.all("SELECT guild_id FROM left_guilds WHERE since < ?", moment)]

    async def forget(self, guild_id: int) -> None:
        """Delete what is left of a guild whose pets are forgotten: its styles, and jobs that came to nothing."""
        async with self._db.write() as tx:
            await tx.run("DELETE FROM jobs WHERE guild_id = ?", guild_id)
            await tx.run("DELETE FROM styles WHERE guild_id = ?", guild_id)
            await tx.run("DELETE FROM left_guilds WHERE guild_id = ?", guild_id)

"""The styles that servers added to the catalogue, and what was painted there in a style.

Knows: the table styles; of portraits and jobs only where one in a style was posted. Does not know: the catalogue
(gpu/styles.py), which words a style may have (cogs/own_styles.py), or who may see a portrait.
"""

import json
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass

from storage.database import Database
from storage.names import name_key

MOST_STYLES = 20  # of a server

NEWEST = """SELECT portraits.id FROM portraits JOIN jobs ON jobs.id = portraits.job_id
            WHERE json_extract(wish, '$.style') = style.value AND jobs.guild_id = ?2
                  AND portraits.message_id IS NOT NULL AND deleted IS NULL ORDER BY portraits.id DESC LIMIT 12"""
EXAMPLES = f"""SELECT DISTINCT style.value AS style, p.channel_id, p.message_id
               FROM json_each(?1) style CROSS JOIN portraits p ON p.id IN ({NEWEST}) ORDER BY p.message_id DESC"""
"""A message holds up to four. The join is CROSS so that SQLite looks the few up, and does not read all portraits."""


class StyleTaken(Exception):
    """This server has a style of that name already."""


class TooManyStyles(Exception):
    """This server has as many styles as one may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStyle:
    """A style of one server, in the words of whoever added it."""

    name: str
    description: str
    medium: str  # opens the prompt
    negative: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A posted message with a portrait in some style."""

    channel_id: int
    message_id: int


class ServerStyles:
    """The styles table."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def of_guild(self, guild_id: int) -> list[ServerStyle]:
        """A server's styles, in the order in which they were added."""
        rows = await self._db.all("SELECT * FROM styles WHERE guild_id = ? ORDER BY id", guild_id)
        return [_style(row) for row in rows]

    async def get(self, guild_id: int, name: str) -> ServerStyle | None:
        """The server's style of that name, however it is spelt."""
        sql = "SELECT * FROM styles WHERE guild_id = ? AND name_key = ?"
        row = await self._db.one(sql, guild_id, name_key(name))
        return _style(row) if row else None

    async def add(self, guild_id: int, style: ServerStyle) -> None:
        """Keep one more. Raises StyleTaken or TooManyStyles."""
        key = name_key(style.name)
        sql = "INSERT INTO styles (guild_id, name, name_key, description, medium, negative) VALUES (?, ?, ?, ?, ?, ?)"
        async with self._db.write() as tx:
            kept = {row["name_key"] for row in await tx.all("SELECT name_key FROM styles WHERE guild_id = ?", guild_id)}
            if key in kept:
                raise StyleTaken(StyleTaken.__doc__)
            if len(kept) >= MOST_STYLES:
                raise TooManyStyles(TooManyStyles.__doc__)
            await tx.run(sql, guild_id, style.name, key, style.description, style.medium, style.negative)

    async def remove(self, guild_id: int, name: str) -> bool:
        """Remove the style of that name; False: there is none. What was painted in it stays as it is."""
        async with self._db.write() as tx:
            sql = "DELETE FROM styles WHERE guild_id = ? AND name_key = ?"
            return await tx.run(sql, guild_id, name_key(name)) == 1

    async def examples(self, guild_id: int, styles: Collection[str]) -> dict[str, list[Example]]:
        """Of each of these styles (as wishes hold them) a few that are posted in this server, the newest first."""
        found: dict[str, list[Example]] = {style: [] for style in styles}
        for row in await self._db.all(EXAMPLES, json.dumps(list(styles)), guild_id):
            found[row["style"]].append(Example(channel_id=row["channel_id"], message_id=row["message_id"]))
        return found


def _style(row: sqlite3.Row) -> ServerStyle:
    return ServerStyle(name=row["name"], description=row["description"], medium=row["medium"], negative=row["negative"])

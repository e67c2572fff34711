"""How each person wants to hear that an answer is there.

Knows: the table notifications; somebody without a row is mentioned. Does not know: when people are told, or how
(cogs/delivery/notifier.py).
"""

from typing import Literal

from storage.database import Database

How = Literal["on", "off", "dm"]  # mentioned in the answer, not told, told by a direct message


class Notifications:
    """The notifications table."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def of(self, user_id: int) -> How:
        """How this person wants to hear of an answer."""
        row = await self._db.one("SELECT how FROM notifications WHERE user_id = ?", user_id)
        return row["how"] if row else "on"

    async def set(self, user_id: int, how: How) -> None:
        """Note it."""
        sql = "INSERT INTO notifications (user_id, how) VALUES (?, ?) ON CONFLICT DO UPDATE SET how = excluded.how"
        async with self._db.write() as tx:
            if how == "on":
                await tx.run("DELETE FROM notifications WHERE user_id = ?", user_id)
            else:
                await tx.run(sql, user_id, how)

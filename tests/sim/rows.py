"""What the judge reads of the database.

Knows: tables and columns. Does not know: what has to be true of them (judge.py).
"""

from storage.job_rows import KIND

COLUMNS = "id, state, error, fence, checkpoint, looks"
JOBS = f"SELECT id, {KIND} AS kind, guild_id, user_id, pet_id, created, instr(body, 'die=') > 0 FROM jobs"
"""The last: poison, if they die."""
OWED = "SELECT job_id, count(*) FROM outbox WHERE kind {} 'looked' GROUP BY job_id"
CHILDREN = {
    "photos": "pet_id NOT IN (SELECT id FROM pets)",
    "portraits": "pet_id NOT IN (SELECT id FROM pets)",
    "outbox": "job_id NOT IN (SELECT id FROM jobs)",
}


LEFT = (
    "SELECT 1 FROM jobs WHERE state IN ('waiting', 'running') OR learn_at IS NOT NULL",
    "SELECT 1 FROM outbox WHERE message_id IS NULL AND closed IS NULL",
    "SELECT 1 FROM strays",
)

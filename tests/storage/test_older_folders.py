"""A data folder of an older version is opened, and goes on: rows written in its own words, never by today's code.

Knows: the tables of that version. Does not know: values in JSON (test_older_rows.py).
"""

import json
import shutil
from pathlib import Path

import pytest

from gpu.outcomes import Cause, Failed
from storage.database import MIGRATIONS, Database
from storage.failed import NotKept
from tests.helpers.storage_env import StorageEnv

OLDER = """
INSERT INTO pets (id, guild_id, owner_id, name, name_key, class_word, channel_id, state, adapter, created)
VALUES (1, 10, 2, 'Mochi', 'mochi', 'dog', 3, 'learning', NULL, 5),
       (2, 10, 2, 'Rex', 'rex', 'dog', 3, 'ready', '{a}', 5);
INSERT INTO jobs (id, kind, body, created, pet_id, pet_name, guild_id, user_id, channel_id, locale, state,
                  checkpoint, claimed, alive)
VALUES ('0123456789ab', 'enroll', '{e}', 5, 1, 'Mochi', 10, 2, 3, 'en', 'running', 40, 6, 7),
       ('0123456789ac', 'enroll', '', 4, NULL, 'Bori', 10, 2, 3, 'en', 'failed', 0, NULL, 6);
"""
ADAPTER = {"folder": "data/jobs/a", "tokens": ["<s0>"], "class_word": "dog", "base": "x", "steps": 9, "likeness": 0.7}
ENROLL = {
    "kind": "enroll", "job_id": "0123456789ab", "folder": "data/jobs/0123456789ab", "photos": [],
    "wish": {"style": "oil", "text": ""}, "class_word": "dog", "seed": 3,
}  # fmt: skip


async def test_a_folder_of_the_version_before_is_opened(tmp_path: Path) -> None:
    steps = tmp_path / "older"
    shutil.copytree(MIGRATIONS, steps)
    for newer in sorted(steps.glob("*.sql"))[4:]:
        newer.unlink()
    async with await Database.open(tmp_path / "bot.sqlite", steps) as db:
        for sql in OLDER.format(a=json.dumps(ADAPTER), e=json.dumps(ENROLL)).split(";\n"):
            async with db.write() as tx:
                await tx.run(sql)
    async with await Database.open(tmp_path / "bot.sqlite") as db:
        env = StorageEnv.on(tmp_path, db, keep_failed_s=60.0)
        assert {pet.name: pet.state for pet in await env.pets.of_guild(10)} == {"Mochi": "learning", "Rex": "ready"}
        await env.journal.recover()
        claim = await env.claim("0123456789ab")
        assert (await env.row("0123456789ab")).checkpoint == 40
        assert await env.journal.settle(claim, Failed(cause=Cause.OUT_OF_MEMORY, message=""))
        assert {pet.name: pet.state for pet in await env.pets.of_guild(10)} == {"Mochi": "failed", "Rex": "ready"}
        with pytest.raises(NotKept):
            await env.failed.pet_id("0123456789ac")

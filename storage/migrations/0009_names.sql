-- Names as long as storage/names.py takes them: it counts what people see, SQLite code points. And of jobs: a column that
-- nobody reads goes, and those that a message still shows are found at once.
--
-- SQLite cannot change a CHECK, so the table is made anew (0007_looks.sql). No id of a pet is ever used twice, also none
-- of a pet that is forgotten: copies of the database are cleared by ids (storage/backup.py). So the counter comes along.

CREATE TABLE new_pets (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used twice
    guild_id   INTEGER NOT NULL,
    owner_id   INTEGER NOT NULL,
    name       TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    name_key   TEXT    NOT NULL,                   -- casefolded: "Mochi" and "mochi" are one name
    class_word TEXT    NOT NULL,
    channel_id INTEGER NOT NULL,
    thread_id  INTEGER,
    state      TEXT    NOT NULL DEFAULT 'learning' CHECK (state IN ('learning', 'ready')),
    adapter    TEXT,                               -- Adapter
    cutouts    TEXT    NOT NULL DEFAULT '[]',      -- tuple[Cutout, ...]
    created    REAL    NOT NULL,
    UNIQUE (guild_id, owner_id, name_key),
    CHECK ((state = 'ready') = (adapter IS NOT NULL))
) STRICT;
INSERT INTO new_pets (id, guild_id, owner_id, name, name_key, class_word, channel_id, thread_id, state, adapter,
       cutouts, created)
SELECT id, guild_id, owner_id, name, name_key, class_word, channel_id, thread_id, state, adapter,
       cutouts, created FROM pets;
DELETE FROM sqlite_sequence WHERE name = 'new_pets';
INSERT INTO sqlite_sequence (name, seq) SELECT 'new_pets', seq FROM sqlite_sequence WHERE name = 'pets';
DROP TABLE pets;
ALTER TABLE new_pets RENAME TO pets;
CREATE INDEX pets_thread ON pets (thread_id) WHERE thread_id IS NOT NULL;

ALTER TABLE jobs DROP COLUMN pictures;
CREATE INDEX jobs_shown ON jobs (progress_message_id) WHERE progress_message_id IS NOT NULL;

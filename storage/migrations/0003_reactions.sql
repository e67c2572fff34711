-- Which reactions were answered, where an answer has moved to, and which servers we left.

CREATE TABLE reactions (
    portrait_id INTEGER NOT NULL REFERENCES portraits ON DELETE CASCADE,  -- the first of its message
    user_id     INTEGER NOT NULL,
    sign        TEXT    NOT NULL,                  -- the emoji, without its variation selector
    PRIMARY KEY (portrait_id, user_id, sign)
) STRICT, WITHOUT ROWID;

CREATE TABLE left_guilds (
    guild_id INTEGER PRIMARY KEY,
    since    REAL    NOT NULL
) STRICT;

ALTER TABLE outbox ADD COLUMN home INTEGER NOT NULL DEFAULT 0 CHECK (home IN (0, 1, 2));  -- storage/outbox.py: Destination

CREATE INDEX portraits_posted ON portraits (posted) WHERE message_id IS NOT NULL AND deleted IS NULL;
CREATE INDEX pets_thread ON pets (thread_id) WHERE thread_id IS NOT NULL;

-- Messages of forgotten pets that have to come down. Nothing of the pet is in it.

CREATE TABLE strays (
    id         INTEGER PRIMARY KEY,
    channel_id INTEGER NOT NULL,
    message_id INTEGER,                            -- NULL: it may hang there or not, and is looked for by its mark
    mark       TEXT,                               -- the delivery's id
    since      REAL    NOT NULL,                   -- not older than that
    forgotten  REAL    NOT NULL,
    tries      INTEGER NOT NULL DEFAULT 0,
    due        REAL    NOT NULL,
    CHECK (message_id IS NOT NULL OR mark IS NOT NULL)
) STRICT;

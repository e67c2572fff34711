-- The styles that servers added to the catalogue. They go when their server is forgotten.

CREATE TABLE styles (
    id          INTEGER PRIMARY KEY,
    guild_id    INTEGER NOT NULL,
    name        TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    name_key    TEXT    NOT NULL,                  -- all spellings of one name are the same
    description TEXT    NOT NULL,
    medium      TEXT    NOT NULL CHECK (medium <> ''),  -- opens the prompt
    negative    TEXT    NOT NULL DEFAULT '',
    UNIQUE (guild_id, name_key)
) STRICT;

CREATE INDEX portraits_style ON portraits (json_extract(wish, '$.style'), id);  -- the newest one in a style

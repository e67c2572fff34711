-- The first tables. Times are Unix seconds; *_id of Discord are snowflakes; JSON columns hold values of gpu/*.py.

CREATE TABLE pets (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used twice
    guild_id   INTEGER NOT NULL,
    owner_id   INTEGER NOT NULL,
    name       TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 32),
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

CREATE TABLE photos (
    pet_id INTEGER NOT NULL REFERENCES pets ON DELETE CASCADE,
    sha256 TEXT    NOT NULL,
    name   TEXT    NOT NULL,                       -- of the file as given, to speak of it
    path   TEXT    NOT NULL,
    width  INTEGER NOT NULL,
    height INTEGER NOT NULL,
    PRIMARY KEY (pet_id, sha256)
) STRICT, WITHOUT ROWID;

CREATE TABLE jobs (
    id         TEXT    PRIMARY KEY,
    kind       TEXT    NOT NULL CHECK (kind IN ('enroll', 'paint')),
    pet_id     INTEGER REFERENCES pets ON DELETE SET NULL,  -- NULL: the enrolment came to nothing
    pet_name   TEXT    NOT NULL,
    guild_id   INTEGER NOT NULL,
    user_id    INTEGER NOT NULL,
    channel_id INTEGER NOT NULL,
    thread_id  INTEGER,
    ack_channel_id INTEGER,                        -- the first answer, from which the thread is made
    ack_message_id INTEGER,
    progress_message_id INTEGER,
    reply_to   INTEGER,
    locale     TEXT    NOT NULL,
    body       TEXT    NOT NULL,                   -- Enroll or Paint; empty once nothing is to be kept
    state      TEXT    NOT NULL DEFAULT 'waiting'
               CHECK (state IN ('waiting', 'running', 'done', 'failed', 'cancelled')),
    attempts   INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),  -- charged ones
    charged    INTEGER NOT NULL DEFAULT 0 CHECK (charged IN (0, 1)),  -- the present claim was, and is not refunded yet
    fence      INTEGER NOT NULL DEFAULT 0,         -- counts claims, never goes back
    checkpoint INTEGER NOT NULL DEFAULT 0,         -- newest training step that is safe on disk
    created    REAL    NOT NULL,
    started    REAL,                               -- first claim
    claimed    REAL,                               -- present claim
    finished   REAL,
    seconds    REAL    NOT NULL DEFAULT 0,         -- spent running, pauses left out
    error      TEXT
) STRICT;
CREATE INDEX jobs_open ON jobs (created) WHERE state IN ('waiting', 'running');
CREATE INDEX jobs_done ON jobs (kind, finished) WHERE state = 'done';
CREATE INDEX jobs_pet ON jobs (pet_id);

CREATE TABLE portraits (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id       TEXT    NOT NULL REFERENCES jobs ON DELETE CASCADE,
    pet_id       INTEGER NOT NULL REFERENCES pets ON DELETE CASCADE,
    requester_id INTEGER NOT NULL,
    channel_id   INTEGER NOT NULL,
    message_id   INTEGER,
    wish         TEXT    NOT NULL,                 -- Wish
    portrait     TEXT    NOT NULL,                 -- Portrait: the recipe
    posted       REAL,
    deleted      REAL
) STRICT;
CREATE INDEX portraits_message ON portraits (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX portraits_job ON portraits (job_id);
CREATE INDEX portraits_pet ON portraits (pet_id);

CREATE TABLE outbox (
    id          TEXT    PRIMARY KEY,               -- also in file names and custom_ids: how a lost answer is found again
    job_id      TEXT    NOT NULL REFERENCES jobs ON DELETE CASCADE,
    part        INTEGER NOT NULL,
    nonce       TEXT    NOT NULL UNIQUE CHECK (length(nonce) BETWEEN 1 AND 25),
    channel_id  INTEGER NOT NULL,
    kind        TEXT    NOT NULL CHECK (kind IN ('enrolled', 'painted', 'failed', 'cancelled')),
    payload     TEXT    NOT NULL,                  -- AnswerPayload; empty once it is over
    first_tried REAL,
    tries       INTEGER NOT NULL DEFAULT 0,
    due         REAL    NOT NULL,
    message_id  INTEGER,                           -- sent
    closed      TEXT,                              -- given up, and why
    UNIQUE (job_id, part)
) STRICT;
CREATE INDEX outbox_due ON outbox (due) WHERE message_id IS NULL AND closed IS NULL;

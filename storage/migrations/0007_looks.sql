-- Looks at photos before a dog is learnt from them: a state of jobs, a kind of answer. Times are Unix seconds.
--
-- SQLite cannot change a CHECK, so both tables are made anew (lang_altertable.html, 7: database.py has turned foreign
-- keys off). Rows keep their rowids: the table moves names jobs by them, and answers that are due together go by them.

CREATE TABLE new_jobs (
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
               CHECK (state IN ('waiting', 'running', 'looked', 'done', 'failed', 'cancelled')),
    attempts   INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),  -- charged ones
    charged    INTEGER NOT NULL DEFAULT 0 CHECK (charged IN (0, 1)),  -- the present claim was, and is not refunded yet
    fence      INTEGER NOT NULL DEFAULT 0,         -- counts claims, never goes back
    checkpoint INTEGER NOT NULL DEFAULT 0,         -- newest training step that is safe on disk
    created    REAL    NOT NULL,                   -- its place in line is as old as that
    started    REAL,                               -- first claim
    claimed    REAL,                               -- present claim
    finished   REAL,
    seconds    REAL    NOT NULL DEFAULT 0,         -- spent running, pauses left out
    error      TEXT,
    alive      REAL,                               -- the lease: newest sign of life of a run
    kills      INTEGER NOT NULL DEFAULT 0,         -- deaths of the bot under it since the newest checkpoint
    doomed     INTEGER NOT NULL DEFAULT 0 CHECK (doomed IN (0, 1)),  -- cancelled while it runs
    pictures   INTEGER NOT NULL DEFAULT 1,         -- to be painted
    learnt     TEXT,                               -- Enrolled without portraits, once the learning is over
    kept_until REAL,                               -- nothing was learnt: its photos are kept until then
    look       INTEGER NOT NULL DEFAULT 0 CHECK (look IN (0, 1)),  -- its next run, or the present one, only looks
    looks      INTEGER NOT NULL DEFAULT 0,         -- that were done
    looked     TEXT,                               -- Looked, of the newest one
    look_seconds REAL,                             -- that it took
    learn_at   REAL,                               -- looked: then the learning begins by itself; NULL: it cannot
    CHECK (state <> 'looked' OR (look = 1 AND looked IS NOT NULL AND (learn_at IS NULL) = (kept_until IS NOT NULL)))
) STRICT;
INSERT INTO new_jobs (rowid, id, kind, pet_id, pet_name, guild_id, user_id, channel_id, thread_id, ack_channel_id,
       ack_message_id, progress_message_id, reply_to, locale, body, state, attempts, charged, fence, checkpoint,
       created, started, claimed, finished, seconds, error, alive, kills, doomed, pictures, learnt, kept_until)
SELECT rowid, id, kind, pet_id, pet_name, guild_id, user_id, channel_id, thread_id, ack_channel_id,
       ack_message_id, progress_message_id, reply_to, locale, body, state, attempts, charged, fence, checkpoint,
       created, started, claimed, finished, seconds, error, alive, kills, doomed, pictures, learnt, kept_until
FROM jobs;
DROP TABLE jobs;
ALTER TABLE new_jobs RENAME TO jobs;

CREATE INDEX jobs_open ON jobs (created) WHERE state IN ('waiting', 'running');
CREATE INDEX jobs_done ON jobs (kind, finished) WHERE state = 'done';
CREATE INDEX jobs_pet ON jobs (pet_id);
CREATE INDEX jobs_alive ON jobs (kind, look, guild_id, user_id, alive) WHERE alive IS NOT NULL;
CREATE INDEX jobs_kept ON jobs (kept_until) WHERE kept_until IS NOT NULL;
CREATE INDEX jobs_learn_at ON jobs (learn_at) WHERE learn_at IS NOT NULL;
CREATE INDEX jobs_looked ON jobs (guild_id, user_id) WHERE state = 'looked';
CREATE INDEX jobs_looks ON jobs (created) WHERE look_seconds IS NOT NULL;
CREATE TRIGGER jobs_came AFTER INSERT ON jobs BEGIN INSERT INTO moves (job) VALUES (new.rowid); END;
CREATE TRIGGER jobs_moved AFTER UPDATE OF state ON jobs BEGIN INSERT INTO moves (job) VALUES (new.rowid); END;
CREATE TRIGGER jobs_went AFTER DELETE ON jobs BEGIN INSERT INTO moves (job) VALUES (old.rowid); END;

CREATE TABLE new_outbox (
    id          TEXT    PRIMARY KEY,               -- also in file names and custom_ids, by which a lost answer is found
    job_id      TEXT    NOT NULL REFERENCES jobs ON DELETE CASCADE,
    part        INTEGER NOT NULL,
    nonce       TEXT    NOT NULL UNIQUE CHECK (length(nonce) BETWEEN 1 AND 25),
    channel_id  INTEGER NOT NULL,
    kind        TEXT    NOT NULL CHECK (kind IN ('looked', 'enrolled', 'painted', 'failed', 'cancelled')),
    payload     TEXT    NOT NULL,                  -- AnswerPayload; empty once it is over
    first_tried REAL,
    tries       INTEGER NOT NULL DEFAULT 0,
    due         REAL    NOT NULL,
    message_id  INTEGER,                           -- sent
    closed      TEXT,                              -- given up, and why
    home        INTEGER NOT NULL DEFAULT 0 CHECK (home IN (0, 1, 2)),  -- storage/outbox.py: Destination
    UNIQUE (job_id, part)
) STRICT;
INSERT INTO new_outbox (rowid, id, job_id, part, nonce, channel_id, kind, payload, first_tried, tries, due, message_id,
       closed, home)
SELECT rowid, id, job_id, part, nonce, channel_id, kind, payload, first_tried, tries, due, message_id,
       closed, home FROM outbox;
DROP TABLE outbox;
ALTER TABLE new_outbox RENAME TO outbox;
CREATE INDEX outbox_due ON outbox (due) WHERE message_id IS NULL AND closed IS NULL;

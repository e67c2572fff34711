-- The line: leases, deaths of the bot, cancels that outlive it, and who moved. Times are Unix seconds.

ALTER TABLE jobs ADD COLUMN alive REAL;                         -- the lease: newest sign of life of a run
ALTER TABLE jobs ADD COLUMN kills INTEGER NOT NULL DEFAULT 0;   -- deaths of the bot under it since the newest checkpoint
ALTER TABLE jobs ADD COLUMN doomed INTEGER NOT NULL DEFAULT 0 CHECK (doomed IN (0, 1));  -- cancelled while it runs
ALTER TABLE jobs ADD COLUMN pictures INTEGER NOT NULL DEFAULT 1;  -- to be painted
UPDATE jobs SET alive = started;
UPDATE jobs SET pictures = max(json_array_length(body, '$.seeds'), 1) WHERE kind = 'paint' AND body <> '';

CREATE TABLE moves (                            -- jobs that came, went or changed their state, those that wait among them
    id  INTEGER PRIMARY KEY AUTOINCREMENT,
    job INTEGER NOT NULL                        -- rowid: nothing that names a forgotten job
) STRICT;
INSERT INTO moves (job) SELECT rowid FROM jobs WHERE state = 'waiting';
CREATE TRIGGER jobs_came AFTER INSERT ON jobs BEGIN INSERT INTO moves (job) VALUES (new.rowid); END;
CREATE TRIGGER jobs_moved AFTER UPDATE OF state ON jobs BEGIN INSERT INTO moves (job) VALUES (new.rowid); END;
CREATE TRIGGER jobs_went AFTER DELETE ON jobs BEGIN INSERT INTO moves (job) VALUES (old.rowid); END;
CREATE INDEX jobs_alive ON jobs (kind, guild_id, user_id, alive) WHERE alive IS NOT NULL;

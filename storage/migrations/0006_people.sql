-- Which press asked for a job, and how people want to hear of answers.

CREATE TABLE presses (                             -- of buttons, menus, forms and commands that asked for a painting
    interaction_id INTEGER PRIMARY KEY,            -- Discord's, which may send one twice
    job_id         TEXT NOT NULL REFERENCES jobs ON DELETE CASCADE
) STRICT;
CREATE INDEX presses_job ON presses (job_id);

CREATE TABLE notifications (                       -- no row: mentioned, which is the default
    user_id INTEGER PRIMARY KEY,
    how     TEXT NOT NULL CHECK (how IN ('off', 'dm'))
) STRICT;

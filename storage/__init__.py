"""storage: everything that is kept, and the only SQL.

Knows: one SQLite database, one data folder, how a photo gets in and how a pet is forgotten.
Does not know: Discord's client, the GPU, or what any of it looks like to a person.

    database.py    one connection, one writer at a time, migrations/
    files.py       where files lie, and how they appear and disappear
    intake.py      bytes from a stranger -> a clean Photo
    decoder/       the short-lived process that decodes the bytes
    pets.py        the pets; names.py: what one may be called
    guilds.py      the servers of which something is kept
    jobs.py        the job rows: accepted, and looked up
    job_rows.py    one of them, as a value
    journal.py     the job rows: claimed, paused, settled (the line's Journal)
    presses.py     one press, one job
    looks.py       enrolments that were looked at, and wait for what their owner says
    failed.py      enrolments that failed, kept for a while to be tried again
    settlement.py  what follows when a job ends, in one transaction
    portraits.py   what was painted and where it was posted
    styles.py      the styles that servers added
    outbox.py      answers that are still owed
    takedowns.py   messages that have to come down
    erasure.py     a pet forgotten, with everything that belongs to it
    backup.py      copies from before a migration, from which forgotten pets are deleted too
    archive.py     all of a data folder in one file, and back
    notifications.py  how people want to hear of answers
    retention.py   removes each night what is not needed any more
    stats.py       what a dashboard asks
"""

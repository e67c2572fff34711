"""A simulation of the whole line: one seed decides about time, people, Discord, crashes and the child's deaths.

Real are Line, Jobs, Pets, Outbox, Retention, sending and taking down, and SQLite; simulated are the
clock, the child, Discord, a full disk and what people do.

    clockwork.py   an event loop whose time jumps, and in which a life can end at any await
    child.py       the executor: trains in steps, dies, hangs, answers late
    discord.py     the part of Discord that delivery meets
    transport.py   the transport to it
    people.py      the order in which the commands do
    bot_life.py    one life of the bot on one disk, and how the disk looks after a power cut
    world.py       a seed becomes a history
    promise.py     what was said to whom
    judge.py       what has to be true of it, always and at the end; rows.py: what it reads of the database
    run.py         one history from its beginning to its end
    storage_machine.py, line_machine.py    Hypothesis, for what a history meets too seldom; known.py: a row in Python
"""

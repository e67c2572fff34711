"""cogs: what people see and do. With bot.py, the only code that talks Discord; runs in the bot's process.

Knows: commands, messages, threads, reactions, and the sentences. Does not know: how a dog is learnt or painted, SQL.
The files here are commands and listeners, one for each thing that people do; the folders hold what they share.

    enroll.py      /enroll: photos in, a thread, a job
    portrait.py    /portrait
    reactions.py   what a reaction under a portrait does
    pets.py        /pets, /pet forget
    admin.py       /queue, /cancel
    catch_up.py    reactions made while the bot was away
    guilds.py      servers that the bot left, threads that were deleted
    progress/      the one progress message of each job, and how long it will take
    delivery/      answers that are owed go out, once; what has to come down comes down
    api/           requests to Discord, and what its refusals mean
    ops/           what the operator sees: numbers and log lines
    shared/        sentences, errors, and what several cogs use
"""

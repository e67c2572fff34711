"""cogs: what people see and do. With bot.py, the only code that talks Discord; runs in the bot's process.

Knows: commands, messages, threads, reactions, and the sentences. Does not know: how a dog is learnt or painted, SQL.
The files here are commands and listeners, one for each thing that people do; the folders hold what they share.

    enroll.py      /enroll: photos in, a thread, a job
    portrait.py    /portrait
    reactions.py   what a reaction under a portrait does
    buttons.py     what the buttons under a portrait do
    pets.py        /pets, /pet forget, export and import
    exports.py     what was learnt of a dog as one zip, for its owner
    imports.py     such a zip comes back as a dog
    styles.py      /styles: the catalogue in pages, with pictures
    own_styles.py  /style add, /style remove: what a server adds to the catalogue
    looks.py       the buttons under photos that were looked at, and learnings that begin by themselves
    try_again.py   the buttons under an enrolment that failed
    admin.py       /queue, /cancel
    notify.py      /notify
    why.py         Why this prompt?, in the menu of a portrait's message
    doctor.py      /doctor: what this channel and the machine lack
    catch_up.py    reactions made while the bot was away
    guilds.py      servers that the bot was removed from, threads that were deleted
    progress/      the one progress message of each job, and how long it will take
    delivery/      answers that are owed are sent, each once; messages of forgotten pets are deleted
    api/           requests to Discord, and what its refusals mean
    ops/           what the operator sets and sees: settings, numbers, log lines
    shared/        sentences, errors, and what several cogs use

To add a command: its file here, its sentences in shared/texts/, its name in bot.COMMANDS.
To add a language: its file in shared/texts/, and a name for each style in gpu/styles.toml (and a description).
"""

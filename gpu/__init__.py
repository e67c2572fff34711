"""gpu: what the GPU does, and who waits for it.

Knows: values in, values out. Does not know: Discord, the database. Only what is below the line imports torch, in a
process of its own.

    types.py       the values that cross seams
    errors.py      what can go wrong, by name
    styles.py      the catalogue of styles (styles.toml)
    profile.py     which models, and every number the studio works with
    line.py        the jobs in front of the GPU; turns.py: whose turn it is; journal.py: what the line has written down
    executor.py    the seam to whatever computes
    process.py     the bot's side of the child; child.py: one of them; wire.py: the words between; watchdog.py: patience
    log.py         how a line of the log looks
    ----------------------------------------------------------------------------------------------------------------
    worker.py      the child itself
    studio.py      enrol a dog, paint a portrait: read this first
    models.py      the shelf: loads the models, owns the card's memory
    segment.py     photo -> cut-out
    dataset.py     cut-outs -> samples
    tokens.py      new tokens, and prompts to embeddings
    train.py       pivotal tuning; lesson.py: what one step of it is about
    adapter.py     what was learnt, as files, put on and taken off
    rewrite.py     wish -> prompt
    generate.py    prompt + adapter -> pictures
    likeness.py    how much a picture looks like the pet
    pocket/        the small models: their world, how they are built, their weights
"""

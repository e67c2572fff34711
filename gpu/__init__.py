"""gpu: what the GPU does, and the line in front of it.

Knows: values in, values out. Does not know: Discord, the database. The files here belong to both processes, the bot and
the one that computes, and import no torch; the folders say which process their files run in.

The first four are the values that cross seams: frozen dataclasses of ints, floats, strings, tuples and Paths, so a job
can be stored, retried, and run on another machine.

    pets.py        a pet's photos, cut-outs and adapter
    portraits.py   wish, prompt, preset, portrait
    jobs.py        what the studio is asked to do
    outcomes.py    what becomes of it: progress, then an outcome
    errors.py      what can go wrong, by name
    profile.py     which models, and every number the studio works with
    sampling.py    what a job leaves to the profile, and how much work a painting is
    segmenting.py  those of the segment stage
    learning.py    those of the learning, and the methods of the field as values of them
    sources.py     which models a profile needs, and which of their files
    weights.py     where they are on this machine, and whether each is there and whole
    model_files.py whether one file is whole
    fetch.py       fetches what is missing of them: `make models`, never part of a job
    hub_access.py  whether the hub would let us have those that are not there
    machine.py     the machine as it is: driver, cards, memory
    doctor.py      whether machine and models are good enough, and what mends what is not
    words.py       typed words, made plain
    styles.py      the catalogue of styles (styles.toml)
    restyle.py     a prompt in another style
    memory.py      the memory plan: which models stay on the card, which take turns
    device.py      what a child computes on, and why a card cannot be used
    wire.py        the messages between the two processes
    adapter_files.py  the files of what was learnt, as other programs read them
    adapter_zip.py    as one zip, and back; adapter_page.py: the page in it (adapter_page.md)
    durable.py     a file or a folder that appears whole or not at all
    log.py         how a line of the log looks
    line/          in the bot: the jobs in front of the GPU, and the process that computes, seen from outside
    worker/        in the process that computes: its shell, which takes commands and runs jobs
    studio/        in the process that computes: the models; the only torch of the product
    pocket/        the small models: the world that they know, how they are trained, their weights
"""

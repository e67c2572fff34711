"""cogs: what people see and do. With bot.py, the only code that talks Discord.

Knows: commands, messages, threads, reactions, and the sentences. Does not know: how a dog is learnt or painted, SQL.

    text.py        every sentence, in English and Korean (text.toml)
    errors.py      what went wrong, as one sentence: the only place that turns exceptions into words
    enroll.py      /enroll: photos in, a thread, a job
    portrait.py    /portrait
    reactions.py   what a reaction under a portrait does
    pets.py        /pets, /pet forget
    admin.py       /queue, /cancel
    progress.py    the one progress message of each job
    client.py      how the bot comes to Discord: commands told, logins within the budget
    observe.py     what the operator sees: log lines, and numbers for Prometheus
    delivery.py    answers that are owed go out, once
    rounds.py      in which order each is sought, sent and noted
    strays.py      messages of forgotten pets come down
    counter.py     what is asked of Discord for that
    letters.py     what such an answer looks like
    postage.py     when it is tried again, where else it goes, when it is let be
    budget.py      at most 20 failing requests a minute
    upkeep.py      what happened while we were away, and what has left
"""

from dataclasses import dataclass

from gpu.line.line import Line
from storage.files import Files
from storage.intake import Intake
from storage.jobs import Jobs
from storage.outbox import Outbox
from storage.pets import Pets
from storage.portraits import Portraits


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What a cog may use, put together in bot.py."""

    files: Files
    intake: Intake
    pets: Pets
    jobs: Jobs
    portraits: Portraits
    outbox: Outbox
    line: Line
    cdn_hosts: frozenset[str]  # where photos may be downloaded from: "host" (https) or a loopback "host:port" (http)
    pets_each: int  # most pets of one person in one server

"""What a cog may use, put together in bot.py."""

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

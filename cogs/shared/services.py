"""What a cog may use, put together in bot.py.

Knows: what there is. Does not know: which cog uses what.
"""

from collections.abc import Callable
from dataclasses import dataclass

from cogs.progress.messages import ProgressMessages
from cogs.shared.models import Models
from cogs.shared.owners import Owners
from cogs.shared.threads import Threads
from cogs.shared.uploads import Uploads
from gpu.line.executor import ProcessStats
from gpu.line.line import Line
from gpu.profile import Painting, Profile
from storage.erasure import Erasure
from storage.failed import FailedEnrolments
from storage.files import Files
from storage.guilds import Guilds
from storage.jobs import Jobs
from storage.looks import Looks
from storage.notifications import Notifications
from storage.outbox import Outbox
from storage.pets import Pets
from storage.portraits import Portraits
from storage.stats import Stats
from storage.styles import ServerStyles
from storage.takedowns import Takedowns


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What a cog may use, put together in bot.py."""

    files: Files
    pets: Pets
    guilds: Guilds
    erasure: Erasure
    failed: FailedEnrolments
    jobs: Jobs
    looks: Looks
    portraits: Portraits
    outbox: Outbox
    takedowns: Takedowns
    notifications: Notifications
    styles: ServerStyles
    line: Line
    models: Models
    threads: Threads
    progress: ProgressMessages
    owners: Owners
    uploads: Uploads
    profile: Profile
    painting: Painting  # which presets and shapes there are
    species: tuple[str, ...]  # what can be learnt: "dog", "cat"
    recipes: bool  # may people choose how a dog is learnt?
    look_first: bool  # are photos looked at before they are learnt from?
    pets_each: int  # most pets of one person in one server
    stats: Stats
    process: Callable[[], ProcessStats]  # how the one that computes is doing

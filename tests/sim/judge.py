"""What has to be true of every history, at every step and at its end.

Knows: what was promised to whom, the database as a reader sees it, and all that can be seen in Discord. Does not know:
how the bot keeps its promises. Whatever it finds wrong is a Broken.
"""

import sqlite3
from collections import Counter

from cogs.api.budget import MOST_FAILING, PER_S
from gpu.jobs import JobKind
from gpu.line.journal import Claim
from gpu.line.schedule import HELD_S, SLICE_S
from gpu.outcomes import Cause, Done, Failed, Paused
from gpu.pets import ADAPTER
from storage.job_rows import JobRow
from storage.journal import MOST_ATTEMPTS
from tests.helpers.fake_studio import STROKES
from tests.sim.bot_life import SHUT_S
from tests.sim.discord import SimDiscord
from tests.sim.promise import Promise
from tests.sim.rows import CHILDREN, COLUMNS, JOBS, LEFT, OWED

STALE = Cause.ADAPTER_MISMATCH  # what a stale claim says in the simulation, and nobody else
FAR = 10**6  # a checkpoint that only a stale claim speaks of
OVER = ("done", "failed", "cancelled")
HEARD_S = 150.0  # a running job that was cancelled is over by then, even if it hung and the bot died
EPOCH = 1_700_000_000.0  # Unix seconds at the beginning
MOST_TURNS = 2  # of one while another waits; one, and one that was about to be had
LONGEST_STEP_S = 1.5
LONGEST_FIRST_S = STROKES * LONGEST_STEP_S  # an enrolment's own first portrait
WHOLE = 10  # looks
CATCH_S = SHUT_S + 600.0  # a thread that is seen again holds no second answer after that
JITTER_S = 5.0  # between Discord's count of failing requests and ours


class Broken(AssertionError):
    """A promise was not kept."""


def hold(true: object, *what: object) -> None:
    """Raises Broken."""
    if not true:
        raise Broken(" ".join(map(str, what)))


class Judge:
    def __init__(self, discord: SimDiscord) -> None:
        self.promises: dict[str, Promise] = {}
        self._open: dict[str, Promise] = {}
        self._looks = 0
        self.to_forget: set[int] = set()  # pets that somebody wants to be forgotten
        self.forgotten: dict[int, bool] = {}  # pets of which somebody was told that they are; with their posts?
        self.noted: set[int] = set()  # messages of which the bot knew that they are there
        self._discord = discord
        self._painted = 0.0  # seconds, in this life

    # ---- what is heard ------------------------------------------------------------------------------------------

    def accepted(self, row: JobRow, now: float, *, poison: bool) -> None:
        self._promise(row.id, row.kind, row.guild_id, row.user_id, row.pet_id, now, poison)

    def life_began(self, db: sqlite3.Connection) -> None:
        """A new life, which remembers turns and messages by the rows alone."""
        for row in db.execute(JOBS):
            if row["id"] not in self.promises:  # a crash came after the commit, before anybody was told of it
                self._promise(*row)
            self._put_in_line(row["id"], row["kind"], row["created"])
        self._painted = 0.0
        self.noted |= {row[0] for row in db.execute("SELECT message_id FROM outbox WHERE message_id IS NOT NULL")}
        for promise in self._open.values():
            promise.claimed = None
            promise.refund()
            promise.passed.clear()

    def answered(self, row: JobRow) -> None:
        """A look was, and its job is in line again."""
        self._put_in_line(row.id, row.kind, row.created)

    def _put_in_line(self, job_id: str, kind: JobKind, at: float) -> None:
        if at > self.promises[job_id].at:
            self.promises[job_id].put_in_line(kind, at)

    def claimed(self, claim: Claim) -> None:
        promise = self.promises[claim.job.job_id]
        if promise.kind != claim.job.kind:  # its look was answered, and nobody was told yet
            promise.put_in_line(claim.job.kind, claim.at)
        hold(not promise.claims or claim.attempt > promise.claims[-1], "a fence went back:", promise, claim)
        hold(promise.over is None, "claimed although it is over:", promise)
        hold(promise.cancelled is None, "claimed although it was cancelled:", promise)
        self._turn(promise, claim.at)
        promise.claims.append(claim.attempt)
        promise.had_turn, promise.claimed = True, claim.at
        promise.attempts, promise.charged = promise.attempts + 1, 1

    def reached(self, job_id: str, checkpoint: int) -> None:
        """The child has told of a checkpoint; a newer one is worth an attempt."""
        promise = self.promises[job_id]
        if checkpoint > promise.checkpoint:
            promise.checkpoint = checkpoint
            promise.refund()

    def may_die(self, job_id: str) -> bool:
        """Nobody's third attempt is lost by chance: such a job would be set aside, and rightly."""
        return self.promises[job_id].poison or self.promises[job_id].attempts < MOST_ATTEMPTS

    def returned(self, job_id: str, outcome: Done | Failed | Paused, now: float) -> None:
        promise = self.promises[job_id]
        if promise.claimed is None:
            return
        if isinstance(outcome, Failed):
            promise.causes.add(outcome.cause)
        if isinstance(outcome, Paused):
            promise.refund()
        promise.charged = 0
        if promise.kind != "enroll":
            self._painted += now - promise.claimed
        promise.claimed = None

    def trained(self, seconds: float) -> None:
        """A training took a step: nobody may wait for a whole one."""
        slices = SLICE_S * self._slices()
        for promise in self._waiting("paint", "look"):
            promise.trained += seconds
            hold(promise.trained <= 2 * LONGEST_STEP_S + slices, "waits for a training:", promise, slices)

    def shown(self, seconds: float) -> None:
        """An enrolment painted, which is not interrupted: others wait for one such, and for one behind each slice."""
        most = LONGEST_FIRST_S + (SLICE_S + LONGEST_FIRST_S) * self._slices()
        for promise in self._waiting("paint", "look"):
            promise.shown += seconds
            hold(promise.shown <= most, "waits for first portraits:", promise, most)

    def _slices(self) -> float:
        """How many of them trainings had in this life, at the most."""
        return 1 + self._painted // HELD_S if self._painted >= HELD_S else 0

    def _turn(self, mine: Promise, at: float) -> None:
        """Whoever waits lets everybody else by once, until the own turn comes."""
        for other in self._waiting(mine.kind):
            if (other.guild_id, other.user_id) == (mine.guild_id, mine.user_id):
                other.passed.clear()
            elif not mine.had_turn and other.guild_id == mine.guild_id and other.at < at:
                who = mine.guild_id, mine.user_id
                other.passed[who] += 1
                hold(other.passed[who] <= MOST_TURNS, "let somebody by too often:", other, "for", mine)

    def _waiting(self, *kinds: JobKind) -> list[Promise]:
        """Who had no turn yet."""
        waiting = (one for one in self._open.values() if one.kind in kinds and not one.had_turn)
        return [one for one in waiting if one.over is None and not one.asked and one.pet_id not in self.to_forget]

    def placed(self, places: dict[str, int]) -> None:
        first = min(places.values(), default=0)
        hold(first in (0, 1), "nobody is next:", places)
        hold(sorted(places.values()) == list(range(first, first + len(places))), "not a permutation:", places)

    def _promise(
        self, job_id: str, kind: JobKind, guild_id: int, user_id: int, pet_id: int | None, at: float, poison: bool
    ) -> None:
        promise = Promise(job_id, len(self.promises), kind, guild_id, user_id, pet_id, at, poison)
        self.promises[job_id] = self._open[job_id] = promise

    # ---- what is seen ---------------------------------------------------------------------------------------------

    def look(self, db: sqlite3.Connection, now: float) -> None:
        """At what is open each time; every so often at all there is, as what is over only grows."""
        self._looks += 1
        whole = self._looks % WHOLE == 0
        jobs = {row["id"]: row for row in db.execute(f"SELECT {COLUMNS} FROM jobs")}
        owed, looks = (Counter[str](dict(db.execute(OWED.format(so)).fetchall())) for so in ("<>", "="))
        for promise in list((self.promises if whole else self._open).values()):
            row = jobs.get(promise.job_id)
            if row is None:
                hold(promise.over or promise.pet_id in self.to_forget, "an accepted job is gone:", promise)
            else:
                self._kept(promise, row, owed[promise.job_id], now)
                hold(looks[promise.job_id] <= row["looks"], "answers to a look that was none:", promise, dict(row))
        if whole:
            self.whole(db)

    def whole(self, db: sqlite3.Connection) -> None:
        """What does not mend by itself, so that it is seen a little later too."""
        self._no_trace(db)
        self._no_doubles(CATCH_S)
        for failed in (failed for life, failed in self._discord.failed.items() if life):
            many = [late - early for early, late in zip(failed, failed[MOST_FAILING:], strict=False)]
            hold(min(many, default=PER_S) >= PER_S - JITTER_S, "a storm of failing requests:", min(many, default=0))

    def quiet(self, db: sqlite3.Connection) -> bool:
        """Nothing is left to be done."""
        return not any(db.execute(sql).fetchone() for sql in LEFT)

    def end(self, db: sqlite3.Connection) -> None:
        """Everybody had time enough: nothing may be open any more."""
        hold(db.execute("PRAGMA integrity_check").fetchone()[0] == "ok", "the database is damaged")
        rows = [dict(row) for row in db.execute("SELECT * FROM jobs WHERE state IN ('waiting', 'running')")]
        hold(not rows, "never came to an end:", rows)
        self.whole(db)
        self._no_doubles(0.0)
        posts = {message.id: message.name for message in self._discord.answers()}
        for row in db.execute("SELECT * FROM outbox"):
            hold(row["message_id"] or row["closed"], "an answer is still owed:", dict(row))
            hold(row["closed"] or posts.get(row["message_id"]) == row["id"], "no visible answer:", dict(row))
        for post in self._discord.answers():
            promise = self.promises[post.name.partition("-")[0]]
            hold(post.mention in (None, promise.user_id), "notified somebody else:", post)
        strays = [tuple(row) for row in db.execute("SELECT * FROM strays")]
        hold(not strays, "still to be taken down:", strays)
        self._none_of_forgotten(db)
        learnt = [ADAPTER.validate_json(row[0]) for row in db.execute("SELECT adapter FROM pets WHERE state = 'ready'")]
        hold(all(adapter.folder.is_dir() for adapter in learnt), "an adapter is gone:", learnt)

    def _none_of_forgotten(self, db: sqlite3.Connection) -> None:
        """Only what the bot knew of when it forgot may still hang there, unless that was to go too."""
        jobs = {row[0] for row in db.execute("SELECT id FROM jobs")}
        for post in self._discord.posts():
            job_id = post.name.partition("-")[0]
            promise = self.promises.get(job_id)
            told_gone = promise is not None and self.forgotten.get(promise.pet_id or 0, False)
            hold(job_id in jobs or (post.id in self.noted and not told_gone), "of a forgotten pet:", post)

    def _kept(self, promise: Promise, row: sqlite3.Row, owed: int, now: float) -> None:
        state, error = row["state"], row["error"]
        made_room = promise.kind == "look" and error == Cause.TOO_FEW_PHOTOS  # for another dog of its name
        tells = state in OVER and not made_room
        hold(promise.over or tells == (owed > 0), "owed", owed, "answers:", promise, dict(row))
        hold(row["checkpoint"] < FAR, "a stale claim moved the checkpoint:", promise, dict(row))
        hold(not promise.claims or row["fence"] >= promise.claims[-1], "a claim is forgotten:", promise, dict(row))
        if state in OVER:
            hold(promise.over in (None, (state, error)), "ended twice:", promise, dict(row))
            promise.over = (state, error)
            self._open.pop(promise.job_id, None)
        else:
            hold(promise.over is None, "open again:", promise, dict(row))
            hold(state == "running" or not self._busy(promise), "waits, but it runs:", promise, dict(row))
            late = promise.cancelled is not None and now - promise.cancelled > HEARD_S
            hold(not late, "cancelled, but it goes on:", promise, dict(row))
        if state == "cancelled":
            hold(promise.asked or promise.pet_id in self.to_forget, "nobody cancelled:", promise)
        if error == Cause.WORKER_DIED:
            hold(promise.poison, "set aside:", promise, dict(row))
        elif state == "failed":
            hold(error in promise.causes or made_room, "failed for no reason:", promise, dict(row))

    def _busy(self, promise: Promise) -> bool:
        """The child is at it, and nobody has taken it away."""
        return promise.claimed is not None and not promise.asked and promise.pet_id not in self.to_forget

    def _no_trace(self, db: sqlite3.Connection) -> None:
        for table, orphaned in CHILDREN.items():
            rows = [dict(row) for row in db.execute(f"SELECT * FROM {table} WHERE {orphaned}")]
            hold(not rows, "left over in", table, rows)
        for table in ("jobs", "portraits", "photos"):
            there = {row[0] for row in db.execute(f"SELECT DISTINCT pet_id FROM {table}")}
            hold(not there & self.forgotten.keys(), "forgotten, but in", table, there & self.forgotten.keys())

    def _no_doubles(self, hidden_s: float) -> None:
        seen = Counter(post.name for post in self._discord.in_sight(hidden_s))
        hold(seen.total() == len(seen), "visible twice:", seen.most_common(1))

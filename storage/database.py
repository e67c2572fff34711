"""The one SQLite connection of the bot: one transaction at a time, each of them whole or not at all.

A job that was accepted is never lost: with WAL and synchronous=FULL its row is on the disk before anybody is told.
Knows: pragmas, the lock against a second bot, migrations with a copy (backup.py) from before them, and how a
transaction survives cancellation. Does not know: any table.

Measured: two coroutines on one connection can roll back each other's statements, and a cancelled await does not stop
its statement. So there is one lock, reads take it too (or they would see uncommitted rows), and no transaction is left
open half-way.
"""

import asyncio
import fcntl
import sqlite3
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager, closing, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Self, TypeVar

import aiosqlite

from storage.backup import Backups

DATABASE = "pawtrait.db"  # its name in the data folder
MIGRATIONS = Path(__file__).parent / "migrations"

PRAGMAS = """
PRAGMA journal_mode = WAL;      -- readers of a copy never block the writer
PRAGMA synchronous = FULL;      -- a commit is on the disk before anybody is told "you are in line"
PRAGMA secure_delete = ON;      -- a forgotten pet's bytes become zeros
PRAGMA busy_timeout = 5000;     -- milliseconds; a backup tool may hold the file for a moment
"""

T = TypeVar("T")


class CannotOpen(Exception):
    """The database cannot be opened before the operator has done something: `cure` says what."""

    cure = "`make doctor` says what mends it."


class AlreadyRunning(CannotOpen):
    """Another bot has this data folder open."""

    cure = "Stop that one, or name another folder in DATA in .env."


class Unwritable(CannotOpen):
    """The data folder cannot be written."""


class TooNew(CannotOpen):
    """The database was written by a newer version of the bot."""


class MigrationFailed(CannotOpen):
    """The database could not be brought up to date; it is as it was."""

    cure = "If the disk is full, make room and start again; else the version that ran before still runs with it."


class Damaged(CannotOpen):
    """The database cannot be read."""


class Transaction:
    """What can be done inside `Database.write()`."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def one(self, sql: str, *args: object) -> sqlite3.Row | None:
        """The first row, or None."""
        rows = await self.all(sql, *args)
        return rows[0] if rows else None

    async def all(self, sql: str, *args: object) -> list[sqlite3.Row]:
        """All rows."""
        return list(await self._connection.execute_fetchall(sql, args))

    async def run(self, sql: str, *args: object) -> int:
        """Run one statement; the number of rows that it changed."""
        async with self._connection.execute(sql, args) as cursor:
            return cursor.rowcount


class Database:
    """An open database. `write()` is not reentrant: inside it use only what it gives you."""

    def __init__(self, connection: aiosqlite.Connection, lock_file: TextIOWrapper, backups: Backups) -> None:
        self.backups = backups
        self._connection = connection
        self._lock_file = lock_file
        self._lock = asyncio.Lock()

    @classmethod
    async def open(cls, path: Path, migrations: Path = MIGRATIONS) -> Self:
        """Open the database, or make it. Raises CannotOpen, and sqlite3.OperationalError for what may pass by itself.

        That is, above all, a full disk, or a program that keeps the file locked.
        """
        lock_file = _take_lock_file(path.with_name(path.name + ".lock"))
        try:
            connection = await aiosqlite.connect(path, isolation_level=None)  # no transactions but our own
        except BaseException:
            lock_file.close()
            raise
        database = cls(connection, lock_file, Backups(path.with_name("backups")))
        try:
            connection.row_factory = sqlite3.Row
            await connection.executescript(PRAGMAS)
            await _migrate(connection, migrations, database.backups)
            await connection.execute_fetchall("PRAGMA foreign_keys = ON")
        except BaseException as error:
            await finish(database.close())  # an open aiosqlite connection keeps the interpreter alive
            if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
                raise Damaged(f"{Damaged.__doc__} ({path}: {error})") from error
            raise
        return database

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def one(self, sql: str, *args: object) -> sqlite3.Row | None:
        """The first committed row, or None."""
        async with self._lock:
            return await Transaction(self._connection).one(sql, *args)

    async def all(self, sql: str, *args: object) -> list[sqlite3.Row]:
        """All committed rows."""
        async with self._lock:
            return await Transaction(self._connection).all(sql, *args)

    @asynccontextmanager
    async def write(self) -> AsyncGenerator[Transaction]:
        """One transaction: committed at the end, rolled back on any exception and on cancellation.

        Cancelled during the commit itself, it is committed and CancelledError goes on.
        """
        async with self._lock:
            try:
                await self._connection.execute_fetchall("BEGIN IMMEDIATE")
                yield Transaction(self._connection)
                await self._connection.commit()
            except BaseException:
                # The connection's thread works in order: this runs after a statement whose await was cancelled, and
                # after a commit it changes nothing.
                await finish(self._connection.rollback())
                raise

    async def checkpoint(self) -> bool:
        """Empty the write-ahead log, so that deleted bytes are in none of the database's files any more.

        False: some other program kept reading the database for all of busy_timeout, so the log is not empty.
        """
        async with self._lock:
            [(busy, _, _)] = await self._connection.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
        return not busy

    async def close(self) -> None:
        """Close the connection and let another bot have the folder."""
        async with self._lock:
            await self._connection.close()
            self._lock_file.close()


def versions(path: Path, migrations: Path = MIGRATIONS) -> tuple[int | None, int]:
    """The version of the database, None if there is none yet, and the newest that this bot knows. Raises Damaged.

    Nothing is changed, and a bot may be running. Where none is, SQLite is told so (`immutable`): it would leave files
    behind which a bot of another user could not write.
    """
    newest = len(_scripts(migrations))
    if not path.exists():
        return None, newest
    mode = "mode=ro" if path.with_name(path.name + "-wal").exists() else "immutable=1"
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True)) as connection:
            [version] = connection.execute("PRAGMA user_version").fetchone()
            connection.execute("SELECT count(*) FROM sqlite_schema")  # user_version alone would be read of anything
    except sqlite3.Error as error:
        raise Damaged(f"{Damaged.__doc__} ({error})") from error
    return version, newest


def _take_lock_file(path: Path) -> TextIOWrapper:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock_file = path.open("a")
    except OSError as error:
        raise Unwritable(f"{Unwritable.__doc__} ({error.filename}: {error.strerror})") from error
    try:
        fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock_file.close()
        raise AlreadyRunning(f"{AlreadyRunning.__doc__} ({path.parent})") from None
    return lock_file


async def _migrate(connection: aiosqlite.Connection, folder: Path, backups: Backups) -> None:
    """Apply the scripts newer than user_version (0001, 0002, ...): all or none, so that the older bot still runs.

    A database that has tables is copied first. Foreign keys are off meanwhile, so that a table can be made anew without
    taking the rows of others with it, and are checked before anything is kept.
    """
    steps = _scripts(folder)
    [(version,)] = await connection.execute_fetchall("PRAGMA user_version")
    if version > len(steps):
        raise TooNew(f"{TooNew.__doc__} (it is at {version}, this bot knows {len(steps)})")
    if version == len(steps):
        return
    copy: Path | None = None
    begin, note = "PRAGMA foreign_keys = OFF; BEGIN IMMEDIATE;", f"PRAGMA user_version = {len(steps)};"
    try:
        copy = await backups.make(connection, version + 1) if version else None
        await connection.executescript("\n".join([begin, *steps[version:], note]))
        if broken := list(await connection.execute_fetchall("PRAGMA foreign_key_check")):
            raise sqlite3.IntegrityError(f"{len(broken)} rows name others that are not there")
        await connection.commit()
    except BaseException as error:
        await finish(connection.rollback())
        if not isinstance(error, sqlite3.Error | OSError):
            raise
        where = f" A copy of it lies in {copy}." if copy else ""
        raise MigrationFailed(f"{MigrationFailed.__doc__}{where} ({error})") from error


def _scripts(folder: Path) -> list[str]:
    return [path.read_text() for path in sorted(folder.glob("[0-9]*.sql"))]


async def finish(work: Coroutine[object, object, T]) -> T:
    """Do `work` to its end even if the caller is cancelled meanwhile, then let the cancellation go on."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        task.exception()  # or asyncio would log it: the caller hears of the cancellation
        raise

"""A database that cannot be opened, and why; and how its migrations are numbered."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from storage.database import MIGRATIONS, Damaged, Database, Unwritable


def test_migrations_are_numbered_without_a_gap() -> None:
    """A database's version is how many of them it has seen: names and versions would part."""
    names = sorted(path.name for path in MIGRATIONS.glob("*.sql"))
    assert [name[:5] for name in names] == [f"{number:04}_" for number in range(1, len(names) + 1)]


def none(path: Path) -> None:
    path.write_text("a dog walked over this" * 99)


def cut_off(path: Path) -> None:
    os.truncate(path, 5000)


@pytest.mark.parametrize("harm", [none, cut_off])
async def test_a_damaged_one_is_named(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    path = tmp_path / "bot.sqlite"
    await (await Database.open(path)).close()
    harm(path)
    for _ in range(2):  # the lock was given back
        with pytest.raises(Damaged, match=rf"cannot be read\. \({path}: .*(not a database|malformed)"):
            await Database.open(path)


async def test_what_may_pass_by_itself_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.database.PRAGMAS", "PRAGMA busy_timeout = 10; PRAGMA journal_mode = WAL;")
    path = tmp_path / "bot.sqlite"
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            await Database.open(path)
    await (await Database.open(path)).close()


@pytest.mark.parametrize("refused", ["mkdir", "open"])
async def test_a_folder_of_somebody_else_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    def refuse(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, refused, refuse)
    with pytest.raises(Unwritable, match=rf"cannot be written\. \({tmp_path}.*: Permission denied\)"):
        await Database.open(tmp_path / "bot.sqlite")

"""An archive that did not come from save(): nothing of it lies anywhere, and files are as private as they were."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from storage.archive import ArchiveRefused, restore, save
from storage.database import DATABASE, Database

Change = Callable[[tarfile.TarInfo], None]


def named(name: str) -> Change:
    return lambda member: setattr(member, "name", name)


def typed(kind: bytes, linkname: str = "") -> Change:
    def change(member: tarfile.TarInfo) -> None:
        member.type, member.linkname, member.size = kind, linkname, 0

    return change


HOSTILE: dict[str, Change] = {
    "above": named("../jobs.txt"),
    "above, further in": named("jobs/../../jobs.txt"),
    "absolute": named("/tmp/pawtrait-hostile.txt"),
    "a symlink": typed(tarfile.SYMTYPE, "/etc"),
    "a hard link": typed(tarfile.LNKTYPE, "manifest.json"),
    "a pipe": typed(tarfile.FIFOTYPE),
    "a device": typed(tarfile.CHRTYPE),
    "a folder": typed(tarfile.DIRTYPE),
}


@pytest.fixture
async def saved(tmp_path: Path) -> Path:
    async with await Database.open(tmp_path / "data" / DATABASE):
        save(tmp_path / "data", tmp_path / "saved.tar")
    return tmp_path / "saved.tar"


def added(archive: Path, change: Change, mode: int = 0o644) -> None:
    """One more file in it."""
    member = tarfile.TarInfo("jobs/0123456789ab/a.txt")
    member.size, member.mode = 3, mode
    change(member)
    with tarfile.open(archive, "a") as tar:
        tar.addfile(member, io.BytesIO(b"dog"))


@pytest.mark.parametrize("what", HOSTILE)
def test_what_no_archive_of_ours_holds_is_refused(saved: Path, what: str) -> None:
    added(saved, HOSTILE[what])
    before = sorted(saved.parent.rglob("*"))
    with pytest.raises(ArchiveRefused, match=r"is no backup of this bot, or is damaged: .* does not belong in one"):
        restore(saved, saved.parent / "other")
    assert sorted(saved.parent.rglob("*")) == before
    assert not Path("/tmp/pawtrait-hostile.txt").exists()


@pytest.mark.parametrize(("mode", "restored"), [(0o600, 0o600), (0o644, 0o644), (0o6777, 0o644), (0, 0o600)])
def test_a_file_is_as_private_as_it_was_and_never_to_be_run(saved: Path, mode: int, restored: int) -> None:
    added(saved, lambda _: None, mode)
    restore(saved, saved.parent / "other")
    assert (saved.parent / "other/jobs/0123456789ab/a.txt").stat().st_mode & 0o7777 == restored


def test_an_older_python_has_no_filters(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian 12 comes with 3.11.2, whose extractall() does not know `filter`."""
    monkeypatch.delattr(tarfile.TarFile, "extractall")
    restore(saved, saved.parent / "other")
    assert (saved.parent / "other" / DATABASE).is_file()

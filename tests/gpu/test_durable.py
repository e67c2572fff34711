"""A file is the old one or the new one, and never a part of one; no test can cut the power, so fsync is listened to."""

import os
import stat
from pathlib import Path

import pytest

from gpu.durable import whole


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_in_one_move(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_text("old")
    with whole(path) as fresh:
        fresh.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert names(tmp_path) == ["file.json"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_write_that_raises_leaves_the_old_file_and_nothing_else(error: type[BaseException], tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_text("old")
    with pytest.raises(error), whole(path) as fresh:
        fresh.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file.json"]


def test_a_folder_appears_whole(tmp_path: Path) -> None:
    with whole(tmp_path / "adapter") as fresh:
        (fresh / "deep").mkdir(parents=True)
        (fresh / "deep" / "file").write_text("new")
        assert not (tmp_path / "adapter").exists()
    assert names(tmp_path) == ["adapter"]
    assert (tmp_path / "adapter" / "deep" / "file").read_text() == "new"


def test_a_folder_that_was_half_written_is_gone(tmp_path: Path) -> None:
    with pytest.raises(ValueError), whole(tmp_path / "adapter") as fresh:
        fresh.mkdir()
        (fresh / "file").write_text("half")
        raise ValueError
    assert names(tmp_path) == []


def test_what_a_kill_left_is_not_in_the_next_attempt(tmp_path: Path) -> None:
    (tmp_path / "adapter.tmp").mkdir()
    (tmp_path / "adapter.tmp" / "left over").touch()
    with whole(tmp_path / "adapter") as fresh:
        fresh.mkdir()
        (fresh / "file").touch()
    assert names(tmp_path / "adapter") == ["file"]


def test_a_folder_that_is_gone_stays_gone(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), whole(tmp_path / "job" / "file") as fresh:
        fresh.write_text("new")
    assert names(tmp_path) == []


def test_the_same_file_may_be_written_twice_at_once(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    with whole(path, suffix=".1") as one, whole(path, suffix=".2") as other:
        one.write_text("same")
        other.write_text("same")
    assert path.read_text() == "same"
    assert names(tmp_path) == ["photo.jpg"]


@pytest.mark.parametrize("folder", [False, True], ids=["file", "folder"])
def test_everything_is_on_disk_before_the_move_and_the_move_after_it(
    folder: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, synced = tmp_path / "path", list[tuple[str, bool]]()
    fsync = os.fsync

    def listen(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        synced.append((kind, path.exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", listen)
    with whole(path) as fresh:
        if folder:
            (fresh / "deep").mkdir(parents=True)
        (fresh / "deep" / "file" if folder else fresh).touch()
    inside = [("folder", False)] * 2 if folder else []  # the deepest first, and each after what is in it
    assert synced == [("file", False), *inside, ("folder", True)]

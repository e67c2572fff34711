"""The doctor on a data folder that is not the bot's: what is told, with a cure that touches nothing above it."""

import os
import tempfile
from pathlib import Path

import pytest

from cogs.ops import doctor
from gpu.doctor import Check


def checks(folder: Path) -> list[Check]:
    return list(doctor._examine_data(folder))


@pytest.fixture
def unwritable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every folder; whoever runs the tests may be root."""

    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)


@pytest.mark.usefixtures("unwritable")
@pytest.mark.parametrize("made", [True, False])
def test_the_folder_itself_is_made_ones_own(tmp_path: Path, made: bool):
    folder = tmp_path / "far" / "data"
    if made:
        folder.mkdir(parents=True)
    command = f"sudo chown -R $USER {folder}" if made else f"sudo install -d -o $USER {folder}"
    [told, _] = checks(folder)
    assert (told.mark, told.found) == ("❌", f"{folder} cannot be written: Permission denied")
    assert told.cure == f"{command}, or another folder in DATA in .env"


@pytest.mark.usefixtures("unwritable")
def test_a_relative_folder_is_named_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert checks(Path("data"))[0].cure.startswith(f"sudo install -d -o $USER {tmp_path}/data,")


@pytest.mark.usefixtures("unwritable")
def test_below_a_folder_that_may_not_be_looked_into_nothing_ends_the_doctor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder, stat = tmp_path / "root" / "data", os.stat
    folder.mkdir(parents=True)

    def refuse(path: str | Path, **how: bool) -> os.stat_result:
        if str(path).startswith(f"{folder.parent}/"):
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, **how)

    monkeypatch.setattr(os, "stat", refuse)
    told = checks(folder)
    monkeypatch.undo()
    assert [(check.name, check.mark) for check in told] == [("data folder", "❌"), ("database", "❌")]
    assert {check.cure for check in told} == {f"sudo install -d -o $USER {folder}, or another folder in DATA in .env"}

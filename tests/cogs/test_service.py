"""The systemd unit that `make service` prints."""

import getpass
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bot import MISUSED
from cogs.ops.service import ROOT, unit


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd here")
def test_systemd_has_nothing_to_say_against_it(tmp_path: Path):
    path = tmp_path / "pawtrait.service"
    path.write_text(unit(ROOT, Path(sys.executable), getpass.getuser()))
    verified = subprocess.run(["systemd-analyze", "verify", str(path)], capture_output=True, text=True, check=False)
    about_ours = [line for line in verified.stderr.splitlines() if "pawtrait" in line]
    assert (verified.returncode, about_ours) == (0, [])


def test_it_starts_again_after_a_crash_but_not_after_a_mistake():
    lines = unit(Path("/srv/pawtrait"), Path("/srv/pawtrait/.venv/bin/python"), "mina").splitlines()
    assert "ExecStart=/srv/pawtrait/.venv/bin/python /srv/pawtrait/bot.py" in lines
    assert {"User=mina", "Restart=on-failure", f"RestartPreventExitStatus={MISUSED}"} <= set(lines)


@pytest.mark.parametrize("folder", ["/home/mina/my dogs", "/srv/100%", "/srv/$HOME"])
def test_a_folder_that_systemd_cannot_name_is_said(folder: str):
    with pytest.raises(ValueError, match="move the folder"):
        unit(Path(folder), Path("/usr/bin/python3"), "mina")

"""`make service`: the systemd unit that runs the bot from this folder.

Knows: what systemd has to be told about this program. Does not know: where units are kept; a person installs it.
"""

import getpass
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

UNIT = """\
# sudo cp pawtrait.service /etc/systemd/system/ && sudo systemctl enable --now pawtrait
[Unit]
Description=Pawtrait, the Discord bot that paints your dog
Wants=network-online.target
After=network-online.target

[Service]
User={user}
WorkingDirectory={root}
ExecStart={python} {root}/bot.py
Restart=on-failure
RestartSec=5
# The bot ends with 2 where somebody has to change something: to start it again changes nothing.
RestartPreventExitStatus=2
# The bot hears SIGTERM, and the process that computes is told by the bot: it writes its checkpoint first.
KillMode=mixed
TimeoutStopSec=30
# Where memory runs out it is the process that computes which is killed, and the bot starts a new one.
OOMPolicy=continue
NoNewPrivileges=true
PrivateTmp=true
ProtectSystem=full

[Install]
WantedBy=multi-user.target
"""


def unit(root: Path, python: Path, user: str) -> str:
    """The unit's text. Raises ValueError for a path that systemd would read as several words or as a specifier."""
    for path in (root, python):
        if any(sign.isspace() or sign in "%\\\"'$" for sign in str(path)):
            raise ValueError(f"systemd cannot start anything from {path}: move the folder to a plainer path")
    return UNIT.format(root=root, python=python, user=user)


def main() -> int:
    """The exit status: 0, or 2 if the folder has to be moved."""
    try:
        print(unit(ROOT, Path(sys.executable).absolute(), getpass.getuser()), end="")
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

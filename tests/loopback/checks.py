"""Is what was recorded valid by Discord's own description of its API, and by the types of its events?

Knows: where a checkout with ../shared has the two checkers and their data. Does not know: what was recorded, or why.
"""

import subprocess
import sys
from pathlib import Path

SHARED = Path(__file__).resolve().parents[3] / "shared"


def violations(folder: Path) -> list[str]:
    """The complaints of both checkers about a folder that a Loopback recorded; none without ../shared."""
    if not SHARED.exists():
        return []
    tools, data = SHARED / "tools", SHARED / "data" / "discord"
    rest = [tools / "check_discord_traffic.py", data / "openapi.json", folder / "traffic.jsonl"]
    frames = [tools / "check_gateway_events.py", data / "gateway-schemas.json", folder / "frames.jsonl"]
    lines = [*output(*rest, "--discordpy", "--responses"), *output(*frames)]
    return [line for line in lines if not line.endswith((" ok", " no schema", " requests"))]


def output(*command: str | Path) -> list[str]:
    """What a Python script prints."""
    done = subprocess.run([sys.executable, *map(str, command)], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()

"""The demo's story, played with a child that needs no models."""

import re
from pathlib import Path

from rich.console import Console

from tests.demo.__main__ import play
from tests.helpers.bot_process import light
from tests.loopback.checks import SHARED


async def test_the_story_is_as_it_should_be(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    told = await play(folder, Console(), light("steps=44 ms=250 refuse=1"))
    assert [check for check in told.checks if not check.right] == []
    assert any("valid by Discord" in check.what for check in told.checks) == SHARED.exists()
    page = (folder / "index.html").read_text("utf-8")
    pictures = re.findall(r'<img src="([^"]+)"', page)
    assert len(pictures) >= 15
    assert all((folder / picture).is_file() for picture in pictures)
    assert not re.search(r"&lt;[@#t][\d:]", page)

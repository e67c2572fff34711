"""The buttons under the answer of a look: how they look, and by what they are known.

Knows: their custom ids, which name the enrolment's job and the number of the look, so that a press on an older sheet is
known as one. Does not know: what they do (cogs/looks.py).
"""

import re
from typing import Literal

from cogs.api.message import Button
from cogs.shared.text import say

What = Literal["learn", "replace", "forget"]

LOOK_BUTTON = re.compile(r"look:(?P<job>[0-9a-f]{12}):(?P<look>\d{1,9}):(?P<what>learn|replace|forget)")


def look_buttons(job_id: str, look: int, language: str, *, learnable: bool, adds: str | None) -> tuple[Button, ...]:
    """Learn these (if there are enough), give others (called by the key `adds`, if there is room), and forget."""
    known_by = f"look:{job_id}:{look}"
    learn = Button(custom_id=f"{known_by}:learn", label=say(language, "look.learn"), emoji="🐾", style="primary")
    forget = Button(custom_id=f"{known_by}:forget", label=say(language, "failed.forget"), emoji="🗑️")
    first = (learn,) if learnable else ()
    if adds is None:
        return (*first, forget)
    return (*first, Button(custom_id=f"{known_by}:replace", label=say(language, adds), emoji="🖼️"), forget)

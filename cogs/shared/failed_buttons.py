"""The buttons under the answer of an enrolment that failed: how they look, and by what they are known.

Knows: their custom ids, which name the enrolment's job. Does not know: what they do (cogs/try_again.py).
"""

import re
from typing import Literal

from cogs.api.message import Button
from cogs.shared.text import say

What = Literal["again", "forget"]

FAILED_BUTTON = re.compile(r"failed:(?P<job>[0-9a-f]{12}):(?P<what>again|forget)")


def failed_buttons(job_id: str, language: str) -> tuple[Button, ...]:
    """Try again, and forget."""
    again, forget = f"failed:{job_id}:again", f"failed:{job_id}:forget"
    return (
        Button(custom_id=again, label=say(language, "failed.again"), emoji="🔁", style="primary"),
        Button(custom_id=forget, label=say(language, "failed.forget"), emoji="🗑️"),
    )

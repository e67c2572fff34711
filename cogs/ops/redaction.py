"""Secrets do not get into the log.

Knows: the bot's token, and where interaction tokens stand. Does not know: how a line looks (gpu/log.py).
"""

import re

from gpu.log import KeyValue


class RedactingFormatter(KeyValue):
    """Writes a line of the log without the bot's token and without interaction tokens."""

    def __init__(self, token: str) -> None:
        super().__init__()
        places = [
            re.escape(token),
            r"(?<=/webhooks/)\d+/[^/\s?]+",
            r"(?<=/interactions/)\d+/[^/\s?]+",
            r"""(?<=['"]token['"]: ['"])[^'"]+""",  # events, as discord.py would log them
            r"""(?<=['"]token['"]:['"])[^'"]+""",
        ]
        self._secrets = re.compile("|".join(places))

    def said(self, text: str) -> str:
        return self._secrets.sub("[redacted]", text)

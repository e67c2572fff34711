"""Secrets do not get into the log.

Knows: the tokens that are set, and where interaction tokens stand. Does not know: how a line looks (gpu/log.py).
"""

import re

from gpu.log import KeyValue


class RedactingFormatter(KeyValue):
    """Writes a line of the log without these secrets and without interaction tokens."""

    def __init__(self, *secrets: str) -> None:
        super().__init__()
        places = [
            *(re.escape(secret) for secret in secrets if secret),
            r"(?<=/webhooks/)\d+/[^/\s?]+",
            r"(?<=/interactions/)\d+/[^/\s?]+",
            r"""(?<=['"]token['"]: ['"])[^'"]+""",  # events, as discord.py would log them
            r"""(?<=['"]token['"]:['"])[^'"]+""",
        ]
        self._secrets = re.compile("|".join(places))

    def said(self, text: str) -> str:
        return self._secrets.sub("[redacted]", text)

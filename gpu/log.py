"""How a line of the log looks, the bot's and the computing process's alike: one event a line, key=value.

Knows: logging records. Does not know: what must not be in a line (cogs/ops/redaction.py), or who reads it.
"""

import json
import logging
import re
from datetime import datetime

PLAIN = re.compile(r'[^\s"=\\]+')
UNPRINTABLE = re.compile(r"[\x7f-\x9f\u2028\u2029]")  # json leaves them; some break lines, some move a cursor


class KeyValue(logging.Formatter):
    """One line for each event, tracebacks too. `extra={"fields": {...}}` adds keys to a line."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        fields |= record.__dict__.get("fields", {})
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        if record.stack_info:
            fields["stack"] = record.stack_info
        return " ".join(f"{key}={_value(self.said(str(value)))}" for key, value in fields.items())

    def said(self, text: str) -> str:
        """A value as it may be written."""
        return text


def _value(text: str) -> str:
    if PLAIN.fullmatch(text):
        return text
    return UNPRINTABLE.sub(lambda sign: f"\\u{ord(sign[0]):04x}", json.dumps(text, ensure_ascii=False))

"""Writes down what went over the wire, one JSON object a line.

Knows: the two file formats (traffic.jsonl: REST; frames.jsonl: gateway frames sent). Does not know: what is right.
"""

import base64
import json
from pathlib import Path
from typing import Any

from aiohttp import web


class Recorder:
    """Appends to traffic.jsonl and frames.jsonl in a folder; without a folder it forgets everything."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def request(self, request: web.Request, body: bytes, response: web.Response) -> None:
        """One REST request and what was answered."""
        answer = response.body if isinstance(response.body, bytes) else b""
        self._append(
            "traffic.jsonl",
            {
                "method": request.method,
                "path": request.raw_path,
                "ctype": request.headers.get("Content-Type"),
                "body": base64.b64encode(body).decode(),
                "status": response.status,
                "rtype": response.headers.get("Content-Type"),
                "rbody": base64.b64encode(answer).decode(),
            },
        )

    def frame(self, frame: dict[str, Any]) -> None:
        """One gateway frame that the server sent: op, t, s, d."""
        self._append("frames.jsonl", frame)

    def _append(self, name: str, line: dict[str, Any]) -> None:
        if self._folder is None:
            return
        with (self._folder / name).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")

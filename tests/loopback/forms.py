"""Request bodies and JSON answers.

Knows: JSON and multipart/form-data as discord.py sends it (payload_json and files[n]). Does not know: what is asked.
"""

import json
import re
from typing import Any

from aiohttp import web

from tests.loopback.refusals import NOT_JSON, Refused, invalid
from tests.loopback.state import Upload
from tests.loopback.values import Json

FORMS = "{'application/json', 'application/x-www-form-urlencoded', 'multipart/form-data'}"


def answer(body: Any, status: int = 200) -> web.Response:
    """A JSON answer. The content type has no charset: with one, discord.py would read it as text."""
    return web.Response(status=status, body=json.dumps(body).encode(), headers={"Content-Type": "application/json"})


def done() -> web.Response:
    """204."""
    return web.Response(status=204)


async def body_of(request: web.Request) -> Any:
    """The JSON body of a request that takes no files; an empty one is {}."""
    body = await request.read()
    if body and request.content_type != "application/json":
        text = f'Expected "Content-Type" header to be one of {FORMS}.'
        raise invalid("_", "CONTENT_TYPE_INVALID", text)
    return parsed(body or b"{}")


async def form_of(request: web.Request) -> tuple[Json, list[Upload]]:
    """The JSON body and the files of a request. Each file needs its entry in the attachments."""
    if request.content_type != "multipart/form-data":
        body = an_object(await body_of(request))
        return body, uploads(body, {})
    parts = split(await request.read(), request.headers["Content-Type"])
    body = an_object(parsed(parts.pop("payload_json", Upload("", b"{}")).data))
    return body, uploads(body, parts)


def uploads(body: Json, parts: dict[str, Upload]) -> list[Upload]:
    """The files in the order of the entries that describe them (below `data` in the answer to an interaction)."""
    entries: list[Json] = (body.get("data") or body).get("attachments") or []
    described: list[Upload] = []
    for entry in entries:
        part = parts.pop(f"files[{entry['id']}]", None)
        if part is not None:
            described.append(Upload(entry.get("filename") or part.name, part.data, entry.get("description")))
        elif "filename" in entry and len(str(entry["id"])) < 3:
            raise invalid("attachments", "ATTACHMENT_NOT_FOUND", f"No file was sent for attachment {entry['id']}")
    if parts:
        raise invalid("attachments", "ATTACHMENT_MISSING", f"No attachment describes {sorted(parts)}")
    return described


def split(body: bytes, content_type: str) -> dict[str, Upload]:
    """multipart/form-data by part name."""
    boundary = re.search(r'boundary="?([^";]+)', content_type)
    if boundary is None:
        raise Refused(NOT_JSON)
    parts: dict[str, Upload] = {}
    for part in body.split(b"--" + boundary[1].encode())[1:-1]:
        head, _, data = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        labels = dict(re.findall(r'\b(name|filename)="([^"]*)"', head.decode()))
        parts[labels["name"]] = Upload(labels.get("filename", ""), data.removesuffix(b"\r\n"))
    return parts


def an_object(body: Any) -> Json:
    """The body, or Discord's refusal of anything but an object."""
    if not isinstance(body, dict):
        raise invalid("_", "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
    return body


def parsed(text: bytes) -> Any:
    """JSON, or Discord's refusal."""
    try:
        return json.loads(text)
    except ValueError:
        raise Refused(NOT_JSON) from None

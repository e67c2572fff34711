"""Photos that people give: how they are downloaded, how each is named, and the lines that name those left out.

The promise kept here: photos come only from the hosts in the settings, are read no further than the size limit, and no
redirect is followed. Does not know: what makes a photo good (storage/intake.py), or who gives it.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import PurePosixPath

import aiohttp
from yarl import URL

from cogs.shared.text import plain_code, say
from storage.intake import MOST_BYTES, PhotoRefused
from storage.names import shorten, visible

LONGEST_FILE_NAME = 40  # characters that are shown
PLACED = re.compile(r"(?P<place>\d+)/(?P<name>.*)")


class Elsewhere(Exception):
    """The file does not lie on a host in the settings."""


def allowed(url: URL, hosts: frozenset[str]) -> bool:
    """May a photo be downloaded from there? https from a known host; http only from a known one on this machine."""
    known = url.host in hosts or url.authority in hosts
    return known and (url.scheme == "https" or (url.scheme == "http" and url.host in ("127.0.0.1", "::1", "localhost")))


async def download(http: aiohttp.ClientSession, url: URL, hosts: frozenset[str]) -> bytes:
    """The file, read no further than the limit. Raises PhotoRefused("too_big"), Elsewhere, ClientError."""
    data = bytearray()
    async with fetched(http, url, hosts) as chunks:
        async for chunk in chunks:
            data += chunk
            if len(data) > MOST_BYTES:
                raise PhotoRefused("too_big")
    return bytes(data)


@asynccontextmanager
async def fetched(
    http: aiohttp.ClientSession, url: URL, hosts: frozenset[str], patience: aiohttp.ClientTimeout | None = None
) -> AsyncGenerator[AsyncIterator[bytes]]:
    """A file that somebody attached, piece by piece. Raises Elsewhere, aiohttp.ClientError."""
    if not allowed(url, hosts):
        raise Elsewhere(Elsewhere.__doc__)
    async with http.get(url, allow_redirects=False, timeout=patience or http.timeout) as response:
        if response.status != 200:
            raise aiohttp.ClientResponseError(response.request_info, response.history, status=response.status)
        yield response.content.iter_chunked(1 << 16)


def photo_name(place: int, filename: str, title: str | None) -> str:
    """What a photo is called in all that is kept: "3/보리 산책.jpg", its place among those given and its file name.

    Discord makes `_.jpg` of a name that is not written in Latin letters, and keeps its stem as the title. Rows of older
    versions have no place; a file name of Discord's holds no slash.
    """
    kind = PurePosixPath(filename).suffix
    name = (title or filename).removesuffix(kind) + kind
    return f"{place}/{shorten(visible(name), LONGEST_FILE_NAME)}"


def reasons(language: str, left_out: Sequence[tuple[str, str]]) -> str:
    """A line for each (name as photo_name() gives it, key of the reason)."""
    shown = ((_shown(language, name), say(language, key)) for name, key in left_out)
    return "\n".join(say(language, "enroll.reason", photo=photo, reason=reason) for photo, reason in shown)


def file_name(name: str) -> str:
    """The file name in what photo_name() gives, for between backticks."""
    placed = PLACED.fullmatch(name)
    return plain_code(placed["name"] if placed else name, LONGEST_FILE_NAME) or "…"


def place_of(name: str) -> int:
    """The place in what photo_name() gives; 0 where there is none."""
    placed = PLACED.fullmatch(name)
    return int(placed["place"]) if placed else 0


def _shown(language: str, name: str) -> str:
    place, code = place_of(name), file_name(name)
    return say(language, "enroll.photo", place=place, name=code) if place else f"`{code}`"

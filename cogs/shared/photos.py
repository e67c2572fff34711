"""Photos that people give: how they are downloaded, and the lines that name those left out.

The promise kept here: photos come only from the hosts in the settings, are read no further than the size limit, and no
redirect is followed. Does not know: what makes a photo good (storage/intake.py), or who gives it.
"""

import aiohttp
from yarl import URL

from cogs.shared.errors import Sorry
from cogs.shared.text import plain_code, say
from storage.intake import MOST_BYTES, PhotoRefused

LONGEST_FILE_NAME = 40


def allowed(url: URL, hosts: frozenset[str]) -> bool:
    """May a photo be downloaded from there? https from a known host; http only from a known one on this machine."""
    known = url.host in hosts or url.authority in hosts
    return known and (url.scheme == "https" or (url.scheme == "http" and url.host in ("127.0.0.1", "::1", "localhost")))


async def download(http: aiohttp.ClientSession, url: URL, hosts: frozenset[str]) -> bytes:
    """The file, read no further than the limit. Raises PhotoRefused("too_big"), Sorry, aiohttp.ClientError."""
    if not allowed(url, hosts):
        raise Sorry("photo.elsewhere")
    data = bytearray()
    async with http.get(url, allow_redirects=False) as response:
        if response.status != 200:
            raise Sorry("photo.unreachable")
        async for chunk in response.content.iter_chunked(1 << 16):
            data += chunk
            if len(data) > MOST_BYTES:
                raise PhotoRefused("too_big")
    return bytes(data)


def reasons(language: str, left_out: list[tuple[str, str]]) -> str:
    """A line for each (file name, key of the reason)."""
    lines = [
        say(language, "enroll.reason", photo=plain_code(name, LONGEST_FILE_NAME), reason=say(language, key))
        for name, key in left_out
    ]
    return "\n".join(lines)

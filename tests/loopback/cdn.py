"""The CDN: files behind signed URLs that expire.

Knows: ex (expires), is (issued), hm (signature), as hexadecimal query values. Does not know: messages.
"""

import hashlib
import hmac
import secrets
from urllib.parse import quote

from aiohttp import web

from tests.loopback.clock import Clock
from tests.loopback.state import File

LIFETIME = 24 * 3600  # seconds; Discord does not promise any, so clients must read `ex`


class Cdn:
    """Signs URLs and serves the files that they name. `files` is the world's own, by id."""

    def __init__(self, clock: Clock, files: dict[str, File]) -> None:
        self._clock = clock
        self._files = files
        self._secret = secrets.token_bytes(16)
        self.origin = ""  # scheme and host, once the server has a port

    def url(self, file: File) -> str:
        """A URL for the file that works from now on for a day."""
        path = f"/cdn/{file.folder}/{file.id}/{quote(file.name)}"
        issued = int(self._clock.now())
        expires = issued + LIFETIME
        signature = self._sign(path, f"{expires:x}", f"{issued:x}")
        return f"{self.origin}{path}?ex={expires:x}&is={issued:x}&hm={signature}&"

    async def serve(self, request: web.Request) -> web.Response:
        """The file's bytes; 404 for a wrong signature, an expired URL, or a file that was deleted."""
        file = self._files.get(request.match_info["file_id"])
        if file is None or not self._valid(request):
            return web.Response(status=404, text="This content is no longer available.")
        return web.Response(body=file.data, content_type=file.content_type)

    def _valid(self, request: web.Request) -> bool:
        expires, issued, given = (request.query.get(key, "") for key in ("ex", "is", "hm"))
        signature = self._sign(request.rel_url.raw_path, expires, issued)
        return hmac.compare_digest(signature, given) and int(expires, 16) > self._clock.now()

    def _sign(self, path: str, expires: str, issued: str) -> str:
        return hmac.new(self._secret, f"{path}?{expires}&{issued}".encode(), hashlib.sha256).hexdigest()

"""Headless Chromium, asked how photos show: on a white page, on an sRGB screen.

Knows: a browser's command line and one page of JavaScript. Does not know: what the pictures should look like.
Nothing is installed for it: where there is no Chromium, nobody is asked.
"""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web
from PIL import Image

NAMES = ("chromium", "chromium-headless-shell", "chromium-browser", "google-chrome", "chrome-headless-shell")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--force-color-profile=srgb", "--no-first-run")
PATIENCE_S = 600.0

PAGE = """<!doctype html><canvas id=page></canvas><script>
async function show(n) {
  const image = new Image();
  image.src = `/photo/${n}`;
  try { await image.decode(); } catch { return fetch(`/shown/${n}`, {method: "POST"}); }
  page.width = image.naturalWidth; page.height = image.naturalHeight;
  const brush = page.getContext("2d", {willReadFrequently: true});
  brush.fillStyle = "white"; brush.fillRect(0, 0, page.width, page.height);
  brush.drawImage(image, 0, 0);
  const pixels = brush.getImageData(0, 0, page.width, page.height);
  await fetch(`/shown/${n}?width=${page.width}`, {method: "POST", body: pixels.data});
}
(async () => { for (let n = 0; n < COUNT; n++) await show(n); await fetch("/done", {method: "POST"}); })();
</script>"""


@dataclass(frozen=True, slots=True)
class Browser:
    """One that is installed here."""

    command: str

    @classmethod
    def find(cls) -> "Browser | None":
        """$CHROMIUM, or what is in the path."""
        names = filter(None, (os.environ.get("CHROMIUM"), *NAMES))
        return next((cls(found) for name in names if (found := shutil.which(name))), None)

    @property
    def version(self) -> str:
        return subprocess.run([self.command, "--version"], capture_output=True, text=True, check=True).stdout.strip()

    async def show(self, photos: Sequence[bytes]) -> list[Image.Image | None]:
        """Each photo as RGB; None where the browser does not open it."""
        screen = Screen(photos)
        runner = web.AppRunner(screen.app())
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            await self._open(f"http://127.0.0.1:{runner.addresses[0][1]}/", screen.done)
        finally:
            await runner.cleanup()
        return screen.shown

    async def _open(self, url: str, done: asyncio.Event) -> None:
        with tempfile.TemporaryDirectory() as profile:
            command = (self.command, *FLAGS, f"--user-data-dir={profile}", "--remote-debugging-port=0", url)
            child = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await done.wait()
            finally:
                child.terminate()
                await child.wait()


class Screen:
    """The page that the browser opens, and what it sends back."""

    def __init__(self, photos: Sequence[bytes]) -> None:
        self._photos = photos
        self.shown: list[Image.Image | None] = [None] * len(photos)
        self.done = asyncio.Event()

    def app(self) -> web.Application:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_get("/", self._page)
        app.router.add_get("/photo/{n}", self._photo)
        app.router.add_post("/shown/{n}", self._keep)
        app.router.add_post("/done", self._end)
        return app

    async def _page(self, _: web.Request) -> web.Response:
        return web.Response(text=PAGE.replace("COUNT", str(len(self._photos))), content_type="text/html")

    async def _photo(self, request: web.Request) -> web.Response:
        return web.Response(body=self._photos[int(request.match_info["n"])])

    async def _keep(self, request: web.Request) -> web.Response:
        if pixels := await request.read():
            width = int(request.query["width"])
            image = Image.frombytes("RGBA", (width, len(pixels) // 4 // width), pixels)
            self.shown[int(request.match_info["n"])] = image.convert("RGB")
        return web.Response()

    async def _end(self, _: web.Request) -> web.Response:
        self.done.set()
        return web.Response()

"""How a photo gets in: a stranger's bytes become a clean Photo on disk, or are refused with one reason.

Image bytes are decoded in a short-lived process with a memory limit (decoder/), never in the bot.
Knows: size limits, how that process is run, and what its end means. Does not know: Discord, pets, any image library.
"""

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from gpu.pets import Photo
from storage.decoder.reasons import Reason
from storage.files import Files

MOST_BYTES = 10 << 20  # Discord's own limit for a file
DECODER = Path(__file__).with_name("decoder")


class PhotoRefused(Exception):
    """The photo was not taken, and nothing of it is kept."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file as it was uploaded."""

    name: str  # only ever shown, never a path
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Clean:
    """The decoder's picture. A photo may have taken the decoder over, so its output is checked like a stranger's."""

    width: int
    height: int
    suffix: Literal[".png", ".jpg"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The decoder's refusal."""

    refused: Reason


VERDICT: TypeAdapter[Clean | Refusal] = TypeAdapter(Clean | Refusal)


class Intake:
    """One per bot: at most `at_once` decoders run at a time, as each may take 1 GB for a moment."""

    def __init__(self, files: Files, *, at_once: int = 2, least_px: int = 64, timeout_s: float = 30.0) -> None:
        self._files = files
        self._turns = asyncio.Semaphore(at_once)
        self._least_px = least_px
        self._timeout_s = timeout_s

    async def take(self, upload: Upload, job_id: str) -> Photo:
        """Check a photo and keep the clean one in the folder of a job to come. Raises PhotoRefused.

        The same picture twice is the same Photo. If the job is not accepted in the end, `discard` what was taken.
        """
        clean, data = await self.check(upload.data)
        folder = self._files.photo_folder(job_id)
        path, sha256 = await asyncio.to_thread(self._files.keep, data, folder, clean.suffix)
        return Photo(path=path, sha256=sha256, width=clean.width, height=clean.height)

    async def discard(self, job_id: str) -> None:
        """Leave nothing of a job that was not accepted."""
        await asyncio.to_thread(self._files.remove, job_id)

    async def check(self, data: bytes) -> tuple[Clean, bytes]:
        """The clean picture, and its bytes as PNG or JPEG. Raises PhotoRefused."""
        if not data:
            raise PhotoRefused("empty")
        if len(data) > MOST_BYTES:
            raise PhotoRefused("too_big")
        async with self._turns:
            head, _, clean = (await self._decode(data)).partition(b"\n")
        verdict = VERDICT.validate_json(head)
        if isinstance(verdict, Refusal):
            raise PhotoRefused(verdict.refused)
        return verdict, clean

    async def _decode(self, data: bytes) -> bytes:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", str(DECODER), str(self._least_px)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={},  # the bot's own holds its token
        )
        try:
            async with asyncio.timeout(self._timeout_s):
                answer, _ = await child.communicate(data)
        except TimeoutError:
            raise PhotoRefused("decoder_died") from None
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        if child.returncode:
            raise PhotoRefused("decoder_died")
        return answer

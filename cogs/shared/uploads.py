"""What people attach to a command or a form. Photos are checked, and kept for a job or left out with a reason.

Knows: how many are downloaded at a time, and what each is called that is left out. Does not know: which command or form
they came by, where photos may be downloaded from (photos.py), what makes one good (storage/intake.py).
"""

import asyncio
import logging
from collections.abc import Collection, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp
from discord import Attachment
from yarl import URL

from cogs.shared.photos import Elsewhere, download, fetched, photo_name
from gpu.pets import Photo
from storage.intake import MOST_BYTES, Intake, PhotoRefused, Upload

log = logging.getLogger(__name__)

FEWEST, MOST = 3, 10  # photos of one pet
AT_ONCE = 2  # downloads; each holds up to 10 MiB
DOWNLOAD_S = 30.0
FILE_S = 600.0  # of a file of hundreds of megabytes

LeftOut = tuple[str, str]  # a photo: its name as photo_name() gives it, and the key of the reason


class Uploads:
    """One per bot, so that few photos are in memory at a time; `hosts` are where they may be downloaded from."""

    def __init__(self, intake: Intake, hosts: frozenset[str]) -> None:
        self._intake = intake
        self._hosts = hosts
        self._downloads = asyncio.Semaphore(AT_ONCE)
        self._large = asyncio.Semaphore(AT_ONCE)  # of its own: photos do not wait for those

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=DOWNLOAD_S)
        self._http = aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    async def take(
        self, attachments: Sequence[Attachment], job_id: str, *, first: int = 1, known: Collection[str] = ()
    ) -> tuple[dict[Photo, str], list[LeftOut]]:
        """Good photos with their names, kept in the folder of this job to come; and the others with their reasons.

        They are numbered from `first`; `known` are the sha256 of photos that are there already. If the job is not
        accepted in the end, `discard` what was taken.
        """
        takes = (self._take_one(one, job_id) for one in attachments)
        answers = await asyncio.gather(*takes, return_exceptions=True)  # all have ended before the folder is discarded
        taken: dict[Photo, str] = {}
        left_out: list[LeftOut] = []
        for place, (attachment, answer) in enumerate(zip(attachments, answers, strict=True), start=first):
            name = photo_name(place, attachment.filename, attachment.title)
            if isinstance(answer, BaseException):
                raise answer
            if isinstance(answer, str):
                left_out.append((name, answer))
            elif answer in taken or answer.sha256 in known:
                left_out.append((name, "photo.duplicate"))
            else:
                taken[answer] = name
        return taken, left_out

    async def save(self, attachment: Attachment, target: Path, most: int) -> bool:
        """Write a file of another kind to `target`; False: it has more than so many bytes.

        Raises Elsewhere, aiohttp.ClientError, TimeoutError.
        """
        if attachment.size > most:
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        url, timeout = URL(attachment.url, encoded=True), aiohttp.ClientTimeout(total=FILE_S)
        async with self._large, fetched(self._http, url, self._hosts, timeout) as chunks:
            with target.open("wb") as file:
                async for chunk in chunks:
                    await asyncio.to_thread(file.write, chunk)
                    if file.tell() > most:
                        return False
        return True

    async def discard(self, job_id: str) -> None:
        """Leave nothing of a job that was not accepted."""
        await self._intake.discard(job_id)

    async def _take_one(self, attachment: Attachment, job_id: str) -> Photo | str:
        """The photo, or the key of what is wrong with it."""
        async with self._downloads:
            try:
                if attachment.size > MOST_BYTES:
                    raise PhotoRefused("too_big")
                data = await download(self._http, URL(attachment.url, encoded=True), self._hosts)
                return await self._intake.take(Upload(name=attachment.filename, data=data), job_id)
            except PhotoRefused as error:
                return f"photo.{error.reason}"
            except Elsewhere:
                return "photo.elsewhere"
            except (aiohttp.ClientError, TimeoutError) as error:
                log.info("Photo %s could not be downloaded: %s", attachment.id, type(error).__name__)
                return "photo.unreachable"

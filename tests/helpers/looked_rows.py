"""Enrolments that were looked at: how they are answered, and what can be seen of them.

Knows: StorageEnv. Does not know: what any test wants to see.
"""

from gpu.pets import Photo
from storage.jobs import JobRow, new_job_id
from tests.helpers.storage_env import CHANNEL, GUILD, MARKER, StorageEnv

LOOK_S, HOURS = 900.0, 6 * 3600.0  # to answer a look, and until what failed is not kept any more


async def states(env: StorageEnv) -> dict[str, str]:
    return {pet.name: pet.state for pet in await env.pets.of_guild(GUILD)}


async def brought(env: StorageEnv, *words: str) -> tuple[tuple[Photo, ...], tuple[str, ...], str]:
    """New photos, taken into the folder of a job to come; what they are called, and that folder's job."""
    job_id = new_job_id()
    kept = [env.files.keep(f"{word} {MARKER}".encode(), env.files.photo_folder(job_id), ".jpg") for word in words]
    photos = tuple(Photo(path=path, sha256=sha256, width=60, height=50) for path, sha256 in kept)
    return photos, tuple(f"{word}.jpg" for word in words), job_id


async def replaced(env: StorageEnv, row: JobRow, *words: str, look: int | None = None) -> JobRow:
    """As the form does it."""
    photos, names, incoming = await brought(env, *words)
    try:
        return await env.looks.replace(row.id, look or row.looks, photos, names)
    finally:
        env.files.remove(incoming)


def stored(env: StorageEnv, row: JobRow) -> set[str]:
    """The names of the photos that lie in its folder."""
    return {path.name for path in env.files.photo_folder(row.id).glob("*")}


async def told(env: StorageEnv, row: JobRow) -> list[tuple[str, str]]:
    """The answers that are owed for it: their parts and kinds."""
    due = await env.outbox.due(env.clock.now)
    return [(one.part.name, one.kind) for one in due if one.job_id == row.id]


async def all_sent(env: StorageEnv) -> None:
    for owed in await env.outbox.due(env.clock.now):
        await env.outbox.mark_sent(owed.id, CHANNEL, 99, ())

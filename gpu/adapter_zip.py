"""What was learnt about a pet as one zip that its owner takes along, and such a zip back as an adapter's folder.

Knows: what lies where in the zip, what a stranger's zip may be. Does not know: who asks, how the zip reaches anybody,
what the page in it says (adapter_page.py). No torch. All of it blocks for as long as the disk takes.

    README.md                        the page: what to paste into diffusers, ComfyUI and A1111
    recipe.json
    diffusers/<name>.safetensors     LoRA
    lora/<name>.safetensors          the same as ComfyUI and A1111 read it
    embeddings/<name>.safetensors    for all three
    bundle/<name>-bundle.safetensors lora and embeddings in one, for A1111

A UI has one folder for everybody's files, so each is named after its pet and after what is in it. The same adapter
gives the same zip, byte for byte.
"""

import errno
import hashlib
import re
import shutil
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Literal

from gpu.adapter_files import (
    GIVEN,
    KOHYA_FILE,
    LORA_FILE,
    RECIPE_FILE,
    ROWS_FILE,
    Recipe,
    check,
    write_bundle,
    write_kohya,
)
from gpu.durable import whole
from gpu.model_files import Damaged

PAGE = "README.md"
LONGEST_SLUG = 24
DATE = (2000, 1, 1, 0, 0, 0)  # of every entry: the zip tells nobody when it was made
LINES = {PAGE, RECIPE_FILE}  # text, which is compressed; numbers would not get smaller

MOST_BYTES = 500 << 20  # of a zip, as much as Discord lets anybody attach
MOST_ENTRIES, MOST_DIRECTORY = 100, 1 << 16  # and bytes of the list of them
END, END_64 = b"PK\5\6", b"PK\6\7"  # what the end of that list begins with, and what stands before it in a larger zip
PLACES = {"diffusers": LORA_FILE, "embeddings": ROWS_FILE}
BROKEN = (Damaged, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError)
"""What reading a zip may raise that is not as it was packed."""
LIMITS = {LORA_FILE: MOST_BYTES, ROWS_FILE: 1 << 20, RECIPE_FILE: 1 << 18}  # bytes, unpacked

Reason = Literal["no_zip", "too_big", "unsafe", "incomplete", "damaged"]


class ZipRefused(Exception):
    """A zip that cannot be taken in, and why: a word for people, a sentence for the log."""

    def __init__(self, reason: Reason, what: str = "") -> None:
        super().__init__(f"{reason}: {what}")
        self.reason: Reason = reason


def file_name(folder: Path, pet: str) -> str:
    """What the pet's files are called: "rex-3f9a1c", of ASCII letters and digits, and six of the files' hash."""
    plain = unicodedata.normalize("NFKD", pet).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:LONGEST_SLUG].strip("-")
    digest = hashlib.sha256()
    for name in GIVEN:
        with (folder / name).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return f"{slug or 'pet'}-{digest.hexdigest()[:6]}"


def pack(folder: Path, name: str, page: str, target: Path) -> None:
    """Write the adapter in this folder as a zip, whole or not at all. Raises OSError, and Damaged for its files."""
    with whole(target) as fresh, TemporaryDirectory(dir=target.parent, prefix=".made-") as work:
        kohya, bundle = Path(work) / "kohya", Path(work) / "bundle"
        write_kohya(folder, kohya)
        write_bundle(folder, name, bundle)
        entries = {
            f"diffusers/{name}.safetensors": folder / LORA_FILE,
            f"lora/{name}.safetensors": kohya,
            f"embeddings/{name}.safetensors": folder / ROWS_FILE,
            f"bundle/{name}-bundle.safetensors": bundle,
            RECIPE_FILE: folder / RECIPE_FILE,
        }
        with zipfile.ZipFile(fresh, "w") as made:
            with _entry(made, PAGE) as out:
                out.write(page.encode())
            for entry, path in entries.items():
                with path.open("rb") as file, _entry(made, entry) as out:
                    shutil.copyfileobj(file, out, 1 << 20)


def unpack(source: Path, folder: Path) -> Recipe:
    """Take an adapter out of a zip of pack()'s: `folder` appears whole, and only if all in it is well.

    Files may be missing that are made of others, and the zip may have been packed anew by hand. Raises ZipRefused, and
    OSError for our own disk.
    """
    _check_directory(source)
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(source) as given, whole(folder) as fresh:
            fresh.mkdir()
            for name, info in _chosen(given).items():
                with given.open(info) as file, (fresh / name).open("wb") as out:
                    shutil.copyfileobj(file, out, 1 << 20)
            found = check(fresh)
            write_kohya(fresh, fresh / KOHYA_FILE)
            return found
    except (*BROKEN, OSError) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # that is a seek to before the beginning
            raise
        raise ZipRefused("damaged", str(error)) from error


def _check_directory(source: Path) -> None:
    """Raises ZipRefused where the list of entries would be read for long: zipfile reads all of it, whatever it says."""
    with source.open("rb") as file:
        file.seek(-min(source.stat().st_size, (1 << 16) + 22), 2)
        tail = file.read()
    at = tail.rfind(END)
    if at < 0 or len(tail) < at + 22:
        raise ZipRefused("no_zip")
    size = struct.unpack_from("<L", tail, at + 12)[0]
    if size > MOST_DIRECTORY or END_64 in tail[max(0, at - 20) : at]:
        raise ZipRefused("too_big", f"a list of entries of {size:,} bytes")


def _chosen(given: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The entries that an adapter is made of, by the names that they get. No name of a stranger's becomes a path."""
    entries = given.infolist()
    if len(entries) > MOST_ENTRIES:
        raise ZipRefused("too_big", f"{len(entries)} entries")
    found: dict[str, zipfile.ZipInfo] = {}
    for info in entries:
        _check_entry(info)
        name = _adapter_file(info.filename)
        if name and found.setdefault(name, info) is not info:
            raise ZipRefused("unsafe", f"two of {name}")
        if name and info.file_size > LIMITS[name]:
            raise ZipRefused("too_big", f"{name} has {info.file_size:,} bytes")
    if lacking := {*GIVEN} - {*found}:
        raise ZipRefused("incomplete", f"no {', '.join(sorted(lacking))}")
    return found


def _check_entry(info: zipfile.ZipInfo) -> None:
    """Raises ZipRefused for what no tool of good will packs: ways out of the folder, links, passwords."""
    name, kind = info.filename, stat.S_IFMT(info.external_attr >> 16)
    if name.startswith("/") or "\\" in name or ":" in name or ".." in name.split("/"):
        raise ZipRefused("unsafe", f"an entry leads elsewhere: {name!r:.80}")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR) or info.flag_bits & 1:
        raise ZipRefused("unsafe", f"an entry is a link, or has a password: {name!r:.80}")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ZipRefused("unsafe", f"an entry is packed in method {info.compress_type}")


def _adapter_file(name: str) -> str | None:
    """Which of an adapter's files an entry is. The whole may lie in a folder, and what systems add is passed over."""
    parts = name.split("/")
    if parts[0] == "__MACOSX" or parts[-1].startswith("."):
        return None
    if parts[-1] == RECIPE_FILE and len(parts) <= 2:
        return RECIPE_FILE
    is_tensors = len(parts) in (2, 3) and parts[-1].endswith(".safetensors")
    return PLACES.get(parts[-2]) if is_tensors else None


@contextmanager
def _entry(made: zipfile.ZipFile, name: str) -> Generator[IO[bytes]]:
    info = zipfile.ZipInfo(name, DATE)
    info.compress_type = zipfile.ZIP_DEFLATED if name in LINES else zipfile.ZIP_STORED
    info.external_attr = 0o644 << 16
    with made.open(info, "w", force_zip64=True) as out:
        yield out

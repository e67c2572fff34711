"""Decodes the photo on stdin. Whatever its bytes do, they do it to this process, which gives up first what they could
misuse: it has at most 1 GB of memory, 20 s of processor time and no right to write a file.

The first line on stdout is JSON: {"refused": reason}, or {"width", "height", "suffix"}, and then the clean photo's
bytes follow.
"""

import resource
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[2])  # was this folder: a module shall have one name, here and in the tests

from storage.decoder.verdict import answer  # noqa: E402

MOST_MEMORY = 1 << 30  # bytes of address space; enough for every format's most pixels, measured
MOST_CPU = 20  # seconds


def limit() -> None:
    """Give up what a hostile photo could misuse."""
    for what, most in [
        (resource.RLIMIT_AS, MOST_MEMORY),
        (resource.RLIMIT_CPU, MOST_CPU),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ]:
        resource.setrlimit(what, (most, most))


if __name__ == "__main__":
    limit()
    sys.stdout.buffer.write(answer(sys.stdin.buffer.read(), least_px=int(sys.argv[1])))

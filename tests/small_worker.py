"""`python -m tests.small_worker FD_IN FD_OUT`: the child of a ProcessExecutor, with the studio of plain colours."""

import sys

from gpu.worker import serve
from tests.small_studio import SmallStudio

COMMAND = (sys.executable, "-m", "tests.small_worker")


def build() -> SmallStudio:
    studio = SmallStudio()
    studio.step_s = 0.5
    return studio


if __name__ == "__main__":
    serve(build, *map(int, sys.argv[1:]))

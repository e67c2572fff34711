"""`python -m tests.light_bot`: the real bot process, with a light child in place of the one that needs models."""

import asyncio
import sys

from bot import Settings, configure_logging, serve
from gpu.process import ProcessExecutor
from tests.small_worker import COMMAND

if __name__ == "__main__":
    settings = Settings()  # type: ignore[call-arg]
    configure_logging(settings)
    sys.exit(asyncio.run(serve(settings, ProcessExecutor(COMMAND))))

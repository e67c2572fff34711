"""`python -m tests.light_bot [PLAN]`: the real bot process, with a light child in place of the real one."""

import asyncio
import sys

from bot import Settings, configure_logging, serve
from gpu.line.process import ProcessExecutor
from tests.light_studio import COMMAND

if __name__ == "__main__":
    settings = Settings()  # type: ignore[call-arg]
    configure_logging(settings)
    sys.exit(asyncio.run(serve(settings, ProcessExecutor([*COMMAND, *sys.argv[1:]]))))

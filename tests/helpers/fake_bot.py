"""`python -m tests.helpers.fake_bot [PLAN]`: the real bot process, with a fake child in place of the real one."""

import asyncio
import sys

from bot import Settings, configure_logging, serve
from gpu.line.process import ProcessExecutor

# By name: its import would bring numpy and Pillow into the bot, which the real one starts without.
CHILD = (sys.executable, "-m", "tests.helpers.fake_studio")

if __name__ == "__main__":
    settings = Settings()  # type: ignore[call-arg]
    configure_logging(settings)
    sys.exit(asyncio.run(serve(settings, ProcessExecutor([*CHILD, *sys.argv[1:]]))))

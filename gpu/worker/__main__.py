"""The process that computes: `python -m gpu.worker --profile JSON FD_IN FD_OUT`; the bot starts it.

Knows: the command line, how this process gives way to the bot, when the heavy libraries are imported. Does not know:
the messages on the pipes (serve.py), the line, the database, Discord.
"""

import argparse
import faulthandler
import gc
import logging
import os
import sys
from contextlib import suppress
from pathlib import Path

from gpu.log import KeyValue
from gpu.profile import PROFILE, Profile
from gpu.worker.control import StudioProtocol
from gpu.worker.serve import serve

LIBRARIES = ("transformers", "diffusers", "ultralytics")
UNFOUNDED = ("diffusers.quantizers.torchao", "torch.utils._pytree")
"""They warn when torchao is imported, of classes that it has given up and of how it registers others."""
NICENESS = 10  # the bot's first answers go first
SPINS = "10000"  # of a thread that waits for the others, before it sleeps (libgomp's GOMP_SPINCOUNT; its own: 300,000)
OOM_SCORE = "1000"  # Linux kills this process first where memory runs out (proc_pid_oom_score_adj(5))


def _studio(profile: Profile) -> StudioProtocol:
    """The studio. Its imports last seconds, and collecting garbage meanwhile would take a quarter of that for nothing.

    Some libraries set up log handlers of their own: from here on their lines go through ours.
    """
    gc.disable()
    for name in UNFOUNDED:
        logging.getLogger(name).setLevel(logging.ERROR)
    from gpu.studio.device import usable_device  # here: nothing else in this file waits for them

    usable_device(profile)  # a machine that may not compute need not wait for the rest
    from gpu.studio.studio import build

    gc.freeze()
    gc.enable()
    logging.getLogger("bm25s").setLevel(logging.INFO)  # it sets DEBUG, and then tells of every index that it builds
    for name in LIBRARIES:
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
    return build(profile)


def _give_way() -> None:
    """Let the bot go first, on the processor and in memory. Call it before torch is imported.

    Threads that spin for each other on cores which they do not have to themselves hardly get on: on two cores, beside
    three busy processes, a pocket training took more than 10 s for a step, and so takes 3 s. Alone it is 5 % slower.
    """
    os.nice(NICENESS)
    os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    with suppress(OSError):  # no Linux
        Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)


def main() -> None:
    parser = argparse.ArgumentParser(description="The process that computes; bot.py starts it.")
    parser.add_argument("--profile", type=PROFILE.validate_json, required=True)
    parser.add_argument("--log-level", default="INFO")
    parser.add_argument("fd_in", type=int)
    parser.add_argument("fd_out", type=int)
    options = parser.parse_args()
    handler = logging.StreamHandler()
    handler.setFormatter(KeyValue())
    logging.basicConfig(level=options.log_level, handlers=[handler])
    logging.captureWarnings(True)
    faulthandler.enable()
    _give_way()
    profile: Profile = options.profile
    serve(lambda: _studio(profile), options.fd_in, options.fd_out, profile.recycle)
    sys.stdout.flush()
    os._exit(0)  # what counts is on disk, and taking torch down in order lasts seconds


if __name__ == "__main__":
    main()

"""The child that computes: `python -m gpu.worker --profile pocket FD_IN FD_OUT`.

Knows: the words on the pipes, which thread does what, and when to end. Does not know: the line, the database,
Discord, or what a job means. One thread listens and notes what is asked, so that the running job
sees it at its next step; the main thread runs the jobs. The end of the parent is the end of this process, at once.

It is the child that decides when it has served long enough (gpu/watchdog.py): it knows its memory, what it keeps warm
and whether its device still answers. It says so with the outcome, so that no job is sent to a child that is leaving.
"""

import argparse
import faulthandler
import gc
import logging
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import BinaryIO

from gpu.errors import WorkerDied
from gpu.executor import Reins, Workshop, carry_out
from gpu.log import KeyValue
from gpu.profile import PROFILES, Profile
from gpu.types import Failed
from gpu.watchdog import Stint, Wear
from gpu.wire import COMMAND, EVENT, HEADER, Ask, Close, End, Ready, Run, Step, frame

log = logging.getLogger(__name__)

LIBRARIES = ("transformers", "diffusers", "ultralytics")
NICENESS = 10  # the bot's first answers go before
SPINS = "10000"  # of a thread that waits for the others, before it sleeps (libgomp's GOMP_SPINCOUNT; its own: 300,000)
OOM_SCORE = "1000"  # Linux kills this process first where memory runs out (proc_pid_oom_score_adj(5))


def serve(build: Callable[[], Workshop], fd_in: int, fd_out: int, stint: Stint) -> None:
    """Run jobs until told to close or worn out; a paused training is then left at a fresh checkpoint.

    Not one that was cancelled before that, be it while the last job ran.
    """
    commands: SimpleQueue[Run | Ask | Close] = SimpleQueue()
    reins = Reins()
    inbox = os.fdopen(fd_in, "rb")
    threading.Thread(target=_listen, args=(inbox, reins, commands), name="commands", daemon=True).start()
    with os.fdopen(fd_out, "wb") as outbox:
        _work(build, reins, commands, lambda event: _send(outbox, event), stint)


def _work(
    build: Callable[[], Workshop],
    reins: Reins,
    commands: SimpleQueue[Run | Ask | Close],
    send: Callable[[Ready | Step | End], None],
    stint: Stint,
) -> None:
    studio = build()
    wear = Wear(stint, _resident)
    send(Ready())
    last = False
    while not (last and commands.empty()) and not isinstance(command := commands.get(), Close):
        if isinstance(command, Ask):
            studio.drop(command.job_id)
            continue
        outcome = carry_out(studio, command.job, reins, lambda progress: send(Step(progress)))
        last = wear.out(outcome)
        send(End(outcome, last, _reserved()))
        if isinstance(outcome, Failed) and outcome.error == WorkerDied.__name__:
            return  # the device is gone, and what was warm with it
    studio.rest()


def _resident() -> int:
    """Bytes of memory that this process holds now (getrusage knows only the most it ever held)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _reserved() -> int:
    """Bytes of the card's memory that this process holds; 0 without a card, or without torch (tests/light_studio.py).

    Of the first card, as gpu/models.py uses it: to ask which is in use may fail once the device is broken.
    """
    torch = sys.modules.get("torch")
    return torch.cuda.memory_reserved(0) if torch else 0


def _send(outbox: BinaryIO, event: Ready | Step | End) -> None:
    outbox.write(frame(EVENT, event))
    outbox.flush()


def _listen(inbox: BinaryIO, reins: Reins, commands: SimpleQueue[Run | Ask | Close]) -> None:
    try:
        while True:
            command = _receive(inbox)
            if isinstance(command, Run):
                reins.take(command.job.job_id)
            elif isinstance(command, Close):
                reins.close()
            elif reins.ask(command.do, command.job_id) or command.do == "pause":
                continue  # the job sees it at its next step, or there is nothing to pause
            commands.put(command)
    except EOFError:
        os._exit(0)  # the parent is gone
    except Exception:
        log.exception("The child cannot hear its commands any more")
        os._exit(1)


def _receive(inbox: BinaryIO) -> Run | Ask | Close:
    header = inbox.read(HEADER.size)
    if len(header) < HEADER.size:
        raise EOFError
    (length,) = HEADER.unpack(header)
    body = inbox.read(length)
    if len(body) < length:
        raise EOFError
    return COMMAND.validate_json(body)


def _studio(profile: Profile) -> Workshop:
    """Its imports last seconds, of which looking for garbage would be a fourth; they leave hardly any.

    Some libraries write their log themselves, in their own way: from now on they do as we do.
    """
    gc.disable()
    from gpu.studio import build  # here, so that nothing else of this file waits for it

    gc.freeze()
    gc.enable()
    for name in LIBRARIES:
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
    return build(profile)


def _give_way() -> None:
    """The bot goes before this process, on the processor and in memory; call it before torch is imported.

    Threads that spin for each other on cores which they do not have to themselves hardly get on: on two cores, beside
    three busy processes, a pocket training took more than 10 s for a step, and so takes 3 s. Alone it is 5 % slower.
    """
    os.nice(NICENESS)
    os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    with suppress(OSError):  # no Linux
        Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)


def main() -> None:
    parser = argparse.ArgumentParser(description="The process that computes; bot.py starts it.")
    parser.add_argument("--profile", choices=PROFILES, required=True)
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
    profile = PROFILES[options.profile]
    serve(lambda: _studio(profile), options.fd_in, options.fd_out, profile.stint)
    sys.stdout.flush()
    os._exit(0)  # what counts is on disk, and taking torch down in order lasts seconds


if __name__ == "__main__":
    main()

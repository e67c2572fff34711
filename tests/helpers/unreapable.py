"""A fake child that cannot be reaped, like one that sleeps in a driver: killed, it is not gone, nor are its pipes.

`python -m tests.helpers.unreapable LEASH FD_IN FD_OUT`. A holder in a session of its own shares its pipes and traces
it: what is traced is not its parent's to reap (ptrace(2)). The holder lets go once nobody writes to the FIFO LEASH any
more. Knows: Linux. Does not know: who tries to reap it.
"""

import ctypes
import os
import subprocess
import sys

from gpu.profile import SDXL
from gpu.worker.serve import serve
from tests.helpers.fake_studio import FakeStudio

HOLDER = """
import ctypes, os, sys

leash = os.open(sys.argv[1], os.O_RDONLY | os.O_NONBLOCK)  # or it would wait for a writer
os.set_blocking(leash, True)
SEIZE = 0x4206
if ctypes.CDLL(None).ptrace(SEIZE, int(sys.argv[2]), None, None) == 0:
    print("held", flush=True)
    os.read(leash, 1)
"""
PR_SET_PTRACER, ANYBODY = 0x59616D61, ctypes.c_ulong(-1)  # for systems where only ancestors may trace


def held(leash: str, fds: list[int]) -> None:
    """Returns once this process is traced, or cannot be."""
    ctypes.CDLL(None).prctl(PR_SET_PTRACER, ANYBODY, 0, 0, 0)
    command = [sys.executable, "-S", "-c", HOLDER, leash, str(os.getpid())]
    holder = subprocess.Popen(command, start_new_session=True, pass_fds=fds, stdout=subprocess.PIPE)
    assert holder.stdout
    holder.stdout.readline()


if __name__ == "__main__":
    leash, *pipes = sys.argv[1:]
    fd_in, fd_out = (int(fd) for fd in pipes)
    held(leash, [fd_in, fd_out])
    serve(FakeStudio, fd_in, fd_out, SDXL.recycle)

"""Where tests run. Under pytest-xdist each worker has a core of its own: two threads that wait for each other on cores
that others use, too, take twenty times as long as one.
"""

import os

if worker := os.environ.get("PYTEST_XDIST_WORKER", ""):  # "gw0", "gw1", ...
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[int(worker[2:]) % len(cores)]})

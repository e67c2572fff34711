"""gpu/worker: the shell of the process that computes. No torch of its own.

__main__.py    `python -m gpu.worker`: the command line; builds the studio
serve.py       the child's side of the pipes: takes commands, runs jobs
control.py     one job: pause, cancel, outcome
refusing.py    in place of a studio where the machine may not compute
recycle.py     when the process has served long enough
"""

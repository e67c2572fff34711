"""cogs/progress: how far a job has come.

messages.py    the one progress message of each job
eta.py         where everybody stands in line, and when each job will be done
"""

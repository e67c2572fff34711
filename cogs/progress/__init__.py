"""cogs/progress: how far a job has come.

messages.py    the one progress message of each job
eta.py         where each job stands in line, and when it will be done
"""

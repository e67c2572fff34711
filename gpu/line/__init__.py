"""gpu/line: the jobs in front of the GPU. Runs in the bot's process, without torch.

line.py        runs the journal's jobs on the executor, one at a time
schedule.py    whose turn it is, and the share of trainings
journal.py     what the line needs written down (a Protocol; storage/journal.py keeps it)
executor.py    the seam to whatever computes (a Protocol)
process.py     the default executor: a child process, replaced when it dies
child.py       one such process, and the two pipes to it
watchdog.py    when a child counts as hung
"""

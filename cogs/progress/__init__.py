"""cogs/progress: how far a job has come.

messages.py    which jobs are shown where: one message for each thread
place.py       how that message is sent, edited, replaced and deleted
render.py      what it says, and the lines of /queue
eta.py         where each job stands in line, and when it will be done
"""

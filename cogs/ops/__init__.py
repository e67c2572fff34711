"""cogs/ops: what the operator sets and sees.

settings.py    every setting, and what it may be
metrics.py     numbers for Prometheus
redaction.py   what must not be in a line of the log
"""

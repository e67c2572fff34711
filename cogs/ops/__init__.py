"""cogs/ops: what the operator sets and sees.

settings.py    every setting, and what it may be
metrics.py     numbers for Prometheus
redaction.py   keeps tokens out of the log
"""

"""cogs/ops: what the operator sees.

metrics.py     numbers for Prometheus
redaction.py   what must not be in a line of the log
"""

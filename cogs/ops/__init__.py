"""cogs/ops: what the operator sets and sees.

settings.py        every setting, and what it may be
doctor.py          `make doctor`: what is missing, and what mends it
discord_checks.py  what of it Discord itself is asked
models.py          `make models`: fetches what is missing
metrics.py         numbers for Prometheus
redaction.py       keeps tokens out of the log
archive.py         all that is kept in one file, and back
service.py         the systemd unit
"""

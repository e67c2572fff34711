"""The tests of cogs/: real discord.py against a loopback Discord."""

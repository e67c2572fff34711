"""What every implementation of a seam must do. A test class inherits a contract and says what is to be tested by it.

executor.py    gpu/line/executor.py: the child process, the tests' inline executor, the simulation's
journal.py     gpu/line/journal.py: storage's, and the tests' in memory
studio.py      gpu/worker/control.py's StudioProtocol: the real studio, and the fake one
transport.py   cogs/api/transport.py: discord.py's, and the simulation's
"""

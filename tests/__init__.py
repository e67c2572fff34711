"""tests: proof. Mirrors the product; each room's conftest.py holds what its tests live in.

test_bot.py  test_bad_starts.py  test_kills.py    the whole bot: settings, start and end, kill -9
test_imports.py    which room may import what, and in which process it runs
cogs/  gpu/  storage/    one room each
contracts/         what every implementation of a seam must do: executor, journal, studio, transport
helpers/           environments that tests live in, fakes that pass their contract, tiny models
loopback/          a Discord on this machine, with tests of its own
demo/              `make demo`
sim/               the line in simulated time: one seed, one history
torture/           `make torture`
bench/             measurements; results/ holds the measured figures
"""

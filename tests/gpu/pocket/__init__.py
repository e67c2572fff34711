"""The tests of gpu/pocket: the drawn world, and what the committed weights can do."""

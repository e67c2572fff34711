"""`make torture`: every line of the table of bars (promises.py), measured."""

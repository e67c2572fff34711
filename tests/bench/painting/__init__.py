"""tests/bench/painting: what is painted of a wish, on the pocket profile. `python -m tests.bench.painting PART`.

quality.py   draft, normal, fine: seconds and likeness; exactly again
"""

"""The tests of gpu/line: real child processes, mostly with a fake studio."""

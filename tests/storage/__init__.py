"""The tests of storage/: real SQLite, real files."""

"""The tests of gpu/: its own files here, and a folder for each room."""

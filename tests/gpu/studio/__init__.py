"""The tests of gpu/studio: the real classes at the smallest size (tests/helpers/tiny_models.py)."""

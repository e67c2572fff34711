"""Damage of all kinds ends in a verdict, and never in a wrong one. The long search is tests/bench/photos_fuzz.py."""

import pytest

from tests.bench.photos_fuzz import PROPERTIES, search

EXAMPLES = 150


@pytest.mark.parametrize(("check", "given_by"), PROPERTIES, ids=lambda one: getattr(one, "__name__", ""))
def test_whatever_happened_to_a_photo(check, given_by):
    search(check, given_by, EXAMPLES, number=1)

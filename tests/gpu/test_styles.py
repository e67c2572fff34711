"""The catalogue: found by any name in any locale, and fit for a prompt."""

import pytest

from gpu import styles


@pytest.mark.parametrize("typed", ["watercolour", "  Watercolour ", "수채화", "a watercolour painting"])
def test_found_by_key_name_and_medium(typed: str) -> None:
    style = styles.find(typed)
    assert style and style.key == "watercolour"


def test_decomposed_korean_is_the_same_name() -> None:
    style = styles.find("수채화")  # as a phone may type it: letters apart
    assert style and style.key == "watercolour"


def test_free_text_is_its_own_medium() -> None:
    assert styles.find("a  mosaic of shells") is None
    assert styles.medium("a  mosaic of shells") == "a mosaic of shells"
    assert styles.medium("유화") == "an oil painting"


def test_every_style_has_a_name_in_every_language_and_no_name_is_there_twice() -> None:
    languages = styles.STYLES["photo"].names.keys()
    assert "en" in languages
    assert all(style.names.keys() == languages and style.medium for style in styles.STYLES.values())
    names = [name for style in styles.STYLES.values() for name in style.names.values()]
    assert len(names) == len(set(names))

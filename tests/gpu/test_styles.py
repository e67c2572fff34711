"""The catalogue: found by any name in any locale, and fit for a prompt. A new style is one table."""

import importlib.util
import shutil
import unicodedata
from pathlib import Path
from types import ModuleType

import pytest

from gpu import styles
from gpu.studio import plan
from gpu.types import Wish

INVENTED = """
[invented]
medium = "an invented picture"
negative = "photo, smooth"
names = { en = "Made up", ko = "지어낸 그림" }
"""


@pytest.mark.parametrize("typed", ["watercolour", "  Watercolour ", "수채화", "a watercolour painting"])
def test_found_by_key_name_and_medium(typed: str) -> None:
    style = styles.find(typed)
    assert style and style.key == "watercolour"


def test_decomposed_korean_is_the_same_name() -> None:
    style = styles.find(unicodedata.normalize("NFD", "수채화"))  # as a phone may type it: letters apart
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


@pytest.fixture
def larger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The catalogue, and prompts from it, as in a clone whose styles.toml has a table more."""
    source = Path(styles.__file__)
    copy = Path(shutil.copy(source, tmp_path))
    copy.with_suffix(".toml").write_text(source.with_suffix(".toml").read_text("utf-8") + INVENTED, "utf-8")
    spec = importlib.util.spec_from_file_location("larger", copy)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(plan, "styles", module)
    return module


@pytest.mark.parametrize("typed", ["invented", "Made up", "지어낸 그림", "an invented picture"])
def test_a_table_makes_a_style(larger: ModuleType, typed: str) -> None:
    assert styles.find(typed) is None
    assert larger.find(typed).key == "invented"
    assert [*larger.STYLES] == [*styles.STYLES, "invented"]


@pytest.mark.parametrize("typed", ["invented", "지어낸 그림"])
def test_a_table_is_in_the_prompt_with_a_rewriter_and_without(larger: ModuleType, typed: str) -> None:
    wish = Wish(style=typed, text="on a beach")
    planned = plan.Plan(
        thought="", subject="", scene="on a beach", box=(20, 15, 80, 100), lighting="", medium="a photo", negative=""
    )
    joined = plan.join(planned, wish, ("<s0>", "<s1>"), "dog")
    for prompt in (joined, plan.template(wish, ("<s0>", "<s1>"), "dog")):
        assert prompt.text == "an invented picture of <s0> <s1> dog, on a beach"
        assert prompt.negative == "photo, smooth"

"""The catalogue: found by any name in any locale, and fit for a prompt. A new style is one table."""

import importlib.util
import shutil
import unicodedata
from pathlib import Path
from types import ModuleType

import pytest

from gpu import styles
from gpu.pocket.world.styling import MEDIA
from gpu.portraits import Wish
from gpu.studio import plan

INVENTED = """
[invented]
medium = "an invented picture"
negative = "photo, smooth"
names = { en = "Made up", ko = "지어낸 그림" }
"""


@pytest.mark.parametrize(
    "typed",
    [
        "watercolour",
        "  Watercolour ",
        "수채화",
        "a watercolour painting",
        "water-color",
        "Aquarelle",
        "水彩",
        "acuarela",
    ],
)
def test_found_by_key_name_medium_and_alias(typed: str) -> None:
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


def test_there_are_forty_styles_each_with_words_for_people_and_for_the_painter() -> None:
    assert len(styles.STYLES) >= 40
    for style in styles.STYLES.values():
        assert style.description.keys() == style.names.keys() and style.negative and style.aliases
        assert max(map(len, [*style.names.values(), *style.description.values()])) <= 80, "legible on a phone"
        assert len(f"{style.medium} {style.details}".split()) <= 18 and (style.medium + style.details).isascii()


def test_the_pocket_models_read_media_that_they_know_and_nothing_else() -> None:
    known = {key: style.medium for key, style in styles.STYLES.items() if style.pocket}
    assert known.items() >= MEDIA.items() and not any(styles.STYLES[key].details for key in known)
    assert known["chalk"] == "a chalk drawing on a blackboard" and known["ink"] == "an ink wash painting"
    assert known["papercut"] == "a paper cut-out collage"


def test_the_words_of_a_style_are_found_in_the_words_of_a_plan() -> None:
    """The rewriter writes a medium for what it understood; find() gives that style's negative."""
    assert all(styles.find(style.medium) is style for style in styles.STYLES.values())


@pytest.fixture
def larger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The catalogue, and prompts from it, as in a clone whose styles.toml has a table more."""
    source = Path(styles.__file__)
    copy = Path(shutil.copy(source, tmp_path))
    shutil.copy(source.with_name("style_words.toml"), tmp_path)
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

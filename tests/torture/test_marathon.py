"""How `make torture-long` knows what is left to do: from its notes, whoever wrote them."""

from pathlib import Path
from typing import Any

import pytest

from tests.bench import results
from tests.sim.run import Story
from tests.torture import marathon
from tests.torture.marathon import ALL, BLOWS, Marathon

OTHER: dict[str, Any] = {"seeds": 7, "storms": 2}


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    monkeypatch.setattr(marathon, "commit", lambda: "abc1234")
    return tmp_path


def storm(**blows: int) -> dict[str, int]:
    return {"bot": 0, "child": 0, "term": 0, **blows}


def known(*storms: dict[str, int], wrong: tuple[int, ...] = ()) -> None:
    begun = Marathon().figures()
    simulated = {**begun["simulated"], "seeds": 7, "wrong": len(wrong), "wrong_seeds": wrong}
    results.note(marathon.NOTES, {**begun, "simulated": simulated, "storms": storms, "commits": {"0ld": OTHER}})


def story(seed: int, wrong: str = "") -> Story:
    return Story(seed=seed, steps=9, wrong=wrong, digest="", events=(), counts={}, jobs=1, lived_s=1.0, took_s=1.0)


def test_it_begins_with_a_whole_storm(notes: Path) -> None:
    assert Marathon().next_blows() == BLOWS
    assert Marathon().figures()["commits"] == {"abc1234": {"seeds": 0, "storms": 0}}


def test_it_goes_on_after_storms_of_any_size_and_seeds_of_any_commit(notes: Path) -> None:
    known(storm(bot=5, child=5, term=1), storm(bot=ALL["bot"] - 8, child=40))
    run = Marathon()
    assert run.next_blows() == {"bot": 3, "child": 20, "term": 4}
    assert run.seeds == 7
    assert run.figures()["done"].endswith("blows (bot) 197 of 200, blows (child) 45 of 200, blows (term) 1 of 40")
    assert run.figures()["commits"] == {"0ld": OTHER, "abc1234": {"seeds": 0, "storms": 0}}


def test_it_ends_when_each_blow_was_dealt_often_enough(notes: Path) -> None:
    known(storm(**ALL))
    assert not Marathon().next_blows()


def test_what_was_wrong_is_played_again_and_counts_once(notes: Path) -> None:
    known(wrong=(3, 5))
    run = Marathon()
    assert run.left()[:4] == [3, 5, 7, 8]
    for played in (story(3), story(5, wrong="Broken"), story(7)):
        run.add(played)
    figures = run.figures()
    assert figures["mended"] == {"3": "abc1234"}
    assert figures["simulated"] | {"seeds": 8, "wrong": 1, "wrong_seeds": [5], "jobs": 1} == figures["simulated"]
    assert figures["commits"]["abc1234"] == {"seeds": 1, "storms": 0}

"""What the answer of a look says: whatever is wrong with the photos, and whatever they are called, it fits."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from cogs.delivery.render import compose
from cogs.shared.photos import photo_name
from cogs.shared.text import TEXTS
from gpu.outcomes import Done, Looked
from gpu.pets import Advice, Cutout, Flaw, Lack, Rejected, Remark
from gpu.portraits import Wish
from storage.names import clean_name
from storage.outbox import ANSWER_PAYLOAD, AnswerPayload, Delivery, Destination, Part
from tests.helpers.discord_markdown import read
from tests.helpers.german import add_german

HOSTILE = ("`" * 40, "**@everyone** <@1> " * 3, "\u202eשלום" * 20, "👨‍👩‍👧" * 20, "x" * 300, "\u200b", "a\nb\n# c")
PICTURE = Path("/gone")
THEN = 1764370000.0


@pytest.fixture(autouse=True)
def german(monkeypatch: pytest.MonkeyPatch) -> None:
    add_german(monkeypatch)


def cutout(photo: str) -> Cutout:
    return Cutout(image=PICTURE, mask=PICTURE, photo=photo, share=0.5)


def answer(names: list[str], looked: Looked, locale: str, pet: str = "Rex") -> AnswerPayload:
    learnable = len(looked.cutouts) >= 3
    return AnswerPayload(
        pet_name=pet, user_id=2**63, locale=locale, reply_to=None, wish=Wish(style="oil"),
        photos=tuple((str(n), name) for n, name in enumerate(names, start=1)), outcome=Done(result=looked, seconds=1.0),
        portraits=(), look=1, learn_at=THEN if learnable else None, kept_until=None if learnable else THEN,
    )  # fmt: skip


def said(payload: AnswerPayload, destination: Destination = Destination.DM) -> str:
    """Its longest form: it mentions somebody, had to move, and has lost its picture."""
    json = ANSWER_PAYLOAD.dump_json(payload).decode()
    delivery = Delivery(
        id="0123456789ab-11", job_id="0123456789ab", part=Part.LOOK, nonce="n", destination=destination, channel_id=1,
        kind="looked", payload=json, first_tried=None, tries=0, due=0.0,
    )  # fmt: skip
    return compose(delivery, mention=2**63).text


@pytest.mark.parametrize("spoken", [*TEXTS, "de"])
@pytest.mark.parametrize("bad", [0, 5, 8, 10])
def test_ten_photos_of_hostile_names_with_everything_wrong_fit(spoken: str, bad: int):
    names = [photo_name(n, "_.jpg", HOSTILE[n % len(HOSTILE)]) for n in range(1, 11)]
    numbers = [str(n) for n in range(1, 11)]
    flaws, advices = get_args(Flaw), get_args(Advice)
    for flaw in flaws:
        looked = Looked(
            cutouts=tuple(cutout(n) for n in numbers[bad:]), sheet=PICTURE, lacks=get_args(Lack),
            rejected=tuple(Rejected(photo=n, reason=flaw) for n in numbers[:bad]),
            remarks=tuple(Remark(photo=n, what=what) for n in numbers[bad:] for what in advices),
        )  # fmt: skip
        words = said(answer(names, looked, spoken, clean_name("*\u0301" * 32)))
        assert len(words) <= 2000 and words.endswith("-# 0123456789ab-11") and "<t:1764370000:" in words
        lines = [line for line in words.splitlines() if line[0] in "✗⚠"]
        assert [line.split("**")[1] for line in lines] == numbers, "each is named"
        assert all(read(line).kinds == ("mark", "mark", "code") for line in lines)


def test_a_line_holds_all_that_is_wrong_where_there_is_room():
    looked = Looked(
        cutouts=tuple(map(cutout, "123")), sheet=PICTURE, rejected=(),
        remarks=(Remark(photo="2", what="too_dark"), Remark(photo="2", what="head_cut_off")),
    )  # fmt: skip
    payload = answer(["1/a.jpg", "2/b.jpg", "3/c.jpg"], looked, "en")
    words = said(payload, Destination.ORIGIN)
    assert words.splitlines()[1] == (
        "⚠️ **2** · `b.jpg`: it is dark; by daylight I see more · the head is cut off; a step back is better"
    )
    assert words.splitlines()[0].startswith(f"<@{2**63}> 👀 I looked at your photos of **Rex**")
    perfect = replace(payload, outcome=Done(result=replace(looked, remarks=()), seconds=1.0))
    assert "all 3 are good" in said(perfect) and "⚠" not in said(perfect)

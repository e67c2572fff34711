"""What the answer of a look says: the sheet, a line for each photo that is not simply good, and what happens next.

Knows: the sentences, and how much of them fits into a message. Does not know: what is drawn on the sheet (its numbers
are the places of the photos, from 1), what makes a photo good (gpu/studio), or what the buttons do (cogs/looks.py).
"""

from cogs.api.message import Button, Picture
from cogs.shared.look_buttons import look_buttons
from cogs.shared.photos import file_name
from cogs.shared.text import Name, say
from cogs.shared.uploads import FEWEST, MOST
from gpu.outcomes import Looked
from storage.outbox import AnswerPayload

LONGEST = 1850  # characters; the rest of the message's 2000 is for a mention, a mark, and where it had to go
MOST_REMARKS = (9, 2, 1, 0)  # on one photo: as many as fit; one that is learnt from has at least its first


def compose_look(answer: AnswerPayload, looked: Looked) -> tuple[str, tuple[Picture, ...]]:
    """The words under the sheet, and the sheet."""
    texts = [_words(answer, looked, most) for most in MOST_REMARKS]
    text = next((one for one in texts if len(one) <= LONGEST), texts[-1])
    return text, (Picture(path=looked.sheet, name="sheet"),)


def buttons_of_look(job_id: str, answer: AnswerPayload, looked: Looked) -> tuple[Button, ...]:
    """Enough photos can be learnt, refused ones be replaced; and there is room for more, or not."""
    adds = "look.replace" if looked.rejected else "look.add" if len(answer.photos) < MOST else None
    return look_buttons(job_id, answer.look, answer.locale, learnable=answer.learn_at is not None, adds=adds)


def _words(answer: AnswerPayload, looked: Looked, most: int) -> str:
    good = len(looked.cutouts)
    perfect = not looked.rejected and not looked.remarks
    title = say(
        answer.locale,
        "look.perfect" if perfect else "look.title",
        name=Name(answer.pet_name),
        good=good,
        count=len(answer.photos),
    )
    hint = [say(answer.locale, f"lack.{looked.lacks[0]}")] if looked.lacks else []
    return "\n".join([title, *_photos(answer, looked, most), *hint, _next(answer, good)])


def _photos(answer: AnswerPayload, looked: Looked, most: int) -> list[str]:
    """A line for each photo that is refused or has remarks, in the order of the sheet; so many remarks at most."""
    language = answer.locale
    refused = {one.photo: one.reason for one in looked.rejected}
    lines: list[str] = []
    for number, (photo, name) in enumerate(answer.photos, start=1):
        remarks = [say(language, f"advice.{one.what}") for one in looked.remarks if one.photo == photo]
        shown = {"n": number, "photo": file_name(name)}
        if photo in refused:
            reason = " · ".join([say(language, f"cut.{refused[photo]}"), *remarks[:most]])
            lines.append(say(language, "look.refused", **shown, reason=reason))
        elif remarks:
            lines.append(say(language, "look.remark", **shown, reason=" · ".join(remarks[: max(most, 1)])))
    return lines


def _next(answer: AnswerPayload, good: int) -> str:
    """What happens, and when; Discord shows each reader the time as it is where they are."""
    if answer.learn_at is not None:
        return say(answer.locale, "look.next", when=f"<t:{answer.learn_at:.0f}:R>")
    assert answer.kept_until is not None  # photos that are too few are kept for a while, and no longer
    until = f"<t:{answer.kept_until:.0f}:f>"
    return say(answer.locale, "look.missing", missing=FEWEST - good, until=until)

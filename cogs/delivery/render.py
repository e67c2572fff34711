"""What an answer looks like: an outbox row becomes words and pictures.

Knows: sentences, prompts, seeds, file names, and by which mark an answer is known again in a channel's history.
Does not know: how it is sent, and when (counter.py, rounds.py).
"""

from pathlib import Path

from cogs.api.message import Post, mark_of
from cogs.shared.photos import reasons
from cogs.shared.text import Name, duration, plain_code, say, style_name
from gpu.types import Done, Enrolled, Failed, Portrait, Rejected
from storage.outbox import Delivery, Home, Letter

LONGEST_PROMPT = 600  # characters that are shown; the message has room for 2000
LONGEST_TEXT = 2000
MOVED = {Home.ABOVE: "sorry.thread_gone", Home.DIRECT: "sorry.by_letter"}


def compose(delivery: Delivery) -> Post:
    """The message of a delivery at its present home. Portraits whose files are gone make it an apology."""
    letter = delivery.letter
    language, outcome = letter.locale, letter.outcome
    pictures = outcome.result.portraits if isinstance(outcome, Done) else ()
    whole = all(one.path.is_file() for one in pictures)
    shown = pictures if whole else ()
    last = [say(language, MOVED[delivery.home])] if delivery.home in MOVED else []
    last += [] if shown else [mark_of(delivery.id)]
    text = _words(letter) if whole else say(language, "error.Internal")
    room = LONGEST_TEXT - sum(len(line) + 1 for line in last)
    return Post(
        id=delivery.id,
        text="\n".join([text[:room], *last]),
        pictures=shown,
        reply_to=letter.reply_to if delivery.home is Home.FIRST else None,
    )


def ending(letter: Letter) -> tuple[str, Path | None]:
    """The last words of an enrolment's progress message, and the contact sheet."""
    name, outcome = Name(letter.pet_name), letter.outcome
    if isinstance(outcome, Done) and isinstance(outcome.result, Enrolled):
        time = duration(letter.locale, outcome.seconds)
        return say(letter.locale, "progress.enrolled", name=name, time=time), outcome.result.sheet
    cancelled = isinstance(outcome, Failed) and outcome.error == "Cancelled"
    return say(letter.locale, "progress.cancelled" if cancelled else "progress.failed", name=name), None


def _words(letter: Letter) -> str:
    language, outcome, name = letter.locale, letter.outcome, Name(letter.pet_name)
    if isinstance(outcome, Failed):
        return "\n".join([say(language, f"error.{outcome.error}", name=name), *_rejected(letter, outcome.rejected)])
    recipe = _recipe(language, outcome.result.portraits, outcome.seconds)
    if isinstance(outcome.result, Enrolled):
        return "\n".join(
            [say(language, "enroll.done", name=name), *_rejected(letter, outcome.result.rejected), *recipe]
        )
    style, user = style_name(language, letter.wish.style), f"<@{letter.user_id}>"
    return "\n".join([say(language, "portrait.painted", name=name, style=style, user=user), *recipe])


def _rejected(letter: Letter, rejected: tuple[Rejected, ...]) -> list[str]:
    if not rejected:
        return []
    names = dict(letter.photos)
    lines = reasons(letter.locale, [(names[one.photo], f"cut.{one.reason}") for one in rejected])
    return [say(letter.locale, "enroll.refused", reasons=lines)]


def _recipe(language: str, portraits: tuple[Portrait, ...], seconds: float) -> list[str]:
    if not portraits:
        return []
    prompt = plain_code(portraits[0].prompt.text, LONGEST_PROMPT)
    seeds = ", ".join(str(one.seed) for one in portraits)
    time = duration(language, seconds)
    return [say(language, "portrait.prompt", prompt=prompt), say(language, "portrait.seeds", seeds=seeds, time=time)]

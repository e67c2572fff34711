"""What an answer looks like: an outbox row becomes text and pictures.

Knows: sentences, prompts, seeds, and what is said where files are gone or the answer had to move. Does not know: how it
is sent, and when (sender.py).
"""

from pathlib import Path

from cogs.api.message import OutgoingMessage, mark_of
from cogs.shared.photos import reasons
from cogs.shared.text import Name, duration, plain_code, say, style_name
from gpu.types import Cause, Done, Enrolled, Failed, Portrait, Rejected
from storage.outbox import AnswerPayload, Delivery, Destination

LONGEST_PROMPT = 600  # characters that are shown; the message has room for 2000
LONGEST_TEXT = 2000
MOVED = {Destination.PARENT: "sorry.thread_gone", Destination.DM: "sorry.sent_directly"}


def compose(delivery: Delivery) -> OutgoingMessage:
    """The message of a delivery at its present destination. Portraits whose files are gone make it an apology."""
    answer = delivery.answer
    language, outcome = answer.locale, answer.outcome
    pictures = outcome.result.portraits if isinstance(outcome, Done) else ()
    whole = all(one.path.is_file() for one in pictures)
    shown = pictures if whole else ()
    last = [say(language, MOVED[delivery.destination])] if delivery.destination in MOVED else []
    last += [] if shown else [mark_of(delivery.id)]
    text = _words(answer) if whole else say(language, f"error.{Cause.INTERNAL}")
    room = LONGEST_TEXT - sum(len(line) + 1 for line in last)
    return OutgoingMessage(
        id=delivery.id,
        text="\n".join([text[:room], *last]),
        pictures=shown,
        reply_to=answer.reply_to if delivery.destination is Destination.ORIGIN else None,
    )


def closing_words(answer: AnswerPayload) -> tuple[str, Path | None]:
    """The last words of an enrolment's progress message, and the contact sheet."""
    name, outcome = Name(answer.pet_name), answer.outcome
    if isinstance(outcome, Done) and isinstance(outcome.result, Enrolled):
        time = duration(answer.locale, outcome.seconds)
        return say(answer.locale, "progress.enrolled", name=name, time=time), outcome.result.sheet
    cancelled = isinstance(outcome, Failed) and outcome.cause is Cause.CANCELLED
    return say(answer.locale, "progress.cancelled" if cancelled else "progress.failed", name=name), None


def _words(answer: AnswerPayload) -> str:
    language, outcome, name = answer.locale, answer.outcome, Name(answer.pet_name)
    if isinstance(outcome, Failed):
        return "\n".join([say(language, f"error.{outcome.cause}", name=name), *_rejected(answer, outcome.rejected)])
    recipe = _recipe(language, outcome.result.portraits, outcome.seconds)
    if isinstance(outcome.result, Enrolled):
        return "\n".join(
            [say(language, "enroll.done", name=name), *_rejected(answer, outcome.result.rejected), *recipe]
        )
    style, user = style_name(language, answer.wish.style), f"<@{answer.user_id}>"
    return "\n".join([say(language, "portrait.painted", name=name, style=style, user=user), *recipe])


def _rejected(answer: AnswerPayload, rejected: tuple[Rejected, ...]) -> list[str]:
    if not rejected:
        return []
    names = dict(answer.photos)
    lines = reasons(answer.locale, [(names[one.photo], f"cut.{one.reason}") for one in rejected])
    return [say(answer.locale, "enroll.left_out", reasons=lines)]


def _recipe(language: str, portraits: tuple[Portrait, ...], seconds: float) -> list[str]:
    if not portraits:
        return []
    prompt = plain_code(portraits[0].prompt.text, LONGEST_PROMPT)
    seeds = ", ".join(str(one.seed) for one in portraits)
    time = duration(language, seconds)
    return [say(language, "portrait.prompt", prompt=prompt), say(language, "portrait.seeds", seeds=seeds, time=time)]

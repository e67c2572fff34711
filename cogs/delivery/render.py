"""What an answer looks like: an outbox row becomes text and pictures.

Knows: sentences, prompts, seeds, and what is said where files are gone or the answer had to move. Does not know: how it
is sent, and when (sender.py), or what a look says (look.py).
"""

from cogs.api.message import Button, OutgoingMessage, Picture, mark_of
from cogs.delivery.look import buttons_of_look, compose_look
from cogs.shared.failed_buttons import failed_buttons
from cogs.shared.photos import reasons
from cogs.shared.portrait_buttons import portrait_buttons
from cogs.shared.text import Name, duration, plain_code, readable, say, style_name
from gpu import verdicts
from gpu.outcomes import Cause, Done, Enrolled, Failed, Looked
from gpu.pets import Rejected
from gpu.portraits import Portrait
from storage.outbox import AnswerPayload, Delivery, Destination, Part

LONGEST_PROMPT = 600  # characters that are shown; the message has room for 2000
LONGEST_TEXT = 2000
OF_AN_IMPORT = {Cause.ADAPTER_MISMATCH: "import.mismatch", Cause.MODELS_MISSING: "import.unreadable"}
MOVED = {Destination.PARENT: "sorry.thread_gone", Destination.DM: "sorry.sent_directly"}


def compose(delivery: Delivery, mention: int | None = None) -> OutgoingMessage:
    """The message of a delivery at its present destination, which mentions this person.

    Pictures whose files are gone make it an apology; what a look found can be said without one.
    """
    answer, language = delivery.answer, delivery.answer.locale
    text, pictures = _body(delivery, answer)
    whole = all(one.path.is_file() for one in pictures)
    shown = pictures if whole else ()
    last = [say(language, MOVED[delivery.destination])] if delivery.destination in MOVED else []
    last += [] if shown else [mark_of(delivery.id)]
    text = text if whole or _looked(answer) else say(language, f"error.{Cause.INTERNAL}")
    if mention is not None and f"<@{mention}>" not in text:
        text = f"<@{mention}> {text}"
    room = LONGEST_TEXT - sum(len(line) + 1 for line in last)
    return OutgoingMessage(
        id=delivery.id,
        text="\n".join([text[:room], *last]),
        pictures=shown,
        buttons=_buttons(delivery, answer, shown),
        mention=mention,
        reply_to=answer.reply_to if delivery.destination is Destination.ORIGIN else None,
    )


def _buttons(delivery: Delivery, answer: AnswerPayload, shown: tuple[Picture, ...]) -> tuple[Button, ...]:
    """Under a look, what can be tried again, and portraits; of those nothing is heard in direct messages."""
    if looked := _looked(answer):
        return buttons_of_look(delivery.job_id, answer, looked)
    if answer.kept_until is not None:
        return failed_buttons(delivery.job_id, answer.locale)
    works = bool(shown) and bool(answer.portraits) and delivery.destination is not Destination.DM
    return portrait_buttons(delivery.id, answer.locale) if works else ()


def _body(delivery: Delivery, answer: AnswerPayload) -> tuple[str, tuple[Picture, ...]]:
    if looked := _looked(answer):
        return compose_look(answer, looked)
    return _sheet(answer) if delivery.part is Part.SHEET else (_words(answer), _portraits(answer))


def _looked(answer: AnswerPayload) -> Looked | None:
    """What a look found, if it is the answer of one."""
    result = answer.outcome.result if isinstance(answer.outcome, Done) else None
    return result if isinstance(result, Looked) else None


def _sheet(answer: AnswerPayload) -> tuple[str, tuple[Picture, ...]]:
    """The words over the contact sheet of an enrolment, and the sheet."""
    assert isinstance(answer.outcome, Done) and isinstance(answer.outcome.result, Enrolled)
    name, time = Name(answer.pet_name), duration(answer.locale, answer.outcome.seconds)
    assert answer.outcome.result.sheet  # or there would be no such part
    sheet = Picture(path=answer.outcome.result.sheet, name="sheet")
    return say(answer.locale, "enroll.sheet", name=name, time=time), (sheet,)


def _portraits(answer: AnswerPayload) -> tuple[Picture, ...]:
    result = answer.outcome.result if isinstance(answer.outcome, Done) else None
    made, name = () if result is None or isinstance(result, Looked) else result.portraits, answer.pet_name
    return tuple(Picture(path=one.path, name=str(n), alt=readable(one.prompt.text, name)) for n, one in enumerate(made))


def _words(answer: AnswerPayload) -> str:
    language, outcome, name = answer.locale, answer.outcome, Name(answer.pet_name)
    if isinstance(outcome, Failed):
        return "\n".join([_reason(answer, outcome), *_rejected(answer, outcome.rejected), *_kept(answer)])
    assert not isinstance(outcome.result, Looked)  # that is said by compose_look()
    recipe = _recipe(answer, outcome.result.portraits, outcome.seconds)
    if isinstance(outcome.result, Enrolled):
        told = [_known(answer, outcome.result), *_rejected(answer, outcome.result.rejected)]
        told += [] if outcome.result.sheet else [say(language, "import.no_photos", name=name)]
        return "\n".join([*told, *_scores(answer, outcome.result.portraits), *recipe])
    style, user = style_name(language, answer.wish.style), f"<@{answer.user_id}>"
    told, portraits = say(language, "portrait.painted", name=name, style=style, user=user), outcome.result.portraits
    return "\n".join([told, *_parent(answer, portraits), *_scores(answer, portraits), *recipe])


def _parent(answer: AnswerPayload, portraits: tuple[Portrait, ...]) -> list[str]:
    """From which message it was asked for, and how: a link shows it, wherever in the thread it hangs."""
    way = (portraits[0].parent or "").partition(" ")[0] if portraits else ""
    if not way or not answer.asked_in:
        return []
    guild_id, channel_id = answer.asked_in
    link = f"https://discord.com/channels/{guild_id}/{channel_id}/{answer.reply_to}"
    return [say(answer.locale, "portrait.parent", way=say(answer.locale, f"way.{way}"), link=link)]


def _scores(answer: AnswerPayload, portraits: tuple[Portrait, ...]) -> list[str]:
    """How like the pet the first portrait is and how much of the wish it shows; that it is nearly a photo."""
    if not portraits:
        return []
    language, first = answer.locale, portraits[0]
    lines = [say(language, "portrait.copied")] if first.copied else []
    if first.agreement is None or first.likeness is None or first.photos_likeness is None:
        return lines
    like_pet = f"likeness.{verdicts.like(first.likeness, first.photos_likeness)}"
    likeness = say(language, like_pet, name=Name(answer.pet_name))
    agreement = say(language, f"agreement.{verdicts.agree(first.agreement)}")
    return [say(language, "portrait.scores", likeness=likeness, agreement=agreement), *lines]


def _reason(answer: AnswerPayload, failed: Failed) -> str:
    """Why nothing came of it; what can be done about it is another thing where a dog is learnt, or comes as files."""
    key = f"error.{failed.cause}"
    if answer.imported:
        key = OF_AN_IMPORT.get(failed.cause, key)
    elif answer.photos and failed.cause is Cause.OUT_OF_MEMORY:
        key = "failed.memory"
    return say(answer.locale, key, name=Name(answer.pet_name))


def _kept(answer: AnswerPayload) -> list[str]:
    """Until when the photos are kept; Discord shows each reader the time of day where they are."""
    if answer.kept_until is None:
        return []
    until = f"<t:{answer.kept_until:.0f}:f>"
    return [say(answer.locale, "failed.kept", name=Name(answer.pet_name), until=until)]


def _known(answer: AnswerPayload, result: Enrolled) -> str:
    """The pet is known, with a first portrait or without one."""
    language, name, failed = answer.locale, Name(answer.pet_name), result.failed
    if failed is None:
        return say(language, "enroll.done", name=name)
    if failed.cause is Cause.CANCELLED:
        return say(language, "enroll.cancelled", name=name)
    return say(language, "enroll.unpainted", name=name, reason=say(language, f"error.{failed.cause}", name=name))


def _rejected(answer: AnswerPayload, rejected: tuple[Rejected, ...]) -> list[str]:
    if not rejected:
        return []
    names = dict(answer.photos)
    lines = reasons(answer.locale, [(names[one.photo], f"cut.{one.reason}") for one in rejected])
    return [say(answer.locale, "enroll.left_out", reasons=lines)]


def _recipe(answer: AnswerPayload, portraits: tuple[Portrait, ...], seconds: float) -> list[str]:
    if not portraits:
        return []
    language = answer.locale
    prompt = plain_code(readable(portraits[0].prompt.text, answer.pet_name), LONGEST_PROMPT)
    seeds = ", ".join(str(one.seed) for one in portraits)
    time = duration(language, seconds)
    return [say(language, "portrait.prompt", prompt=prompt), say(language, "portrait.seeds", seeds=seeds, time=time)]

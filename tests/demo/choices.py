"""What people choose of a portrait: how much work it gets, and the same picture in another style.

Knows: the command's options, the buttons, what must be true of the answers. Does not know: the rest of the story.
"""

import re
import time
from typing import Any

from tests.demo.stage import Demo, Json
from tests.loopback import Person, Thread

OTHER_STYLE = "oil"


async def ask(demo: Demo, person: Person, thread: Thread, known: set[str], **wish: Any) -> Json:
    """One /portrait and its answer."""
    words = " ".join(f"{k}: {v}" for k, v in wish.items())
    demo.says(person.user.name, f"/portrait {words}")
    began = time.monotonic()
    await demo.answered(await person.slash("/portrait", thread, **wish))
    message = await demo.next_portrait(thread, known, within=120)
    demo.took(f"/portrait {words}", time.monotonic() - began)
    demo.saw(message)
    return message


async def qualities(demo: Demo, theo: Person, thread: Thread, known: set[str]) -> None:
    """One wish as a draft, and once more as a fine portrait."""
    demo.chapter("A draft, and a fine one")
    seconds: dict[str, float] = {}
    for quality in ("draft", "fine"):
        began = time.monotonic()
        message = await ask(
            demo, theo, thread, known, style="watercolour", wish="in the snow", quality=quality, shape="landscape"
        )
        seconds[quality] = time.monotonic() - began
        demo.check(f"the {quality} one is one picture", len(message["attachments"]) == 1)
    told = ", ".join(f"{quality} {each:.1f} s" for quality, each in seconds.items())
    demo.check(
        "a draft and a fine one, the best of eight, take at most 20 s together", sum(seconds.values()) <= 20, told
    )


async def placed(demo: Demo, theo: Person, thread: Thread, known: set[str]) -> None:
    """Where the dog is to stand, and what must not be there. Whether the picture obeys, the page shows."""
    demo.chapter("Where the dog stands, and what it must not wear")
    for place in ("on the left", "on the right"):
        message = await ask(demo, theo, thread, known, style="oil", wish=f"{place}, in the snow, no hat")
        medium, words, _ = recipe(message)
        demo.check(f"“{place}” stands in the prompt", place in words, words)
        demo.check("what a wish refuses is in no word of its prompt", "hat" not in f"{medium} {words}".split())


async def another_style(demo: Demo, theo: Person, thread: Thread, known: set[str], portrait: Json) -> None:
    """The seed and all words but the medium stay, so the composition does."""
    demo.chapter("The same picture in another style")
    demo.does("Theo", "presses 🎨 under the watercolour, and chooses oil")
    [row] = portrait["components"]
    [button] = [one["custom_id"] for one in row["components"] if one["custom_id"].endswith(":style")]
    menu = await demo.answered(await theo.click(portrait, button))
    await theo.choose(menu, menu["components"][0]["components"][0]["custom_id"], OTHER_STYLE)
    message = await demo.next_portrait(thread, known, within=120)
    demo.saw(message)
    (medium, *words), (other, *others) = recipe(portrait), recipe(message)
    demo.check("another style is another medium", medium != other, f"{medium}, then {other}")
    demo.check("every other word and the seed are the same", words == others, ", ".join(others))
    link = f"/{thread.id}/{portrait['id']}"
    demo.check("the answer links to the portrait that it came from", link in message["content"])


def recipe(message: Json) -> tuple[str, ...]:
    """Medium, the other words, and seed, as they are shown under a portrait."""
    found = re.search(r"`(.+?) of (.+)`.*seed (\d+)", message["content"], re.DOTALL)
    assert found, message["content"]
    return found.groups()

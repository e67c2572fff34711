"""`make models`: fetches what the profile in .env needs, and says what is left to do.

Knows: the settings, the exit statuses. Does not know: how models are fetched (gpu/fetch.py), which there are. The token
is handed over as a value; it is in no environment, no command line and no line of the output.
"""

import argparse
import os
import sys
from pathlib import Path

from pydantic import SecretStr, ValidationError

from cogs.ops.settings import Settings, explain
from gpu.fetch import Hub, Refused, fetch, make_segmenter
from gpu.weights import problems

WHOLE, REFUSED, STOPPED = 0, 2, 130  # exit statuses: 2 is the operator's turn, 130 is Ctrl+C


def main() -> int:
    parser = argparse.ArgumentParser(description="Fetches the models of the profile in .env.")
    parser.add_argument("--yolo", type=Path, help="an ultralytics checkpoint (...-seg.pt) to make the segmenter of")
    yolo: Path | None = parser.parse_args().yolo
    try:
        settings = Settings(discord_token=SecretStr(""))  # pyright: ignore[reportCallIssue] (nobody is talked to)
        get(settings, yolo)
    except ValidationError as error:
        return refuse(explain(error))
    except Refused as error:
        return refuse(str(error))
    except KeyboardInterrupt:
        print("Stopped. What came whole is kept, and `make models` goes on from there.", file=sys.stderr)
        return STOPPED
    return WHOLE


def get(settings: Settings, yolo: Path | None) -> None:
    """Fetch and make what is missing. Raises Refused with every sentence for the operator, one a line."""
    profile, cache = settings.studio_profile(), settings.hub_cache()
    token = settings.hf_token.get_secret_value() if settings.hf_token else None
    refused: list[str] = []
    try:
        fetch(profile, Hub(cache=cache, endpoint=settings.hf_endpoint, token=token), say)
    except Refused as error:
        refused.append(str(error))
    left = problems(profile, cache)
    if yolo or any(one.model == "segmenter" for one in left):
        try:
            make_segmenter(Path(profile.segmenter), yolo, without_secrets(settings))
        except Refused as error:
            refused.append(str(error))
        left = problems(profile, cache)
    told = refused or [str(one) for one in left]
    if told:
        raise Refused("\n".join(told))
    say(f"All models of the profile {profile.name} are here and whole.")


def without_secrets(settings: Settings) -> dict[str, str]:
    """The environment of a child that reads what somebody else wrote."""
    given = settings.child_environment()
    return {name: value for name, value in given.items() if "TOKEN" not in name} | {"ULTRALYTICS_SAFE_LOAD": "1"}


def say(sentence: str) -> None:
    print(sentence, flush=True)  # in order with the bars, also into a file


def refuse(sentences: str) -> int:
    print(sentences, file=sys.stderr)
    return REFUSED


if __name__ == "__main__":
    os.chdir(Path(__file__).parents[2])  # .env and relative folders are looked for from where bot.py looks
    sys.exit(main())

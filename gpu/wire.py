"""The messages between the bot's side (gpu/line/child.py) and the child's (gpu/worker/serve.py): JSON after its length.

Knows: how each message looks on the pipe. Does not know: pipes, processes, or what follows from a message.
"""

import struct
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from gpu.device import DeviceReport
from gpu.jobs import Job
from gpu.outcomes import Outcome, Progress

HEADER = struct.Struct(">I")  # length of the JSON in bytes


@dataclass(frozen=True, slots=True)
class Run:
    job: Job
    do: Literal["run"] = "run"


@dataclass(frozen=True, slots=True)
class Ask:
    do: Literal["pause", "cancel"]
    job_id: str


@dataclass(frozen=True, slots=True)
class Close:
    do: Literal["close"] = "close"


@dataclass(frozen=True, slots=True)
class Ready:
    device: DeviceReport
    says: Literal["ready"] = "ready"


@dataclass(frozen=True, slots=True)
class Step:
    progress: Progress
    says: Literal["progress"] = "progress"


@dataclass(frozen=True, slots=True)
class End:
    outcome: Outcome
    last: bool = False  # the child ends now, in order; what comes next is for another
    reserved: int = 0  # bytes of the card's memory that the child holds
    says: Literal["outcome"] = "outcome"


COMMAND: TypeAdapter[Run | Ask | Close] = TypeAdapter(Annotated[Run | Ask | Close, Field(discriminator="do")])
EVENT: TypeAdapter[Ready | Step | End] = TypeAdapter(Annotated[Ready | Step | End, Field(discriminator="says")])


def frame(words: TypeAdapter[Any], message: Run | Ask | Close | Ready | Step | End) -> bytes:
    """A message as it goes over the pipe."""
    body = words.dump_json(message)
    return HEADER.pack(len(body)) + body

"""`python -m tests.bench.stranger ../shared/data`: the first hour of somebody new, step by step as the README has it.

Knows: the README's commands, run in a fresh clone by somebody who has nothing but its page. Does not know: how any of
them works. Discord and the Hugging Face hub are on this machine. The models have the real classes and the real
repositories' layout and are as small as can be, so what is shown is the way and not the picture; the dog finder is
yolov8n-seg with its real weights, and the photos are of a real dog.
Bar: no step that the README does not have, and every error on the way is cured by what the doctor or `make` says.
"""

import asyncio
import json
import os
import re
import shutil
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from gpu.profile import SDXL
from tests.bench.results import keep
from tests.helpers import tiny_models
from tests.helpers.bot_process import LEASH
from tests.helpers.loopback_hub import LoopbackHub
from tests.helpers.model_repositories import LLAMA
from tests.loopback import Exchange, Loopback, Upload

ROOT = Path(__file__).parents[2]
TOKEN = "hf_OfSomebodyNew"
FIRST_DOG_S = 1800.0
LEVELS = 5  # of the UNets: at 1024 px attention is over 8 x 8, since all of the 1,000 steps are taken


@dataclass(frozen=True)
class Step:
    """What was typed, how long it took, how it ended, and what it asked for."""

    typed: str
    seconds: float
    status: int
    asked_for: list[str]


@dataclass
class Stranger:
    """Somebody with a fresh clone, a token of Discord's and one of the hub's."""

    clone: Path
    home: Path
    steps: list[Step] = field(default_factory=list[Step])

    async def type(self, *command: str) -> Step:
        """Run a command in the clone, with an environment that holds nothing."""
        bare = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C.UTF-8"}
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *command, cwd=self.clone, env=bare, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said, _ = await process.communicate()
        lines = said.decode(errors="replace").splitlines()
        asked_for = [line for line in lines if line.startswith("❌")] or lines[-2:] if process.returncode else []
        step = Step(" ".join(command), round(time.monotonic() - began, 1), process.returncode or 0, asked_for)
        self.steps.append(step)
        print(
            f"{step.seconds:7.1f} s  {step.typed}  -> {step.status}", *step.asked_for, sep="\n           ", flush=True
        )
        return step

    def edit(self, **values: str) -> None:
        """Put values into .env, as an editor would."""
        path = self.clone / ".env"
        text = path.read_text()
        for name, value in values.items():
            text, count = re.subn(rf"^{name}=.*$", f"{name}={value}", text, flags=re.MULTILINE)
            assert count == 1, f".env.example has no {name}"
        path.write_text(text)
        self.steps.append(Step(f"edit .env: {', '.join(values)}", 0.0, 0, []))


def serve_models(hub: LoopbackHub, folder: Path) -> None:
    """Let the hub have models that run, under the real ones' names."""
    tiny_models.sdxl(folder / "sdxl", LEVELS)
    tiny_models.vae().save_pretrained(folder / "vae")
    tiny_models.llama(folder / "llama")
    tiny_models.dino(folder / "dino")
    for name in ("sdxl", "vae", "llama", "dino"):
        files = [path for path in (folder / name).rglob("*") if path.is_file()]
        model = str(getattr(SDXL, name))
        hub.files[model] = {_listed(path.relative_to(folder / name), name): path.read_bytes() for path in files}
    hub.tokens, hub.gated = {TOKEN}, {LLAMA: {TOKEN}}


def _listed(path: Path, model: str) -> str:
    """The base lies at the hub in half precision too, and that is what is fetched."""
    if model == "sdxl" and path.suffix == ".safetensors":
        path = path.with_suffix(".fp16.safetensors")
    return path.as_posix()


async def way(stranger: Stranger, discord: Loopback, hub: LoopbackHub, data: Path) -> None:
    """Everything up to the first dog."""
    await stranger.type("make", "doctor")
    await stranger.type("cp", ".env.example", ".env")
    stranger.edit(**discord.environment, HF_ENDPOINT=hub.address)
    await stranger.type("make", "doctor")
    await stranger.type("make", "models", f"YOLO={data}/yolo/yolov8n-seg.dequant.pt")
    stranger.edit(HF_TOKEN=TOKEN)
    await stranger.type("make", "models", f"YOLO={data}/yolo/yolov8n-seg.dequant.pt")
    await stranger.type("make", "doctor")
    stranger.edit(ALLOW_CPU="1")  # this machine has no card; everybody else skips this
    whole = await stranger.type("make", "doctor")
    assert whole.status == 0, whole
    await serve(stranger, discord, data)
    saved = await stranger.type("make", "backup")
    assert saved.status == 0, saved


async def serve(stranger: Stranger, discord: Loopback, data: Path) -> None:
    """The service's own command, from online over the first dog to an orderly end."""
    unit = await asyncio.create_subprocess_exec(
        "make", "-s", "service", cwd=stranger.clone, stdout=asyncio.subprocess.PIPE
    )
    text = (await unit.communicate())[0].decode()
    [command] = re.findall(r"^ExecStart=(.*)$", text, flags=re.MULTILINE)
    bare = {"PATH": os.environ["PATH"], "HOME": str(stranger.home), "LANG": "C.UTF-8"}
    began = time.monotonic()
    with (stranger.home / "bot.log").open("wb") as log:
        bot = await asyncio.create_subprocess_exec(
            *LEASH, *command.split(), cwd=stranger.clone, env=bare, stdout=log, stderr=log
        )
    try:
        await discord.until(lambda: discord.online and discord.commands, timeout=60)
        stranger.steps.append(Step(command.rpartition("/")[2], round(time.monotonic() - began, 1), 0, []))
        await first_dog(stranger, discord, data)
    finally:
        bot.terminate()
        status = await bot.wait()
        shutil.copy(stranger.home / "bot.log", Path(tempfile.gettempdir()) / "stranger-bot.log")
    assert status == 0


async def first_dog(stranger: Stranger, discord: Loopback, data: Path) -> None:
    """/enroll with photos of a real dog, until its first portrait hangs in its thread."""
    photos = sorted((data / "dogs" / "dog6").glob("*.jpg"))[:5]
    files = {f"photo{n}": Upload(path.name, path.read_bytes()) for n, path in enumerate(photos, start=1)}
    began = time.monotonic()
    asked = await discord.person("Mina").slash("/enroll", discord.channel, name="Biscuit", **files)
    await discord.until(lambda: said(asked), timeout=120)
    assert discord.threads, said(asked)
    [thread] = discord.threads

    def portraits() -> list[str]:
        names = [file["filename"] for message in discord.messages(thread) for file in message["attachments"]]
        return [name for name in names if re.search(r"-0\.\w+$", name)]

    await discord.until(portraits, timeout=FIRST_DOG_S)
    stranger.steps.append(Step("/enroll Biscuit", round(time.monotonic() - began, 1), 0, portraits()))


def said(asked: Exchange) -> str:
    """The words of the answer; none while the bot is still thinking."""
    original = asked.interaction.original
    return "" if original is None or original.flags & 128 else original.content


async def main(data: Path) -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "home").mkdir()
        async with await Loopback.start() as discord, LoopbackHub() as hub:
            await asyncio.to_thread(serve_models, hub, folder / "models")
            stranger = Stranger(folder / "pawtrait", folder / "home")
            clone = await asyncio.create_subprocess_exec("git", "clone", "-q", str(ROOT), str(stranger.clone))
            await clone.wait()
            (stranger.clone / ".venv").symlink_to(ROOT / ".venv")  # its making is minutes of downloads
            (stranger.clone / ".venv" / "ready").touch()
            await way(stranger, discord, hub, data)
    steps = [asdict(step) for step in stranger.steps]
    text = json.dumps({"minutes": round(sum(step.seconds for step in stranger.steps) / 60, 1), "steps": steps})
    keep("stranger", json.loads(text.replace(name, "…").replace(str(data), "…")))
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Path(sys.argv[1]).absolute())))

"""`python -m cogs.ops.doctor` as the operator runs it: what it prints, how it ends, how long it takes."""

import asyncio
import os
import resource
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from aiohttp import web

from gpu.profile import SDXL
from tests.helpers import fake_driver
from tests.loopback import Loopback

ROOT = Path(__file__).parents[2]
HEAVY = ["torch", "transformers", "diffusers", "numpy", "PIL"]
# Not where the bot lies, and perhaps your own .env.
PROGRAM = f"""
import os, sys
from cogs.ops import doctor
os.chdir = lambda _: None
status = doctor.main()
print([name for name in {HEAVY} if name in sys.modules])
sys.exit(status)
"""


async def run(folder: Path, **environment: str) -> tuple[int | None, list[str]]:
    bare = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder)}
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", PROGRAM), cwd=folder,
        env=bare | environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await child.communicate()
    return child.returncode, out.decode().splitlines()


async def test_on_a_machine_that_has_all_it_ends_with_0_in_seconds_and_without_torch(tmp_path: Path):
    async with await Loopback.start() as discord:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        status, lines = await run(tmp_path, **discord.environment, PROFILE="pocket")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert status == 0, lines
        assert lines[-1] == "[]" and "✅ settings     profile pocket" in lines
        assert not [line for line in lines if "❌" in line] and not discord.gateway.identified
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        assert seconds < 5, "of a processor: whatever else runs on this machine meanwhile"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_a_fresh_clone_hears_of_everything_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """No .env, no models, no data; each wrong setting is a line of its own."""
    fake_driver.install(tmp_path, monkeypatch)
    status, lines = await run(tmp_path, JOBS_EACH="many", LOG_LEVEL="DEBUG", HF_HOME="/nowhere/at/all")
    assert status == 2
    wrong = [line for line in lines if line.startswith("❌ settings")]
    assert [line.split()[2] for line in wrong] == ["DISCORD_TOKEN", "JOBS_EACH", "LOG_LEVEL"]
    assert "   → copy .env.example to .env and put your bot's token there" in lines
    assert "✅ card         NVIDIA GeForce RTX 4090, 26 GB, compute capability 8.9" in lines
    assert lines.count("   → make models") == 6
    assert [line for line in lines if line.startswith("✅ database     none yet")]
    assert names(tmp_path) == ["bin"], "nothing was made"


async def test_of_a_model_that_is_not_there_the_hub_is_asked_whether_it_would_come(tmp_path: Path):
    """A licence that was not accepted, a model that is not there, a token that is none; and nobody."""
    answers = {
        SDXL.llama: web.Response(status=403, headers={"X-Error-Code": "GatedRepo"}),
        SDXL.dino: web.Response(status=404, headers={"X-Error-Code": "RepoNotFound"}),
        SDXL.vae: web.Response(status=401, headers={"X-Error-Message": "Invalid credentials in Authorization header"}),
    }
    asked: list[str | None] = []

    async def judge(request: web.Request) -> web.Response:
        asked.append(request.headers.get("Authorization"))
        return answers.get(request.match_info["model"], web.Response())

    app = web.Application()
    app.router.add_get("/api/models/{model:.+}/auth-check", judge)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hub = f"http://127.0.0.1:{runner.addresses[0][1]}"
    environment = {"DISCORD_TOKEN": "", "HF_TOKEN": "hf_secret", "HF_HUB_OFFLINE": "0"}
    (tmp_path / ".env").write_text(f"HF_ENDPOINT={hub}\n")
    _, lines = await run(tmp_path, **environment)
    await runner.cleanup()
    found = {line.split()[1]: (line, after.strip()) for line, after in pairwise(lines)}
    assert "HF_TOKEN may not read meta-llama/Meta-Llama-3-8B" in found["llama"][0]
    assert f"accept its licence at {hub}/meta-llama/Meta-Llama-3-8B-Instruct" in found["llama"][1]
    assert "The hub has no facebook/dinov2-base" in found["dino"][0] and "correct DINO_MODEL" in found["dino"][1]
    assert "does not accept your HF_TOKEN" in found["vae"][0] and "make a new one" in found["vae"][1]
    assert found["sdxl"][0].endswith("is not on this machine") and found["sdxl"][1] == "→ make models"
    assert asked == ["Bearer hf_secret"] * 5 and "hf_secret" not in str(lines)
    _, lines = await run(tmp_path, **environment)
    assert len([line for line in lines if "gives no answer just now" in line]) == 5, lines

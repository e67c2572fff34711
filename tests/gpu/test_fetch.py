"""Models from a hub on this machine: what comes, what is said, and what is left to the operator."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from huggingface_hub import constants

from gpu.fetch import Hub, Refused, fetch, refusal
from gpu.profile import SDXL, Profile
from gpu.sources import sources
from gpu.weights import problems
from tests.helpers.loopback_hub import LoopbackHub
from tests.helpers.model_repositories import LLAMA, segmenter, weights

SHARD = "model-00002-of-00004.safetensors"
UNET = "unet/diffusion_pytorch_model.fp16.safetensors"
TOKEN = "hf_VerySecretToken"


@pytest.fixture
async def hub(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LoopbackHub]:
    """Tests are not to ask the real one, so the library is off line in them; this one it may ask."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    async with LoopbackHub() as hub:
        hub.tokens = {TOKEN}
        yield hub


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    segmenter(tmp_path / "yolov8x-seg")
    return replace(SDXL, segmenter=str(tmp_path / "yolov8x-seg"))


class Operator:
    """Who asks for models, and reads what is said."""

    def __init__(self, hub: LoopbackHub, profile: Profile, cache: Path) -> None:
        self.hub, self.profile, self.cache = hub, profile, cache
        self.said: list[str] = []

    async def fetch(self, token: str | None = None, **models: str) -> str:
        """The sentence that refuses; empty if all is whole."""
        asked = Hub(cache=self.cache, endpoint=self.hub.address, token=token)
        try:
            await asyncio.to_thread(fetch, replace(self.profile, **models), asked, self.said.append)
        except Refused as error:
            return str(error)
        return ""


@pytest.fixture
def operator(hub: LoopbackHub, profile: Profile, tmp_path: Path) -> Operator:
    return Operator(hub, profile, tmp_path / "hub")


async def test_all_that_is_needed_comes_and_comes_once(hub: LoopbackHub, operator: Operator):
    assert not await operator.fetch()
    assert problems(operator.profile, operator.cache) == ()
    assert f"{LLAMA}/{SHARD}" in hub.fetched
    unused = ("original/", "vae_1_0", "onnx", ".bin", "sd_xl_", "sdxl.vae", f"{SDXL.sdxl}/vae")
    assert not [name for name in hub.fetched if any(part in name for part in unused)]
    assert any("0.0 MB to fetch" in line and "are free" in line for line in operator.said), operator.said
    hub.asked.clear()
    assert not await operator.fetch()
    assert hub.asked == []


async def test_a_connection_that_is_cut_goes_on_where_it_was(hub: LoopbackHub, operator: Operator):
    """After the last 10 MB that the library has written whole."""
    hub.cuts[SHARD] = 1
    hub.files[LLAMA][SHARD] = weights(f"layer.{SHARD}", numbers=12_500_000)
    assert not await operator.fetch()
    assert hub.ranges == ["bytes=10485760-"]
    assert hub.fetched.count(f"{LLAMA}/{SHARD}") == 2
    assert problems(operator.profile, operator.cache) == ()


async def test_what_came_whole_is_kept_when_the_rest_does_not_come(hub: LoopbackHub, operator: Operator):
    hub.lost = {SHARD}
    assert f"The hub does not give {LLAMA}@8afb486c1db2 (404 Client Error" in await operator.fetch()
    first = set(hub.fetched)
    hub.asked.clear()
    hub.lost.clear()
    assert not await operator.fetch()
    assert f"{LLAMA}/{SHARD}" in hub.fetched and not first & set(hub.fetched)


async def test_a_file_that_is_damaged_at_the_hub_itself(hub: LoopbackHub, operator: Operator):
    hub.files[SDXL.dino]["model.safetensors"] = b"<html>moved</html>"
    said = await operator.fetch()
    assert "model.safetensors is no safetensors file" in said and "may be damaged at the hub" in said


async def test_a_file_that_was_damaged_since_is_fetched_anew(hub: LoopbackHub, operator: Operator):
    await operator.fetch()
    [unet] = operator.cache.glob(f"*base*/snapshots/*/{UNET}")
    unet.resolve().write_bytes(unet.read_bytes()[:40])
    [config] = operator.cache.glob("*dinov2*/snapshots/*/config.json")
    config.unlink()
    assert {one.model for one in problems(operator.profile, operator.cache)} == {"sdxl", "dino"}
    hub.asked.clear()
    assert not await operator.fetch()
    assert problems(operator.profile, operator.cache) == ()
    assert hub.fetched == [f"{SDXL.sdxl}/{UNET}"], "of the other only the name was gone"


async def test_a_licence_that_was_not_accepted(hub: LoopbackHub, operator: Operator):
    hub.gated[LLAMA] = set()
    page = f"{hub.address}/{LLAMA}"
    said = await operator.fetch()
    assert (
        f"log in at {page} and accept its licence" in said and "set HF_TOKEN in .env, then `make models` again" in said
    )
    assert [one.model for one in problems(operator.profile, operator.cache)] == ["llama"], "the others came meanwhile"
    said = await operator.fetch(TOKEN)
    assert f"The account of your HF_TOKEN may not read {LLAMA} yet: accept its licence at {page}" in said
    hub.gated[LLAMA] = {TOKEN}
    hub.asked.clear()
    assert not await operator.fetch(TOKEN)
    assert {name.rpartition("/")[0] for name in hub.fetched} == {LLAMA}
    assert hub.told_elsewhere == [], "the host of large files is told no token"


async def test_a_token_that_the_hub_does_not_know(operator: Operator):
    said = await operator.fetch("hf_wrong")
    assert f"The hub does not accept your HF_TOKEN for {LLAMA}: make a new one" in said
    assert "hf_wrong" not in said


async def test_models_and_revisions_that_there_are_not(hub: LoopbackHub, operator: Operator):
    said = await operator.fetch(
        dino_revision="v9", vae="somebody/vae", sdxl=SDXL.dino, sdxl_revision=SDXL.dino_revision
    )
    sdxl, vae, dino = said.splitlines()
    assert dino == "facebook/dinov2-base has no revision v9: correct DINO_MODEL in .env, then `make models` again."
    assert vae.startswith(
        "The hub has no somebody/vae, or keeps it private: correct VAE_MODEL in .env, or set HF_TOKEN"
    )
    assert "has no model_index.json: name another model in SDXL_MODEL in .env" in sdxl
    said = await operator.fetch(TOKEN, vae="somebody/vae")
    assert said.startswith("The hub has no somebody/vae")


async def test_a_branch_is_followed_once(hub: LoopbackHub, operator: Operator):
    """A model of one's own without a revision is taken as it is now, and stays."""
    operator.profile = replace(operator.profile, dino_revision=None)
    assert not await operator.fetch()
    assert problems(operator.profile, operator.cache) == ()
    hub.asked.clear()
    hub.files[SDXL.dino]["config.json"] = b'{"newer": 1}'
    assert not await operator.fetch()
    assert hub.asked == []


async def test_a_disk_that_is_too_small_is_told_before_anything_comes(hub: LoopbackHub, operator: Operator):
    hub.sizes[SHARD] = 10**16
    said = await operator.fetch()
    assert said.startswith("The disk is too small: ") and "set HF_HOME in .env to a folder on another disk" in said
    assert hub.fetched == []
    assert any(line.startswith(f"llama: {LLAMA}@8afb486c1db2, 10000000.0 GB in 10 files") for line in operator.said)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 200 kB, where this user may make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder))
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only who may mount can have a full disk")
    yield folder
    subprocess.run(("umount", str(folder)), check=True)


@pytest.mark.filterwarnings("ignore:Not enough free disk space")
async def test_a_disk_that_fills_up(hub: LoopbackHub, operator: Operator, small_disk: Path):
    operator.cache = small_disk / "hub"
    hub.files[LLAMA][SHARD] = weights(f"layer.{SHARD}", numbers=200_000)
    hub.sizes[SHARD] = 100
    other, full = (await operator.fetch(dino_revision="v9")).splitlines()
    assert full == "The disk is full: make room, then `make models` again. What came whole is kept."
    assert "has no revision v9" in other, "what was refused before is not forgotten"


async def test_without_a_network_it_ends_at_the_first_model(operator: Operator, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    said = await operator.fetch()
    assert (
        said == f"HF_HUB_OFFLINE is set, so {operator.hub.address} cannot be asked: unset it, then `make models` again."
    )


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            httpx2.ConnectError("Connection refused"),
            "gives no answer just now (Connection refused)",
        ),
        (
            httpx2.RemoteProtocolError("peer closed connection"),
            "gives no answer just now (peer closed connection)",
        ),
        (httpx2.ReadTimeout("timed out"), "gives no answer just now (timed out)"),
        (
            PermissionError(13, "Permission denied", "/hub"),
            "/hub may not be written: give it to the user",
        ),
        (OSError("Consistency check failed"), "was not fetched (Consistency check failed)"),
    ],
)
def test_errors_that_take_the_library_minutes_or_another_user(error: Exception, sentence: str):
    source = next(one for one in sources(SDXL) if one.name == "dino")
    assert sentence in str(refusal(source, error, Hub()))

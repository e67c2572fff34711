"""The pool obeys the memory plan: what lies on the device together, whoever is asked for, and how Llama is read.

Where the device is the host, moving is only an account; the meta device stands for a card that can be told from it.
"""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from gpu.errors import NoDevice, OutOfMemory
from gpu.memory import ALL, EACH, MemoryPlan, Name, Sizes, candidates, sizes_here
from gpu.portraits import Prompt
from gpu.profile import Profile
from gpu.studio import dataset
from gpu.studio.device import prove, usable_device
from gpu.studio.generate import generate
from gpu.studio.models import ModelPool
from tests.helpers import tiny_models as tiny_models

pytestmark = tiny_models.QUIET
HOST = 10**11
ROWS = 4 * 2 * (8 + 16)  # bytes of two new tokens in both text encoders
HOST_DEVICE = torch.device("cpu")
PROMPT = Prompt(text="a photo of <s0> <s1> dog")
ASKED: tuple[Name, ...] = (
    "yolo",
    "sdxl",
    "dino",
    "llama",
    "sdxl",
    "sdxl",
    "yolo",
    "llama",
    "dino",
)


@pytest.fixture(scope="module")
def tiny() -> Profile:
    return tiny_models.pool().profile


@pytest.fixture(scope="module")
def sizes(tiny: Profile) -> Sizes:
    """As the files say."""
    return sizes_here(tiny)


def four_bytes(profile: Profile, sizes: Sizes, memory: int) -> list[MemoryPlan]:
    """Every plan with Llama unquantised, without gradient checkpointing first."""
    return [one for one in candidates(profile, sizes, memory=memory, host=HOST, itemsize=4) if one.llama == "full"]


def bytes_on_device(pool: ModelPool) -> int:
    """Counted, of what files hold: all in 32 bits."""
    return 4 * sum(tensor.numel() for module in pool._on_device for tensor in module.state_dict().values())


@pytest.mark.parametrize("which", [0, 1, 2], ids=["all stay", "Llama apart", "each"])
def test_no_more_lies_on_the_device_than_is_planned(tiny: Profile, sizes: Sizes, which: int) -> None:
    pool = ModelPool(tiny)
    torch.set_num_threads(1)
    pool.plan = plan = four_bytes(tiny, sizes, memory=HOST)[which]
    most = 0
    for name in ASKED:
        with pool.use(name):
            assert name in pool.on_device()
            most = max(most, bytes_on_device(pool))
            assert bytes_on_device(pool) <= plan.weights + ROWS
    assert most == plan.weights + ROWS  # so the plan counts what is there, and no more
    assert set(plan.turns[0]).intersection(*plan.turns) <= pool.on_device()


def test_a_pool_plans_with_what_its_files_say_and_the_memory_it_is_given(tiny: Profile, sizes: Sizes) -> None:
    plans = {memory: ModelPool(tiny, memory=memory).plan for memory in (10, 10**10)}
    torch.set_num_threads(1)
    assert not plans[10].fits
    assert (plans[10].llama, len(plans[10].turns)) == (None, 2)
    assert plans[10**10].turns == ALL
    assert plans[10**10].weights == four_bytes(tiny, sizes, memory=HOST)[0].weights


def test_checkpointing_is_planned_too(tiny: Profile, sizes: Sizes) -> None:
    for plan in four_bytes(tiny, sizes, memory=HOST)[::3]:
        pool = ModelPool(tiny)
        torch.set_num_threads(1)
        pool.plan = plan
        with pool.use("sdxl") as pipe:
            assert pipe.unet.is_gradient_checkpointing == plan.checkpointing


def test_a_portrait_is_the_same_whoever_takes_turns(tiny: Profile, sizes: Sizes, tmp_path: Path) -> None:
    """Between the two, Llama is on the device."""
    pet, seen = tiny_models.pet(tmp_path), list[bytes]()
    for plan in four_bytes(tiny, sizes, memory=HOST)[:3:2]:
        pool = ModelPool(tiny)
        torch.set_num_threads(1)
        pool.plan = plan
        for turn in ("first", "second"):
            with pool.use("llama"):
                pass
            assert ("sdxl" in pool.on_device()) == (len(plan.turns) == 1 and turn == "second")
            out = tmp_path / plan.where() / turn
            (picture,) = generate(pool, pet, PROMPT, (5,), tiny_models.SAMPLING, out, lambda progress: None)
            seen.append(picture.path.read_bytes())
    assert len(seen) == 4 and len(set(seen)) == 1


def test_a_model_lies_on_the_card_before_its_first_call(sizes: Sizes) -> None:
    pool = ModelPool(tiny_models.pool().profile)
    torch.set_num_threads(1)
    pool.device = torch.device("meta")
    with pool.use("sdxl") as pipe:
        parts = (pipe.vae, pipe.unet, pipe.text_encoder, pipe.text_encoder_2)
        assert {part.device.type for part in parts} == {"meta"}


def test_a_move_that_ends_half_way_is_taken_back(tiny: Profile) -> None:
    pool = ModelPool(tiny)
    torch.set_num_threads(1)
    with pool.use("llama") as llama:
        pass
    pool.evict("llama")
    assert "llama" not in pool.on_device()

    moves: list[torch.device] = []

    def move(device: torch.device) -> None:
        moves.append(device)
        if len(moves) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    llama.model.to = move
    with pytest.raises(OutOfMemory), pool.use("llama"):
        pass
    assert "llama" not in pool.on_device()
    with pool.use("llama"):
        assert "llama" in pool.on_device()
    assert moves == [pool.device, HOST_DEVICE, pool.device]


def test_llama_may_have_int8_weights(tiny: Profile, sizes: Sizes) -> None:
    """By torchao, as on a small card: its blocks' weights are numbers of one byte, and it answers nearly as before."""
    pool = ModelPool(tiny)
    torch.set_num_threads(1)
    pool.plan = replace(pool.plan, llama="int8", turns=EACH)
    ids = torch.arange(5, 25)[None]
    with pool.use("llama") as llama, torch.no_grad():
        weight = llama.model.model.layers[0].mlp.up_proj.weight
        assert weight.qdata.dtype == torch.int8
        assert llama.model.lm_head.weight.dtype == torch.float32
        quantised = llama.model(ids).logits
    with tiny_models.pool().use("llama") as llama, torch.no_grad():
        logits = llama.model(ids).logits
    assert (quantised - logits).abs().mean() < 0.02 * logits.abs().mean()
    with pool.use("sdxl"):
        assert "llama" not in pool.on_device()
    with pool.use("llama") as llama, torch.no_grad():
        assert torch.equal(llama.model(ids).logits, quantised)


def test_photos_are_read_on_a_small_card_as_on_any(tiny: Profile, tmp_path: Path) -> None:
    cutouts = tiny_models.cutouts(tmp_path)
    pool = ModelPool(tiny, memory=10)
    torch.set_num_threads(1)
    with pool.use("sdxl") as one, tiny_models.pool().use("sdxl") as other:
        pairs = zip(dataset.samples(one, cutouts, 64), dataset.samples(other, cutouts, 64), strict=True)
        assert all(torch.equal(mine.latents, theirs.latents) for mine, theirs in pairs)


def test_a_device_proves_itself_or_says_why_not() -> None:
    prove(usable_device(tiny_models.pool().profile))
    with pytest.raises((RuntimeError, AssertionError)):  # AssertionError: a torch that was built without CUDA
        prove(torch.device("cuda", 99))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card")
def test_without_a_card_only_who_may_computes() -> None:
    with pytest.raises(NoDevice, match=r"No card can be used: .+ set ALLOW_CPU=1"):
        ModelPool(replace(tiny_models.pool().profile, allow_cpu=False))

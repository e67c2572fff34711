"""Nothing dear is lost to something cheap: models that are broken, before a training begins and in the middle of it."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from gpu.errors import PauseAsked
from gpu.jobs import Enroll, Paint
from gpu.line.journal import final_outcome
from gpu.outcomes import Cause, Done, Enrolled, Failed
from gpu.pets import Adapter
from gpu.profile import Profile
from gpu.studio import studio
from gpu.studio.studio import Studio
from gpu.worker.control import JobControl, run_job
from tests.contracts.studio import Listener
from tests.gpu.studio.test_studio import enrolment_in
from tests.helpers import tiny_models as tiny_models
from tests.helpers.broken_models import FAULTS, MODELS, Breaker, Fault, Model, lack_memory, with_copies

QUICK: tuple[Fault, ...] = ("cut off", "out of memory")  # tests/bench/lost_trainings.py tries all, with the real child
pytestmark = tiny_models.QUIET


@pytest.fixture
def studio_with_copies(tmp_path: Path) -> Studio:
    """The tiny models, in folders that may be broken."""
    tiny, own = tiny_models.pool().profile, tmp_path / "models"
    profile = with_copies(tiny, own, llama=Path(tiny.llama), dino=Path(tiny.dino))
    learning = replace(tiny.learning, token_steps=1, lora_steps=1)
    return built(replace(profile, learning=learning))


def built(profile: Profile) -> Studio:
    one = studio.build(profile)
    torch.set_num_threads(1)
    return one


def run(one: Studio, job: Enroll | Paint, breaker: Breaker) -> Done | Failed:
    outcome = run_job(one, job, JobControl(), breaker)
    assert isinstance(outcome, Done | Failed)
    return outcome


@pytest.mark.parametrize("model", MODELS)
def test_a_model_that_breaks_in_the_middle_of_a_training_costs_a_portrait_at_most(
    studio_with_copies: Studio, model: Model, tmp_path: Path
) -> None:
    one = studio_with_copies
    for fault in QUICK:
        breaker = Breaker(one.profile, model, fault)
        enough = lack_memory(one.pool, model) if fault == "out of memory" else lambda: None
        outcome = run(one, enrolment_in(tmp_path / fault), breaker)
        [learnt] = [progress.learnt for progress in breaker.heard if progress.learnt]
        final = final_outcome(outcome, learnt, seconds=1.0)
        assert isinstance(final, Done) and isinstance(final.result, Enrolled)
        assert final.result.adapter.folder.is_dir()
        if model == "llama":
            assert [one.prompt.source for one in final.result.portraits] == ["template"]
        else:
            cause = Cause.OUT_OF_MEMORY if fault == "out of memory" else Cause.MODELS_MISSING
            assert final.result.failed and final.result.failed.cause is cause
            assert (final.result.adapter.likeness, final.result.portraits) == (None, ())
        breaker.mend()
        enough()
    again = Breaker(one.profile, model, "out of memory")
    mended = run(one, enrolment_in(tmp_path / QUICK[0]), again)
    assert isinstance(mended, Done) and isinstance(mended.result, Enrolled)
    assert len(mended.result.portraits) == 1
    assert "learning" not in again.phases, "nothing is learnt twice"


def test_nothing_begins_while_a_model_is_broken(studio_with_copies: Studio, tmp_path: Path) -> None:
    one, enrolment = studio_with_copies, enrolment_in(tmp_path / "job")
    pet = Adapter(folder=tmp_path, tokens=("<s0>",), class_word="dog", base="x", steps=1)
    paint = Paint(job_id="paint", folder=tmp_path, adapter=pet, cutouts=(), wish=enrolment.wish, seeds=(1,))
    for fault in FAULTS[:3]:
        breaker = Breaker(one.profile, "dino", fault)
        breaker.break_now()
        for job in (enrolment, paint):
            outcome = run(one, job, breaker)
            assert isinstance(outcome, Failed) and outcome.cause is Cause.MODELS_MISSING
            assert outcome.message.startswith("dino: ")
        assert breaker.phases == {"loading"}
        breaker.mend()


def test_a_training_that_has_begun_goes_on_without_what_comes_after_it(
    studio_with_copies: Studio, tmp_path: Path
) -> None:
    """Else a model that breaks while the training is paused, or the bot is away, would cost what was learnt so far."""
    one, job = studio_with_copies, enrolment_in(tmp_path / "job")
    with pytest.raises(PauseAsked):
        one.enroll(job, Listener(stop_at=1))
    one.checkpoint_paused()
    breaker = Breaker(one.profile, "dino", "missing")
    breaker.break_now()
    outcome = run_job(built(one.profile), job, JobControl(), breaker)
    assert isinstance(outcome, Failed) and outcome.cause is Cause.MODELS_MISSING
    assert [progress.learnt for progress in breaker.heard if progress.learnt]

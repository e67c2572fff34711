"""What executors and the line may rely on in a studio. A test class inherits this and gives the fixtures.

Knows: StudioProtocol (gpu/worker/control.py). Does not know: whether models or a double do the work.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace

import pytest

from gpu.errors import AdapterMismatch, Cancelled, PauseAsked
from gpu.jobs import Enroll, Look, Paint
from gpu.outcomes import Enrolled, Looked, Painted, Progress
from gpu.worker.control import StudioProtocol


class Listener:
    """A report that remembers, and raises once the training has come to a step."""

    def __init__(self, stop_at: int = 0, stop: type[Exception] = PauseAsked) -> None:
        self.heard: list[Progress] = []
        self._stop_at = stop_at
        self._stop = stop

    def __call__(self, progress: Progress) -> None:
        self.heard.append(progress)
        if self._stop_at and progress.phase == "learning" and progress.step >= self._stop_at:
            raise self._stop

    @property
    def learnt(self) -> list[int]:
        """The steps that were made, in order."""
        made = (one for one in self.heard if one.phase == "learning" and one.step and not one.painted)
        return [progress.step for progress in made]


def look_before(job: Enroll) -> Look:
    """The look with which this enrolment begins."""
    return Look(job_id=job.job_id, folder=job.folder, photos=job.photos, class_word=job.class_word)


class StudioContract:
    @pytest.fixture
    def build(self) -> Callable[[], StudioProtocol]:
        raise NotImplementedError

    @pytest.fixture
    def enrolment(self) -> Enroll:
        """One with more than 5 training steps."""
        raise NotImplementedError

    @pytest.fixture
    def looking(self) -> Look:
        """At several photos, for another enrolment."""
        raise NotImplementedError

    @pytest.fixture
    def importing(self) -> Enroll:
        """Of what was learnt elsewhere, on the base model that is here."""
        raise NotImplementedError

    @pytest.fixture
    def painting(self) -> Paint:
        raise NotImplementedError

    def test_enrols_step_by_step(self, build: Callable[[], StudioProtocol], enrolment: Enroll) -> None:
        listener = Listener()
        result = build().enroll(enrolment, listener)
        assert isinstance(result, Enrolled)
        assert result.adapter.tokens
        assert all(portrait.path.is_file() for portrait in result.portraits)
        assert listener.learnt == sorted(set(listener.learnt))

    def test_tells_what_it_has_learnt_before_it_paints(
        self, build: Callable[[], StudioProtocol], enrolment: Enroll
    ) -> None:
        listener = Listener()
        result = build().enroll(enrolment, listener)
        [told] = [progress for progress in listener.heard if progress.learnt]
        assert told.learnt and told.learnt.portraits == ()
        assert replace(result.adapter, likeness=None) == told.learnt.adapter
        assert (result.cutouts, result.sheet) == (told.learnt.cutouts, told.learnt.sheet)
        assert told.learnt.adapter.folder.is_dir()
        assert told.checkpoint > max(listener.learnt[:-1]), "it is news, whatever was safe before"
        before = listener.heard[: listener.heard.index(told)]
        assert not [progress for progress in before if progress.phase == "painting"]
        again = Listener()
        build().enroll(enrolment, again)
        assert [progress.learnt for progress in again.heard if progress.learnt] == [told.learnt]

    def test_looks_at_every_photo(self, build: Callable[[], StudioProtocol], looking: Look) -> None:
        listener = Listener()
        looked = build().look(looking, listener)
        assert isinstance(looked, Looked)
        good, refused = [one.photo for one in looked.cutouts], [one.photo for one in looked.rejected]
        assert sorted(good + refused) == sorted(photo.sha256 for photo in looking.photos), "each once"
        assert {remark.photo for remark in looked.remarks} <= {photo.sha256 for photo in looking.photos}
        assert looked.sheet.is_file() and looked.class_word != "auto"
        assert all(cutout.image.is_file() and cutout.mask.is_file() for cutout in looked.cutouts)
        assert [progress.phase for progress in listener.heard][:1] == ["loading"]
        assert {progress.phase for progress in listener.heard} == {"loading", "cutting"}
        assert not any(progress.checkpoint or progress.learnt for progress in listener.heard)

    def test_what_was_looked_at_is_not_cut_again(self, build: Callable[[], StudioProtocol], enrolment: Enroll) -> None:
        looked, listener = build().look(look_before(enrolment), Listener()), Listener()
        result = build().enroll(replace(enrolment, class_word=looked.class_word), listener)
        assert "cutting" not in {progress.phase for progress in listener.heard}
        assert (result.cutouts, result.rejected) == (looked.cutouts, looked.rejected)
        assert result.adapter.class_word == looked.class_word

    @pytest.mark.parametrize("stop", [PauseAsked, Cancelled])
    def test_a_look_that_is_stopped_can_be_run_again(
        self, build: Callable[[], StudioProtocol], looking: Look, stop: type[Exception]
    ) -> None:
        def report(progress: Progress) -> None:
            if progress.phase == "cutting":
                raise stop

        studio = build()
        with pytest.raises(stop):
            studio.look(looking, report)
        looked = studio.look(looking, Listener())
        assert len(looked.cutouts) + len(looked.rejected) == len(looking.photos)
        assert build().look(looking, Listener()) == looked

    def test_what_was_learnt_elsewhere_is_taken_in(
        self, build: Callable[[], StudioProtocol], importing: Enroll
    ) -> None:
        listener = Listener()
        result = build().enroll(importing, listener)
        assert not {"cutting", "learning"} & {progress.phase for progress in listener.heard}
        [told] = [progress for progress in listener.heard if progress.learnt]
        assert told.learnt and told.learnt.portraits == () and told.checkpoint > 0
        assert result.adapter.folder == importing.folder / "adapter" and result.adapter.likeness is None
        assert (result.cutouts, result.rejected, result.sheet) == ((), (), None)
        [first] = result.portraits
        assert first.path.is_file() and first.likeness is None

    def test_what_was_learnt_on_another_base_model_is_refused_before_it_is_known(
        self, build: Callable[[], StudioProtocol], importing: Enroll
    ) -> None:
        path, listener = importing.folder / "adapter" / "recipe.json", Listener()
        path.write_text(json.dumps(json.loads(path.read_text()) | {"base": "e" * 64}))
        with pytest.raises(AdapterMismatch):
            build().enroll(importing, listener)
        assert not [progress for progress in listener.heard if progress.learnt]

    def test_paints_one_for_each_seed(self, build: Callable[[], StudioProtocol], painting: Paint) -> None:
        result = build().paint(painting, Listener())
        assert isinstance(result, Painted)
        assert tuple(portrait.seed for portrait in result.portraits) == painting.seeds
        assert all(portrait.path.is_file() for portrait in result.portraits)

    def test_the_same_seeds_paint_the_same_pictures(self, build: Callable[[], StudioProtocol], painting: Paint) -> None:
        pictures: list[list[bytes]] = []
        for _ in range(2):
            result = build().paint(painting, Listener())
            pictures.append([portrait.path.read_bytes() for portrait in result.portraits])
            for portrait in result.portraits:
                portrait.path.unlink()
        assert pictures[0] == pictures[1]
        assert len(set(pictures[0])) == len(painting.seeds)

    def test_goes_on_after_a_pause_a_look_and_a_portrait(
        self, build: Callable[[], StudioProtocol], enrolment: Enroll, looking: Look, painting: Paint
    ) -> None:
        studio, first, second = build(), Listener(stop_at=3), Listener()
        with pytest.raises(PauseAsked):
            studio.enroll(enrolment, first)
        studio.look(looking, Listener())
        studio.paint(painting, Listener())
        studio.enroll(enrolment, second)
        assert second.learnt[0] >= first.learnt[-1]

    def test_another_studio_goes_on_after_a_rest(self, build: Callable[[], StudioProtocol], enrolment: Enroll) -> None:
        studio, first, second = build(), Listener(stop_at=3), Listener()
        with pytest.raises(PauseAsked):
            studio.enroll(enrolment, first)
        studio.checkpoint_paused()
        build().enroll(enrolment, second)
        assert second.learnt[0] >= first.learnt[-1]
        assert max(progress.checkpoint for progress in second.heard) >= first.learnt[-1]

    def test_a_training_whose_folder_is_gone_is_not_written_back(
        self, build: Callable[[], StudioProtocol], enrolment: Enroll
    ) -> None:
        studio = build()
        with pytest.raises(PauseAsked):
            studio.enroll(enrolment, Listener(stop_at=3))
        shutil.rmtree(enrolment.folder)
        studio.checkpoint_paused()
        assert not enrolment.folder.exists()

    def test_a_cancelled_job_ends_at_its_step(self, build: Callable[[], StudioProtocol], enrolment: Enroll) -> None:
        listener = Listener(stop_at=2, stop=Cancelled)
        with pytest.raises(Cancelled):
            build().enroll(enrolment, listener)
        assert listener.learnt[-1] == 2

    def test_rest_and_drop_are_fine_with_nothing_to_do(self, build: Callable[[], StudioProtocol]) -> None:
        studio = build()
        studio.checkpoint_paused()
        studio.drop("unknown")

    def test_tells_how_much_of_the_card_it_holds(self, build: Callable[[], StudioProtocol], painting: Paint) -> None:
        studio = build()
        assert studio.memory_reserved() >= 0
        studio.paint(painting, Listener())
        assert studio.memory_reserved() >= 0

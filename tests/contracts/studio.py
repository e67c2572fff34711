"""What executors and the line may rely on in a studio. A test class inherits this and gives the fixtures.

Knows: StudioProtocol (gpu/worker/control.py). Does not know: whether models or a double do the work.
"""

import shutil
from collections.abc import Callable
from dataclasses import replace

import pytest

from gpu.errors import Cancelled, PauseAsked
from gpu.types import Enroll, Enrolled, Paint, Painted, Progress
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
        return [progress.step for progress in self.heard if progress.phase == "learning" and progress.step]


class StudioContract:
    @pytest.fixture
    def build(self) -> Callable[[], StudioProtocol]:
        raise NotImplementedError

    @pytest.fixture
    def enrolment(self) -> Enroll:
        """One with more than 5 training steps."""
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

    def test_goes_on_after_a_pause_and_a_portrait(
        self, build: Callable[[], StudioProtocol], enrolment: Enroll, painting: Paint
    ) -> None:
        studio, first, second = build(), Listener(stop_at=3), Listener()
        with pytest.raises(PauseAsked):
            studio.enroll(enrolment, first)
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

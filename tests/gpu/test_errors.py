"""Every failure has a cause of its own, and keeps the word that rows and payloads know it by."""

from gpu import errors
from gpu.errors import StudioError
from gpu.outcomes import Cause


def test_each_error_has_the_cause_of_its_name() -> None:
    known = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, StudioError)]
    kinds = [kind for kind in known if kind is not StudioError]
    assert {kind.__name__: kind.cause for kind in kinds} == {cause.value: cause for cause in Cause}


def test_only_the_process_is_replaced_that_failed_itself() -> None:
    assert {cause for cause in Cause if cause.needs_new_process} == {Cause.OUT_OF_MEMORY, Cause.WORKER_DIED}

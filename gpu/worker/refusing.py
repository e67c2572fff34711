"""In place of a studio on a machine that may not compute.

Knows: why not. Does not know: how that was found out (gpu/studio/device.py).
"""

from typing import NoReturn

from gpu.device import DeviceReport
from gpu.errors import NoDevice
from gpu.jobs import Enroll, Look, Paint
from gpu.outcomes import Report


class RefusingStudio:
    """Every job fails at once with NoDevice, so people are told, and the operator can act."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def enroll(self, job: Enroll, report: Report) -> NoReturn:
        raise NoDevice(self._reason)

    def look(self, job: Look, report: Report) -> NoReturn:
        raise NoDevice(self._reason)

    def paint(self, job: Paint, report: Report) -> NoReturn:
        raise NoDevice(self._reason)

    def device_report(self) -> DeviceReport:
        return DeviceReport(refused=self._reason)

    def checkpoint_paused(self) -> None:
        """Nothing is paused here."""

    def drop(self, job_id: str) -> None:
        """Nothing is kept warm here."""

    def memory_reserved(self) -> int:
        return 0

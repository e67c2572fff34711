"""An event loop for simulations: time jumps to the next timer, and whoever died does nothing any more.

Knows: asyncio, and that aiosqlite works in a thread. Does not know: what is simulated.
Two runs of one program are equal to the last callback: a thread's answers are taken up only between two rounds, after
every statement that was sent has come back; what goes to the thread pool is done at once, where it was asked for.
"""

import asyncio
import queue
import selectors
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any, TypeVar

T = TypeVar("T")
Call = tuple[Callable[..., object], tuple[Any, ...], Context | None]

LIFE: ContextVar[int] = ContextVar("LIFE", default=0)  # whose doing this is; life 0 is the world and never ends
MANY = 50  # tasks, before those that are done are forgotten


class Stuck(Exception):
    """Nothing is left that could ever happen."""


class Clockwork(asyncio.SelectorEventLoop):
    """`between` is called between any two rounds of callbacks, when no thread has anything to do for us."""

    def __init__(self) -> None:
        self.now = 0.0  # seconds
        self.rounds = 0
        self.answered = False  # a thread has just answered
        self.between: Callable[[], None] = lambda: None
        self.complaints: list[str] = []  # what reached the loop's exception handler
        self._owed = 0  # answers that a thread will give
        self._answers: queue.SimpleQueue[Call] = queue.SimpleQueue()
        self._home = threading.get_ident()
        self._frozen: dict[int, list[Call]] = {}  # of each killed life: what would have come next
        self._tasks: dict[int, list[asyncio.Task[Any]]] = defaultdict(list)
        super().__init__(_Jump(self))
        self.set_task_factory(self._make)
        self.set_exception_handler(lambda _, what: self.complaints.append(f"{what}"))

    def time(self) -> float:
        return self.now

    # ---- lives -----------------------------------------------------------------------------------------------------

    def live(self, life: int, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start a task that ends, with all that comes of it, when that life does."""
        context = copy_context()
        context.run(LIFE.set, life)
        return self.create_task(work, context=context)

    def kill(self, life: int) -> None:
        """As kill -9: nothing of that life takes another step, and no `finally` runs."""
        self._frozen[life] = []

    async def reap(self) -> None:
        """After the end of all things: let the tasks of all killed lives unwind, now that nobody looks."""
        for life in list(self._frozen):
            for callback, args, context in self._frozen.pop(life):
                self.call_soon(callback, *args, context=context)
            while tasks := [task for task in self._tasks[life] if not task.done()]:
                for task in tasks:
                    task.cancel()  # more than once: asyncio.wait_for loses one that comes with its answer
                await asyncio.sleep(1)

    def _make(self, loop: asyncio.AbstractEventLoop, work: Any, context: Context | None = None) -> asyncio.Task[Any]:
        task = asyncio.Task(work, loop=loop, context=context)
        tasks = self._tasks[_life(context)]
        if len(tasks) > MANY:
            tasks[:] = [old for old in tasks if not old.done()]
        tasks.append(task)  # a task of a killed life must not be collected: that would run its `finally`
        return task

    def _step(self, life: int, call: Call) -> None:
        if life in self._frozen:
            self._frozen[life].append(call)
        else:
            callback, args, _ = call
            callback(*args)

    # ---- asyncio's own -----------------------------------------------------------------------------------------------

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> asyncio.Handle:
        return super().call_soon(self._step, _life(context), (callback, args, context), context=context)

    def call_at(self, when: float, callback: Any, *args: Any, context: Context | None = None) -> asyncio.TimerHandle:
        return super().call_at(when, self._step, _life(context), (callback, args, context), context=context)

    def create_future(self) -> asyncio.Future[Any]:
        asker = sys._getframe(1).f_globals["__name__"]  # pyright: ignore[reportPrivateUsage]
        self._owed += asker == "aiosqlite.core"  # it will be answered by the connection's thread, even if cancelled
        return super().create_future()

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Context | None = None) -> asyncio.Handle:
        if threading.get_ident() == self._home:
            return self.call_soon(callback, *args, context=context)
        self._answers.put((callback, args, context or Context()))
        return asyncio.Handle(callback, args, self)  # nobody there cancels it

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:
            done.set_exception(error)
        return done

    def between_rounds(self, wait_s: float | None) -> None:
        """Wait, really, for whatever a thread owes; if there is nothing at all to do, let time pass."""
        self.answered = bool(self._owed)
        while self._owed:
            callback, args, context = self._answers.get()
            self._owed -= 1
            self.call_soon(callback, *args, context=context)
        self.rounds += 1
        self.between()
        if self.answered or wait_s == 0:
            return
        if wait_s is None:
            raise Stuck(Stuck.__doc__)
        self.now += wait_s


def _life(context: Context | None) -> int:
    return context.get(LIFE, 0) if context else LIFE.get()


class _Jump(selectors.SelectSelector):
    """Where a loop waits for the world. Nothing comes from outside here."""

    def __init__(self, loop: Clockwork) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        self._loop.between_rounds(timeout)
        return []


def play(work: Coroutine[Any, Any, T]) -> T:
    """As asyncio.run, in virtual time."""
    with asyncio.Runner(loop_factory=Clockwork) as runner:
        return runner.run(work)

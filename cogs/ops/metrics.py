"""Numbers for Prometheus.

Knows: the names of the numbers, and where each comes from: rows and the executor are looked at when somebody asks, and
the line's events are counted. Does not know: what anybody does about a number. It is a cog because it hears the events.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from threading import Thread
from wsgiref.simple_server import WSGIServer

from discord.ext import commands
from prometheus_client import CollectorRegistry, Counter, Histogram, Metric, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from gpu.line.executor import ProcessStats
from storage.jobs import Jobs
from storage.stats import Stats

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
LOOK_S = 5.0  # for the bot's loop to hand the numbers to the thread that answers Prometheus
SECONDS = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 43200)
ATTEMPTS = (0, 1, 2, 3)


class Metrics(commands.Cog):
    """Answers Prometheus at http://127.0.0.1:port/metrics, and nobody on any other address."""

    def __init__(self, jobs: Jobs, table_stats: Stats, stats: Callable[[], ProcessStats], port: int) -> None:
        self.port = port  # 0: any that is free; the real one is known once the cog is loaded
        self._jobs = jobs
        self._table_stats = table_stats
        self._registry = registry = CollectorRegistry()
        self._server: tuple[WSGIServer, Thread] | None = None
        kind = ["kind"]
        self._waits = Histogram("pawtrait_wait_seconds", "Accepted to begun", kind, registry=registry, buckets=SECONDS)
        self._runs = Histogram("pawtrait_run_seconds", "Spent running", kind, registry=registry, buckets=SECONDS)
        self._attempts = Histogram("pawtrait_attempts", "Charged to a job", kind, registry=registry, buckets=ATTEMPTS)
        self._ended = Counter("pawtrait_jobs_ended", "Jobs that are over", ["kind", "state"], registry=registry)
        registry.register(Worker(stats))
        ProcessCollector(registry=registry)
        ProcessCollector("pawtrait_worker", pid=lambda: stats().pid or "none", registry=registry)

    async def cog_load(self) -> None:
        self._registry.register(Rows(self._table_stats, asyncio.get_running_loop()))
        try:
            self._server = start_http_server(self.port, LOOPBACK, self._registry)
            self.port = self._server[0].server_port
        except OSError as error:  # people can be served without numbers
            log.error("No metrics on port %d: %s", self.port, error)

    async def cog_unload(self) -> None:
        if self._server:
            server, thread = self._server
            await asyncio.to_thread(server.shutdown)
            thread.join()
            server.server_close()

    @commands.Cog.listener()
    async def on_job_settled(self, job_id: str) -> None:
        """From the line: a job is over."""
        job = await self._jobs.get(job_id)
        if job is None:  # its pet was forgotten meanwhile
            return
        self._ended.labels(job.kind, job.state).inc()
        if job.started is not None:
            self._waits.labels(job.kind).observe(job.started - job.created)
            self._runs.labels(job.kind).observe(job.seconds)
            self._attempts.labels(job.kind).observe(job.attempts)


class Worker(Collector):
    """What the executor counts (gpu/line/executor.py: ProcessStats)."""

    def __init__(self, stats: Callable[[], ProcessStats]) -> None:
        self._stats = stats

    def collect(self) -> Iterable[Metric]:
        stats = self._stats()
        starts = "GPU processes started, or tried to start, the first included"
        failures = "Of them: failed to start, killed, hung, or no good any more after a job"
        reserved = "Of the card's memory, held by the present one when its last job ended"
        yield CounterMetricFamily("pawtrait_worker_starts", starts, stats.started)
        yield CounterMetricFamily("pawtrait_worker_failures", failures, stats.died)
        yield GaugeMetricFamily("pawtrait_worker_reserved_bytes", reserved, stats.reserved)


class Rows(Collector):
    """The numbers that are in rows. collect() runs in the thread that answers Prometheus; rows are read in the loop."""

    def __init__(self, table_stats: Stats, loop: asyncio.AbstractEventLoop) -> None:
        self._table_stats = table_stats
        self._loop = loop

    def collect(self) -> Iterable[Metric]:
        """Raises TimeoutError if the loop is busy for LOOK_S; Prometheus is told of an error then, as it should be."""
        return asyncio.run_coroutine_threadsafe(self._look(), self._loop).result(LOOK_S)

    async def _look(self) -> list[Metric]:
        jobs = GaugeMetricFamily("pawtrait_line_jobs", "Jobs that wait or run", labels=["kind", "state"])
        oldest = GaugeMetricFamily(
            "pawtrait_line_oldest_seconds", "Age of the oldest of them", labels=["kind", "state"]
        )
        for queue in await self._table_stats.line():
            jobs.add_metric([queue.kind, queue.state], queue.jobs)
            oldest.add_metric([queue.kind, queue.state], queue.oldest)
        answers = await self._table_stats.outbox()
        owed = GaugeMetricFamily("pawtrait_outbox_owed", "Answers that are owed", answers.owed)
        retried = GaugeMetricFamily("pawtrait_outbox_retried", "Of them, tried more than once", answers.retried)
        return [jobs, oldest, owed, retried]

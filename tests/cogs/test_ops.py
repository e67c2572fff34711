"""What the operator sees: one line for each event without a secret in it, and numbers on this machine alone."""

import asyncio
import io
import json
import logging
import re
import socket
import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from cogs.ops.metrics import LOOPBACK, Metrics
from cogs.ops.redaction import RedactingFormatter
from gpu.errors import WorkerDied
from gpu.line.executor import ProcessStats
from gpu.line.process import ProcessExecutor
from storage.stats import Stats
from tests.contracts.executor import Watcher
from tests.helpers.bot_env import BotEnv, bot_env, named, photos
from tests.helpers.children import children
from tests.helpers.fake_jobs import paint_job
from tests.helpers.fake_studio import COMMAND
from tests.helpers.storage_env import StorageEnv, enrolled, painted
from tests.loopback import Loopback

TOKEN = "loopback.token.not-a-secret"
FIELD = re.compile(r'([\w.]+)=("(?:[^"\\]|\\.)*"|\S*)')


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the log holds of everything that happens, down to DEBUG, as no setting allows it."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(RedactingFormatter(TOKEN))
    root = logging.getLogger()
    root.addHandler(handler)
    before = root.level
    root.setLevel(logging.DEBUG)
    yield out
    root.removeHandler(handler)
    root.setLevel(before)


def fields(line: str) -> dict[str, str]:
    """The line as a machine reads it."""
    assert not FIELD.sub("", line).strip(), line
    return {key: json.loads(value) if value[:1] == '"' else value for key, value in FIELD.findall(line)}


def test_an_event_is_one_line_that_a_machine_can_read(lines: io.StringIO) -> None:
    what = 'a "dog"\nlevel=error\x1b[31m\x9b2J\u2028 = 보리 \\'
    logging.getLogger("pawtrait").info("Hello %s", what, extra={"fields": {"photos": 3, "to": "x y"}})
    try:
        raise ValueError(what)
    except ValueError:
        logging.exception("No")
    first, second = lines.getvalue().splitlines()
    assert "보리" in first
    assert "\x1b" not in first and "\x9b" not in first
    read = fields(first)
    assert read["event"] == f"Hello {what}"
    assert (read["level"], read["logger"], read["photos"], read["to"]) == ("info", "pawtrait", "3", "x y")
    assert fields(second)["error"].startswith("Traceback") and what in fields(second)["error"]


async def test_nothing_secret_of_a_whole_enrolment_is_logged(tmp_path: Path, lines: io.StringIO) -> None:
    """Everything that discord.py and aiohttp have to say at DEBUG, while the real bot works."""
    async with await Loopback.start(record=tmp_path) as discord:
        alive = BotEnv(discord, tmp_path / "data")
        await alive.start()
        asked = await discord.person("Mina").slash("/enroll", discord.channel, name="Rex", **named(photos(3)))
        await asked.message(25)
        await alive.message(discord.threads[0], "I know")
        await alive.stop()
    tokens = set(re.findall(r"/(?:webhooks|interactions)/\d+/([^/?\"]+)", (tmp_path / "traffic.jsonl").read_text()))
    log = lines.getvalue()
    assert tokens and "INTERACTION_CREATE" in log and "/webhooks/[redacted]" in log
    assert [secret for secret in {TOKEN, *tokens} if secret in log] == []


async def test_an_error_that_holds_an_interaction_url(lines: io.StringIO) -> None:
    with socket.socket() as free:
        free.bind((LOOPBACK, 0))
        host = f"{LOOPBACK}:{free.getsockname()[1]}"
    url = f"http://{host}/api/v10/webhooks/123/aW50ZXJhY3Rpb24-secret/messages/@original"
    request = aiohttp.RequestInfo(url, "POST", {}, url)  # type: ignore[arg-type]
    try:
        try:
            raise aiohttp.ClientResponseError(request, (), message=url)
        except aiohttp.ClientResponseError as error:
            raise RuntimeError(f"Bot {TOKEN}") from error
    except RuntimeError:
        logging.getLogger("x").exception("Failed: %s", url)
    text = lines.getvalue()
    assert "RuntimeError" in text and "ClientResponseError" in text
    assert "secret" not in text


# ---- numbers --------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def scraped(stored: StorageEnv, stats: Callable[[], ProcessStats] = ProcessStats) -> AsyncGenerator[Metrics]:
    metrics = Metrics(stored.jobs, Stats(stored.db, stored.clock), stats, port=0)
    await metrics.cog_load()
    yield metrics
    await metrics.cog_unload()


async def numbers(metrics: Metrics) -> dict[str, float]:
    """What Prometheus reads: {'name{label="x"}': value}."""
    async with aiohttp.ClientSession() as session, session.get(f"http://{LOOPBACK}:{metrics.port}/metrics") as answer:
        text = await answer.text()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {" ".join([sample.name, *sample.labels.values()]): sample.value for sample in samples}


async def test_the_numbers_of_the_line_and_the_outbox(stored: StorageEnv) -> None:
    pet = await stored.ready()
    row = await stored.paint(pet)
    stored.clock.now += 30
    await stored.enroll("Second")
    async with scraped(stored) as metrics:
        read = await numbers(metrics)
        assert (read["pawtrait_line_jobs paint waiting"], read["pawtrait_line_oldest_seconds paint waiting"]) == (1, 30)
        assert (read["pawtrait_line_jobs enroll waiting"], read["pawtrait_line_oldest_seconds enroll waiting"]) == (
            1,
            0,
        )
        assert (read["pawtrait_outbox_owed"], read["pawtrait_outbox_retried"]) == (2, 0)
        [owed] = await stored.owed()
        claim = await stored.claim(row.id)
        for _ in range(2):
            await stored.outbox.mark_tried(owed.id, owed.channel_id, stored.clock.now)
        read = await numbers(metrics)
        assert read["pawtrait_line_jobs paint running"] == 1
        assert (read["pawtrait_outbox_owed"], read["pawtrait_outbox_retried"]) == (2, 1)
        stored.clock.now += 4
        await stored.journal.settle(claim, painted(claim))
        await metrics.on_job_settled(row.id)
        read = await numbers(metrics)
        assert read["pawtrait_jobs_ended_total paint done"] == 1
        assert (read["pawtrait_wait_seconds_sum paint"], read["pawtrait_run_seconds_sum paint"]) == (30, 4)
        assert read["pawtrait_attempts_sum paint"] == 1
        assert read["process_resident_memory_bytes"] > 1e6
        await stored.erasure.forget(pet.id)
        await metrics.on_job_settled(row.id)  # nothing to count, and no error


async def test_a_look_is_counted_apart_from_the_learning_after_it(stored: StorageEnv) -> None:
    async with scraped(stored) as metrics:
        row = await stored.looked()
        await metrics.on_job_settled(row.id)
        stored.clock.now += 300  # its owner has lunch
        await stored.looks.learn(row.id, 1)
        assert (await numbers(metrics))["pawtrait_line_jobs enroll waiting"] == 1
        claim = await stored.claim(row.id)
        await stored.journal.settle(claim, enrolled(stored.files.job_folder(row.id)))
        await metrics.on_job_settled(row.id)
        read = await numbers(metrics)
        assert read["pawtrait_jobs_ended_total look looked"] == read["pawtrait_jobs_ended_total enroll done"] == 1
        assert (read["pawtrait_wait_seconds_sum look"], read["pawtrait_wait_seconds_sum enroll"]) == (0, 0)


async def test_attempts_are_those_that_were_charged(stored: StorageEnv) -> None:
    row = await stored.paint(await stored.ready())
    async with scraped(stored) as metrics:
        for _ in range(3):
            await stored.journal.mark_paused(await stored.claim(row.id))
        assert await stored.journal.mark_crashed(await stored.claim(row.id), WorkerDied().as_failed())
        claim = await stored.claim(row.id)
        await stored.journal.settle(claim, painted(claim))
        await metrics.on_job_settled(row.id)
        assert (await numbers(metrics))["pawtrait_attempts_sum paint"] == 2


async def test_processes_that_fail_to_start_are_counted(stored: StorageEnv) -> None:
    executor = ProcessExecutor((sys.executable, "-c", "raise SystemExit(3)"))
    async with scraped(stored, executor.stats) as metrics:
        for _ in range(2):
            with pytest.raises(WorkerDied):
                await executor.start()
        read = await numbers(metrics)
        assert (read["pawtrait_worker_starts_total"], read["pawtrait_worker_failures_total"]) == (2, 2)
        await executor.close()


async def test_the_child_is_measured_while_there_is_one(stored: StorageEnv, tmp_path: Path) -> None:
    executor = ProcessExecutor((*COMMAND, "reserved=5000000000"))
    async with scraped(stored, executor.stats) as metrics:
        assert "pawtrait_worker_process_resident_memory_bytes" not in await numbers(metrics)
        await executor.start()
        await executor.run(paint_job(tmp_path, "a"), Watcher())
        first = await numbers(metrics)
        assert first["pawtrait_worker_process_resident_memory_bytes"] > 1e6
        assert first["pawtrait_worker_reserved_bytes"] == 5e9
        assert (first["pawtrait_worker_starts_total"], first["pawtrait_worker_failures_total"]) == (1, 0)
        [process] = children()
        assert executor.stats().pid == process.pid
        process.kill()
        await asyncio.sleep(0.2)
        assert executor.stats().pid is None
        await executor.start()
        second = await numbers(metrics)
        assert second["pawtrait_worker_reserved_bytes"] == 0
        assert (second["pawtrait_worker_starts_total"], second["pawtrait_worker_failures_total"]) == (2, 1)
        await executor.close()


async def test_only_this_machine_is_answered(stored: StorageEnv) -> None:
    async with scraped(stored) as metrics:
        listening = {
            connection.laddr.ip for connection in psutil.Process().net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == metrics.port
        }  # fmt: skip
        assert listening == {LOOPBACK}


async def test_without_a_port_people_are_served_all_the_same(
    stored: StorageEnv, caplog: pytest.LogCaptureFixture
) -> None:
    async with scraped(stored) as first:
        second = Metrics(stored.jobs, Stats(stored.db), ProcessStats, first.port)
        await second.cog_load()
        assert "No metrics on port" in caplog.text
        await second.cog_unload()


async def test_the_bot_answers_prometheus_if_it_was_told_to(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind((LOOPBACK, 0))
        port = free.getsockname()[1]
    async with bot_env(tmp_path, metrics_port=port) as alive:
        asked = await alive.discord.person("Mina").slash(
            "/enroll", alive.discord.channel, name="Rex", **named(photos(3))
        )
        await asked.message(25)
        await alive.message(alive.discord.threads[0], "I know")
        async with aiohttp.ClientSession() as session, session.get(f"http://{LOOPBACK}:{port}/metrics") as answer:
            assert 'pawtrait_jobs_ended_total{kind="enroll",state="done"} 1.0' in await answer.text()

"""The decisions about answers that are owed: verdicts, rests, places; and the budget of failing requests."""

import json
from bisect import bisect_left
from pathlib import Path

import pytest

from cogs.api.budget import MOST_FAILING, PER_S, Budget
from cogs.api.client import login_delay_s
from cogs.api.refusals import LONGEST_REST_S, Verdict, backoff_s, classify
from cogs.delivery.routes import next_destination, nonce
from storage.outbox import Delivery, Destination
from tests.helpers.delivery_env import SEND, delivery_env
from tests.loopback.permissions import EVERYONE

THREAD, CHANNEL, DOOR = 11, 12, 13
DAY_S, LOGINS = 86400.0, 1000
BAN = 10_000  # failing requests in ten minutes


def owed(at: Destination, channel_id: int) -> Delivery:
    return Delivery(
        id="aaaabbbbcccc-0", job_id="aaaabbbbcccc", part=0, nonce="aaaabbbbcccc-0",
        destination=at, channel_id=channel_id, kind="painted", payload="", first_tried=None, tries=0, due=0.0,
    )  # fmt: skip


def test_the_way_of_an_answer_ends_and_its_nonces_differ():
    ways = [(Destination.ORIGIN, THREAD), (Destination.PARENT, CHANNEL), (Destination.DM, DOOR)]
    assert [next_destination(owed(*way), CHANNEL) for way in ways] == [Destination.PARENT, Destination.DM, None]
    assert next_destination(owed(Destination.ORIGIN, CHANNEL), CHANNEL) is Destination.DM
    nonces = {nonce(owed(*way)) for way in ways}
    assert len(nonces) == 3 and max(map(len, nonces)) <= 25


@pytest.mark.parametrize(
    ("status", "code", "verdict"),
    [
        (401, 0, Verdict.RETRY), (403, 0, Verdict.RETRY), (429, 0, Verdict.RETRY), (503, 0, Verdict.RETRY),
        (400, 40003, Verdict.RETRY), (400, 20028, Verdict.RETRY), (403, 40006, Verdict.RETRY),
        (403, 40333, Verdict.RETRY), (400, 110001, Verdict.RETRY),
        (413, 0, Verdict.TOO_LARGE), (413, 40005, Verdict.TOO_LARGE), (400, 50045, Verdict.TOO_LARGE),
        (404, 10008, Verdict.DELETED), (404, 10003, Verdict.NOT_HERE),
        (403, 50001, Verdict.NOT_HERE), (403, 50013, Verdict.NOT_HERE), (403, 50007, Verdict.NOT_HERE),
        (400, 160005, Verdict.NOT_HERE), (400, 50083, Verdict.NOT_HERE), (400, 200000, Verdict.NOT_HERE),
    ],
)  # fmt: skip
def test_verdicts(status: int, code: int, verdict: Verdict):
    assert classify(status, code) is verdict


def test_rests_grow_and_end():
    assert [backoff_s(tries) for tries in (0, 1, 5, 20, 5000)] == [1, 2, 32, LONGEST_REST_S, LONGEST_REST_S]


def test_the_budget_counts_what_is_under_way():
    now = [0.0]
    budget = Budget(lambda: now[0])
    for _ in range(MOST_FAILING):
        assert not budget.is_full() and not budget.wait_s()
        budget.begin()
    assert budget.is_full() and not budget.wait_s()
    for n in range(MOST_FAILING):
        now[0] = n
        budget.end(failed=n > 0)
    assert not budget.is_full()
    budget.begin()
    budget.end(failed=True)
    assert budget.wait_s() == PER_S + 1 - now[0]
    now[0] = PER_S + 1
    assert not budget.wait_s() and not budget.is_full()


@pytest.mark.parametrize("life_s", [1.0, 1.5, 3.0, 10.0, 30.0, 60.0])
def test_a_crash_loop_stays_below_the_ban_though_nothing_is_written_down(life_s: float):
    """Lives of one length for a day; each spends a new budget at once, and waits before its login as client.py does."""
    now, failed, lives = [0.0], list[float](), 0
    while now[0] < DAY_S:
        now[0] += login_delay_s(LOGINS, LOGINS - lives, DAY_S - now[0])
        budget = Budget(lambda: now[0])
        while not budget.is_full():
            budget.begin()
            budget.end(failed=True)
            failed.append(now[0])
        now[0], lives = now[0] + life_s, lives + 1
    worst = max(bisect_left(failed, since + 600.0) - number for number, since in enumerate(failed))
    assert worst <= MOST_FAILING * min(LOGINS / 2, 600.0 / life_s + 1) <= BAN
    assert life_s < 1.5 or worst <= 8020
    assert lives <= 0.9 * LOGINS


async def test_never_more_than_twenty_failing_requests_a_minute(tmp_path: Path):
    async with delivery_env(tmp_path, record=tmp_path / "traffic") as env:
        env.mina.user.closed = True
        env.net.deny(EVERYONE)
        jobs = [await env.owe(await env.pet(env.thread(f"dog {n}"))) for n in range(25)]
        env.net.fail("POST", SEND, status=200, slow=0.3, times=1000, after=True)  # many are under way at once
        failing: list[tuple[float, int]] = [(env.clock(), 0)]
        while await env.open_rows():
            await env.delivery.deliver()
            lines = (tmp_path / "traffic" / "traffic.jsonl").read_text().splitlines()
            failed = sum(json.loads(line)["status"] >= 400 for line in lines)
            failing.append((env.clock(), failed - sum(count for _, count in failing)))
            env.pass_time(7.0)
    worst = max(sum(count for at, count in failing if since <= at < since + PER_S - 1) for since, _ in failing)
    print(f"{sum(count for _, count in failing)} failing requests, at most {worst} in a minute")
    assert worst <= MOST_FAILING < sum(count for _, count in failing)
    assert sum(count for _, count in failing) < len(jobs) * 4, "three doors each, hardly any of them tried twice"

"""Days begin one by one on every lane, each after the tally of the day before; the day is Shanghai's."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest
from pydantic import ValidationError

from console.stack.infrastructure import Infrastructure
from console.stack.stack import Stack
from services.enrollment.config import Settings
from services.enrollment.domain import day
from services.enrollment.domain.register import LaneState
from shared.contracts.enrollment import DAY_BEGAN, VERDICTS_TALLIED, DayBegan, VerdictsTallied
from shared.contracts.envelope import SHANGHAI, shanghai_day
from shared.contracts.lanes import LANE_CODES
from shared.contracts.topics import ENROLLMENT_EVENTS, PROVINCE_EVENTS
from tests.chain.topics import administrators_producer, events_by_lane, once
from tests.enrollment.events import allocated
from tests.enrollment.memory import register_of

NEW_YEAR_UTC = datetime(2026, 12, 31, 16, tzinfo=UTC)
SECOND = timedelta(seconds=1)
COUNTS = {"accepted": 3, "duplicate": 0, "conflict": 0, "rejected": 1, "parked": 0}
HEAD = bytes(32)


@pytest.mark.parametrize(
    ("instant", "today"),
    [
        (NEW_YEAR_UTC - SECOND, date(2026, 12, 31)),
        (NEW_YEAR_UTC, date(2027, 1, 1)),
        (NEW_YEAR_UTC + SECOND, date(2027, 1, 1)),
    ],
)
def test_the_year_begins_at_midnight_in_shanghai(instant: datetime, today: date) -> None:
    assert day.today_of(register_of([]), instant) == today


def test_a_day_that_has_begun_is_not_left_when_the_clock_goes_back() -> None:
    register = register_of(["32", "34"])
    register.lanes["34"].day = date(2027, 1, 1)
    assert day.today_of(register, NEW_YEAR_UTC - SECOND) == date(2027, 1, 1)
    assert day.lanes_due(register, date(2027, 1, 1)) == ["32"]


def test_missed_days_begin_one_by_one_each_after_the_tally_of_the_day_before() -> None:
    state = LaneState(date(2026, 12, 30), 0)
    tallies = {date(2026, 12, 29): COUNTS, date(2026, 12, 30): COUNTS, date(2027, 1, 1): COUNTS}
    said = day.begin(state, date(2027, 1, 2), tallies, HEAD)
    assert [(type(one), one.day.isoformat()) for one in said] == [
        (VerdictsTallied, "2026-12-30"),
        (DayBegan, "2026-12-31"),
        (DayBegan, "2027-01-01"),
        (VerdictsTallied, "2027-01-01"),
        (DayBegan, "2027-01-02"),
    ]
    assert day.begin(state, date(2027, 1, 2), tallies, HEAD) == []


def test_on_a_lane_without_a_day_only_today_begins() -> None:
    said = day.begin(LaneState(None, 0), date(2027, 1, 2), {}, HEAD)
    assert said == [DayBegan(day=date(2027, 1, 2), log_head="0" * 64)]


def settings(**more: Any) -> Settings:
    """Settings of a process, of which only the clock and where it runs matter here."""
    unread = Path("/nowhere")
    return Settings(
        kafka_bootstrap="-",
        kafka_username="-",
        kafka_password_file=unread,
        database_dsn_file=unread,
        http_port=1,
        tokens_file=unread,
        seal_key_file=unread,
        door_password_file=unread,
        **more,
    )


def test_the_clock_is_shifted_in_a_namespace_or_a_simulation_only() -> None:
    with pytest.raises(ValidationError, match="DREAMS_CLOCK_OFFSET_S is for tests and demos only"):
        settings(clock_offset_s=86_400)
    assert settings(clock_offset_s=86_400, namespace="t1.").clock_offset_s == 86_400
    assert settings(clock_offset_s=86_400, simulated=True).clock_offset_s == 86_400
    assert settings().clock_offset_s == 0


NOON = datetime.now(SHANGHAI).replace(hour=12, minute=0, second=0, microsecond=0)
"""No midnight falls into a test that begins at this hour."""
TODAY = shanghai_day(NOON)
ONE_DAY = timedelta(days=1)
BUSY, WITHIN_S, STOP_S = "32", 40.0, 15.0


def clock_at(instant: datetime) -> dict[str, str]:
    """The setting with which a process that starts now takes this for `instant`."""
    return {"DREAMS_CLOCK_OFFSET_S": str((instant - datetime.now(UTC)).total_seconds())}


@dataclass
class Calendar:
    """An enrollment that is stopped, started on another day, and read."""

    stack: Stack

    async def start_at(self, instant: datetime) -> None:
        """Start it anew so that its clock shows `instant`."""
        await self.stack.services["enrollment", 0].stop(STOP_S)
        self.stack.settings = clock_at(instant)
        await self.stack.start_service("enrollment")

    async def send(self, *events: dict[str, Any]) -> None:
        """Send events of the busy lane."""
        topic = PROVINCE_EVENTS.topic(self.stack.namespace, BUSY)
        async with administrators_producer(self.stack) as producer:
            for one in events:
                await producer.send_and_wait(topic, orjson.dumps(one), partition=0)

    async def facts(self, on_each_lane: int, on_the_busy_lane: int) -> dict[str, list[dict[str, Any]]]:
        """All facts by lane, as soon as there are that many."""
        wanted = dict.fromkeys(LANE_CODES, on_each_lane) | {BUSY: on_the_busy_lane}
        deadline = time.monotonic() + WITHIN_S
        while True:
            found = {
                lane: once(facts)
                for lane, facts in (await events_by_lane(self.stack, ENROLLMENT_EVENTS)).items()
            }
            if all(len(found.get(lane, ())) >= number for lane, number in wanted.items()):
                return found
            assert time.monotonic() < deadline, {lane: len(facts) for lane, facts in found.items()}
            await asyncio.sleep(0.1)

    async def heads(self, lane: str) -> dict[int, str]:
        """For each fact of a lane, by its number, the head of the log before the batch that stamped it."""
        dsn_file = self.stack.secrets / "databases" / f"{self.stack.namespace}enrollment"
        db = await asyncpg.connect(dsn_file.read_text().strip())
        try:
            rows = await db.fetch(
                """SELECT first_seq, last_seq, prev_hash, hash FROM log
                   WHERE stream = $1 AND lane = $2 ORDER BY first_seq""",
                ENROLLMENT_EVENTS.pattern,
                lane,
            )
        finally:
            await db.close()
        assert [row["prev_hash"] for row in rows] == [bytes(32), *(row["hash"] for row in rows[:-1])]
        return {
            seq: row["prev_hash"].hex()
            for row in rows
            for seq in range(row["first_seq"], row["last_seq"] + 1)
        }


def said(facts: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """What facts say of days: their types and days; of others, their types."""
    return [(fact["type"], fact["data"].get("day", "")) for fact in facts]


@pytest.mark.timeout(300)
async def test_after_three_days_of_silence_every_lane_gets_its_days(
    infrastructure: Infrastructure, namespace: str
) -> None:
    days = [(TODAY + n * ONE_DAY).isoformat() for n in range(5)]
    running = Stack.over(infrastructure, namespace, services=("enrollment",), settings=clock_at(NOON))
    async with await running as stack:
        calendar = Calendar(stack)
        await calendar.send(allocated("day-0", amount_fen=-1), allocated("day-1"), allocated("day-2"))
        await calendar.facts(1, 3)
        await calendar.start_at(NOON + 3 * ONE_DAY)
        await calendar.facts(4, 7)
        await calendar.send(allocated("day-3"))
        await calendar.facts(4, 8)
        await calendar.start_at(NOON + 4 * ONE_DAY)
        facts = await calendar.facts(5, 10)
        for lane in (BUSY, "34"):
            heads = await calendar.heads(lane)
            began = [fact for fact in facts[lane] if fact["type"] == DAY_BEGAN]
            assert [fact["data"]["log_head"] for fact in began] == [heads[fact["seq"]] for fact in began]
            assert began[0]["data"]["log_head"] == "0" * 64
    allocation = ("dreams.budget.allocated.v1", "")
    assert said(facts[BUSY]) == [
        (DAY_BEGAN, days[0]),
        allocation,
        allocation,
        (VERDICTS_TALLIED, days[0]),
        *((DAY_BEGAN, missed) for missed in days[1:4]),
        allocation,
        (VERDICTS_TALLIED, days[3]),
        (DAY_BEGAN, days[4]),
    ]
    tallies = [fact["data"] for fact in facts[BUSY] if fact["type"] == VERDICTS_TALLIED]
    assert [(tally["accepted"], tally["rejected"]) for tally in tallies] == [(2, 1), (1, 0)]
    for lane in set(LANE_CODES) - {BUSY}:
        assert said(facts[lane]) == [(DAY_BEGAN, each) for each in days]

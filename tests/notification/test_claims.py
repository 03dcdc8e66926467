"""Promises about claims: each cause is told once, whatever is delivered again; what is past, to nobody."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.contracts.topics import SUBSIDY_EVENTS
from tests.notification.world import Relay, World, award, completion


def _booked() -> dict[str, Any]:
    return {
        "scholarship_no": "WX-7",
        "enrollment_no": "32-0001",
        "fiscal_year": 2026,
        "fund_source": "WX",
        "funder_level": "city",
        "amount_fen": 5,
        "awarded_fen": 5,
        "categories": ["migrant"],
        "track": "academic",
    }


async def test_each_cause_claims_one_message(world: World) -> None:
    paid = {"batch_no": "B-1", "line_no": 1, "disbursed_fen": 5}
    owed = {"clawed_back_fen": 5, "open_fen": 5, "why": "withdrawn", "message_zh": "-", "message_en": "-"}
    await world.take(
        world.fact("subsidy.granted", award()),
        world.fact("subsidy.waitlisted", award(position=7)),
        world.fact("subsidy.released", award(was="granted")),
        world.fact("subsidy.voided", award(was="waitlisted")),
        world.fact("subsidy.grant_reversed", award(expires_on="2027-11-24")),
        world.fact("subsidy.disbursed", award(paid_fen=5, how="paid", **paid)),
        world.fact("subsidy.returned", award(returned_fen=5, **paid)),
        world.fact("subsidy.clawed_back", award(**owed)),
        world.fact("scholarship.booked", _booked()),
        world.fact("scholarship.reversed", _booked()),
        world.degree(completion()),
        world.voided("degree.completed", completion()),
    )
    rows = await world.rows()
    assert sorted(row["cause"] for row in rows) == [
        "degree.completed",
        "degree.voided",
        "scholarship.booked",
        "scholarship.reversed",
        "subsidy.clawed_back",
        "subsidy.disbursed",
        "subsidy.grant_reversed",
        "subsidy.granted",
        "subsidy.released",
        "subsidy.returned",
        "subsidy.voided",
        "subsidy.waitlisted",
    ]
    assert {row["state"] for row in rows} == {"pending"}


async def test_what_nobody_was_told_is_not_called_back(world: World) -> None:
    netted = {"paid_fen": 5, "disbursed_fen": 5, "how": "netted"}
    await world.take(
        world.fact("subsidy.voided", award(was="reserved")),
        world.fact("subsidy.disbursed", award(**netted)),
        world.voided("degree.completed", completion(history=True)),
        world.voided("worker.registered", {}),
        world.voided("degree.completed", None),  # it still waited: nothing was published of it
        world.voided("project.established", {}, subject=None),
    )
    assert await world.rows() == []


async def test_facts_that_concern_no_worker_claim_nothing(world: World) -> None:
    await world.take(
        world.fact("subsidy.reserved", award()),
        world.fact("budget.exhausted", {"anything": "at all"}, subject=None),
        world.fact("something.new", {}),
    )
    assert await world.rows() == []
    cursor = await world.pool.fetchval(
        "SELECT last_seq FROM cursor WHERE stream = $1 AND lane = '32'", SUBSIDY_EVENTS.pattern
    )
    assert cursor == 3


async def test_a_redelivery_claims_nothing_more(world: World) -> None:
    record = world.fact("subsidy.granted", award())
    await world.take(record)
    await world.take(record)
    await world.take(record, record)
    assert len(await world.rows()) == 1


async def test_a_cause_keeps_its_one_claim_even_if_the_cursor_was_lost(world: World) -> None:
    record = world.fact("subsidy.granted", award())
    await world.take(record)
    await world.pool.execute("UPDATE message SET state = 'sent'")
    await world.pool.execute("UPDATE cursor SET last_seq = 0, next_offset = 0")
    await world.take(record)
    assert await world.states() == ["sent"]


async def test_history_notifies_nobody(world: World) -> None:
    await world.take(world.degree(completion(history=True)))
    assert await world.rows() == []


async def test_a_cause_of_long_ago_waits_for_an_operator_instead_of_reaching_anybody(
    world: World, relay: Relay
) -> None:
    await world.take(world.contact())
    past = (datetime.now(UTC) - timedelta(days=31)).isoformat()
    await world.take(world.fact("subsidy.granted", award(), recordedtime=past))
    assert not await world.sender(relay.port).round()
    assert [(row["state"], row["code"]) for row in await world.rows()] == [("unknown", "late_cause")]


@pytest.mark.parametrize("broken", [{"data": {"amount_fen": "much"}}, {"subject": None}])
async def test_a_broken_fact_of_ours_stops_its_lane_and_no_other(
    world: World, broken: dict[str, Any]
) -> None:
    good = world.fact("subsidy.granted", award(), lane="33")
    await world.take(world.fact("subsidy.granted", award(), **broken), good)
    assert world.causes.stopped == {"32"}
    assert [row["lane"] for row in await world.rows()] == ["33"]


async def test_a_claim_holds_nothing_but_the_pseudonym_and_what_the_letter_says(world: World) -> None:
    await world.take(world.fact("subsidy.granted", award()))
    (row,) = await world.rows()
    assert row["details"] == '{"amount_fen": 100050, "fiscal_year": 2026, "enrollment_no": "32-0001"}'


async def test_counts_have_labels_of_cause_and_state_only(world: World) -> None:
    for _ in range(3):
        await world.take(world.fact("subsidy.granted", award(), subject="k1." + "B" * 52))
    (metric,) = world.counts.messages.collect()
    labels = [sample.labels for sample in metric.samples if sample.name.endswith("_total")]
    assert labels == [{"cause": "subsidy.granted", "state": "pending"}]

"""Corrections in enrollment as it runs: out of the tables, into the log, over two lanes, in one batch or in two."""

import asyncio
import time
from typing import Any

from services.enrollment import store
from shared.contracts import provinces
from shared.contracts.enrollment import REGISTRATION_BECAME_FIRST
from tests.chain.drained import database
from tests.enrollment.conftest import WITHIN_S, Door
from tests.enrollment.events import (
    certified,
    changed,
    completed,
    confirmed,
    control_totals,
    correcting,
    enrolled,
    established,
    joined,
    opening,
    paired,
    planned,
    registered,
    suspended,
    titled,
    trained,
    voided,
)
from tests.enrollment.test_lives import facts_about, rows

Event = dict[str, Any]


def worker(n: int) -> str:
    """A pseudonym that no other test of this module uses."""
    return f"k1.{'V' * 50}{chr(65 + n // 26)}{chr(65 + n % 26)}"


async def accepted(door: Door, event: Event, lane: str = "32") -> None:
    """Send an event that is accepted, in a batch of its own."""
    receipt = await door.ask(event, lane=lane)
    assert receipt["status"] == "accepted", receipt


async def everything(door: Door) -> dict[str, list[Any]]:
    """All that counts in the tables of the register."""
    return {
        name: await rows(door, query)
        for name, query in {
            "worker": "SELECT ref, registered_by FROM worker WHERE registered_by <> '{}' ORDER BY ref",
            "statement": "SELECT ref, event_id, since, attributes FROM worker_statement ORDER BY 1, 2, 3, 4",
            "enrollment": "SELECT number, state, worker_ref, event_id, state_event_id, facts FROM enrollment"
            " WHERE event_id IS NOT NULL ORDER BY number",
            "step": "SELECT number, kind, day, event_id FROM enrollment_step ORDER BY 1, 2, 3",
            "natural_key": "SELECT kind, key, event_id FROM natural_key ORDER BY 1, 2",
            "referent": "SELECT kind, key, event_id, lane, data FROM referent WHERE event_id IS NOT NULL ORDER BY 1, 2",
            "named": "SELECT kind, key, event_id FROM named ORDER BY 1, 2, 3",
            "control_total": "SELECT lane, event_id, events FROM control_total ORDER BY 1, 2",
        }.items()
    }


async def test_what_is_voided_leaves_the_tables_as_they_were_whether_in_one_batch_or_in_two(
    door: Door,
) -> None:
    ref, other, number = worker(0), worker(1), "32-void-1"
    await accepted(door, registered(ref))
    await accepted(door, established("void-j"))
    before = await everything(door)
    enrollment = enrolled(ref, number)
    enrollment["data"] |= {"project_no": "void-j"}
    made = [
        enrollment,
        confirmed(ref, number),
        suspended(ref, number),
        certified(ref, "void-c", enrollment_no=number),
        completed(ref, number),
        changed(ref, "2026-09-02"),
        trained(ref, "void-t"),
        titled(ref, "void-z"),
        planned("void-p"),
        opening("projects"),
        control_totals("2026-04"),
        registered(other),
        established("void-j2"),
    ]
    voids = [voided(event) for event in reversed(made)]
    for event in (*made, *voids):
        await accepted(door, event)
    assert await everything(door) == before
    again = [event | {"id": f"{event['id']}-again"} for event in made]
    voids_again = [voided(event) for event in reversed(again)]
    offsets = await door.send_many([*again, *voids_again])
    for offset in offsets:
        assert (await door.answer(offset))["status"] == "accepted"
    assert await everything(door) == before
    kept = await rows(
        door,
        "SELECT count(*) FROM inbox WHERE voided_by IS NOT NULL AND status = 'accepted' AND id = ANY($1)",
        [event["id"] for event in (*made, *again)],
    )
    assert kept[0][0] == 2 * len(made)


async def test_a_void_leaves_what_another_province_has_sent_under_the_same_ids(door: Door) -> None:
    ref, number = worker(11), "32-void-11"
    await accepted(door, registered(ref, lane="34", id="same-1"), "34")
    await accepted(door, enrolled(ref, number, lane="32", funding="34"))
    for event in (
        confirmed(ref, number, lane="34", id="same-2"),
        joined("10298", lane="34"),
        paired(ref, worker(12), lane="34", institution_code="10298") | {"id": "same-3"},
        control_totals("2026-05", lane="34") | {"id": "same-4"},
    ):
        await accepted(door, event, "34")
    before = await everything(door)
    ours = [
        registered(ref, id="same-1"),
        suspended(ref, number, id="same-2"),
        paired(worker(12), ref, institution_code="10298") | {"id": "same-3"},
        control_totals("2026-05") | {"id": "same-4"},
    ]
    for event in ours:
        await accepted(door, event)
    for event in ours:
        await accepted(door, voided(event))
    assert await everything(door) == before


async def test_a_void_follows_its_fact_to_the_lane_that_funds(door: Door) -> None:
    ref, number = worker(2), "32-void-2"
    event = enrolled(ref, number, funding="34")
    offsets = await door.send_many([registered(ref), event, voided(event)])
    for offset in offsets:
        assert (await door.answer(offset))["status"] == "accepted"
    facts = await facts_about(door, {ref}, 3)
    there = [fact for fact in facts if fact["lane"] == "34"]
    assert [fact["type"] for fact in there] == [provinces.WORKER_ENROLLED, provinces.EVENT_VOIDED]
    assert there[1]["data"]["voided_fact_id"] == there[0]["id"]
    assert there[1]["data"]["voided"] == there[0]["data"]


async def test_what_another_lane_builds_on_is_not_voided_until_that_is(door: Door) -> None:
    ref, number = worker(3), "32-void-3"
    event, theirs = enrolled(ref, number, funding="34"), confirmed(ref, number, lane="34")
    for lane, sent in (("32", registered(ref)), ("32", event), ("34", theirs)):
        await accepted(door, sent, lane)
    refused = await door.ask(voided(event))
    assert (refused["status"], refused["code"]) == ("rejected", "has_dependants")
    assert theirs["id"] in refused["message_en"]
    assert (await door.ask(voided(theirs)))["code"] == "unknown_event"
    await accepted(door, voided(theirs, lane="34"), "34")
    await accepted(door, voided(event))


async def test_a_project_that_another_lane_names_is_not_voided(door: Door) -> None:
    ref, project = worker(4), established("void-j4", lane="34")
    await accepted(door, project, "34")
    await accepted(door, registered(ref))
    event = enrolled(ref, "32-void-4")
    event["data"] |= {"project_no": "void-j4", "project_province": "34"}
    await accepted(door, event)
    refused = await door.ask(voided(project, lane="34"), lane="34")
    assert refused["code"] == "has_dependants"
    await accepted(door, voided(event))
    await accepted(door, voided(project, lane="34"), "34")
    waits = await door.ask(event | {"id": "void-later"})
    assert (waits["status"], waits["code"]) == ("parked", "waits_for")


async def test_another_workers_event_is_neither_voided_nor_corrected_in_a_later_batch(door: Door) -> None:
    title = titled(worker(9), "void-z9")
    for event in (registered(worker(9)), registered(worker(10)), title):
        await accepted(door, event)
    for subject in (worker(10), None):
        refused = await door.ask(voided(title, subject=subject))
        assert (refused["status"], refused["code"]) == ("rejected", "subject_mismatch")
    refused = await door.ask(correcting(title, titled(worker(10), "void-z10")))
    assert (refused["status"], refused["code"]) == ("rejected", "corrects_other")


async def test_what_is_never_voided_is_refused_in_a_later_batch_and_the_lane_goes_on(door: Door) -> None:
    plan = planned("void-p4")
    void = voided(plan)
    await accepted(door, plan)
    await accepted(door, void)
    for event in (voided(void), correcting(void, voided(plan))):
        receipt = await door.ask(event)
        assert (receipt["status"], receipt["code"]) == ("rejected", "not_voidable")
    await accepted(door, planned("void-p5"))


async def test_a_void_is_not_hindered_by_one_under_another_worker_in_the_same_batch(door: Door) -> None:
    title = titled(worker(13), "void-z13")
    for event in (registered(worker(13)), title):
        await accepted(door, event)
    astray = voided(title, subject=worker(14))
    offsets = await door.send_many([astray, voided(title), astray | {"id": "void-astray"}])
    codes = [(await door.answer(offset))["code"] for offset in offsets]
    assert codes == ["subject_mismatch", None, "already_voided"]


async def test_a_project_is_not_voided_while_a_batch_may_name_it_nor_named_while_it_is_voided(
    door: Door,
) -> None:
    ref, project = worker(15), established("void-j15", lane="34")
    await accepted(door, project, "34")
    await accepted(door, registered(ref))
    event = enrolled(ref, "32-void-15")
    event["data"] |= {"project_no": "void-j15", "project_province": "34"}
    for held, asked, lane, sent, answer in (
        ("pg_advisory_xact_lock", "ShareLock", "32", event, None),
        ("pg_advisory_xact_lock_shared", "ExclusiveLock", "34", voided(project, lane="34"), "has_dependants"),
    ):
        async with database(door.stack, "enrollment") as db:
            transaction = db.transaction()
            await transaction.start()
            await db.execute(f"SELECT {held}($1)", store._NAMED_LOCK)
            offset = await door.send(sent, lane=lane)
            await _until_waits(db, asked)
            assert not door.receipts[lane, offset]
            await transaction.rollback()
        assert (await door.answer(offset, lane=lane))["code"] == answer


async def _until_waits(db: Any, mode: str) -> None:
    """A batch asks for the lock on what is named, in this mode, and does not get it."""
    deadline = time.monotonic() + WITHIN_S
    query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = $1 AND NOT granted"
    while not await db.fetchval(query, mode):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def test_a_project_that_is_named_and_voided_in_one_batch_stays(door: Door) -> None:
    ref, project = worker(8), established("void-j8")
    event = enrolled(ref, "32-void-8")
    event["data"] |= {"project_no": "void-j8"}
    offsets = await door.send_many([registered(ref), project, event, voided(project)])
    codes = [(await door.answer(offset))["code"] for offset in offsets]
    assert codes == [None, None, None, "has_dependants"]


async def test_a_shared_registration_passes_on_being_the_first(door: Door) -> None:
    ref, first = worker(5), registered(worker(5))
    await accepted(door, first)
    await accepted(door, registered(ref, lane="34", id="void-second"), "34")
    await accepted(door, voided(first))
    facts = await facts_about(door, {ref}, 4)
    became = [fact for fact in facts if fact["type"] == REGISTRATION_BECAME_FIRST]
    assert [(fact["lane"], fact["data"]["event_id"]) for fact in became] == [("34", "void-second")]


async def test_an_event_that_waits_is_voided_in_a_later_batch(door: Door) -> None:
    ref, number = worker(6), "32-void-6"
    early = confirmed(ref, number)
    waiting = await door.send(early)
    assert (await door.answer(waiting))["status"] == "parked"
    await accepted(door, voided(early))
    ended = await door.answer(waiting, status="rejected")
    assert ended["code"] == "voided_while_waiting"
    assert not await rows(door, "SELECT 1 FROM parked WHERE missing_key = $1", number)
    await accepted(door, registered(ref))
    await accepted(door, enrolled(ref, number))
    await accepted(door, early)


async def test_a_correction_replaces_what_it_corrects_and_both_stay_in_the_log(door: Door) -> None:
    ref, number = worker(7), "32-void-7"
    wrong, right = enrolled(ref, number), enrolled(ref, number)
    right["data"] |= {"tuition_fen": 123_000}
    for event in (registered(ref), wrong, confirmed(ref, number), correcting(wrong, right)):
        await accepted(door, event)
    found = await rows(door, "SELECT state, event_id, facts FROM enrollment WHERE number = $1", number)
    assert (found[0][0], found[0][1]) == ("confirmed", right["id"])
    assert '"tuition_fen": 123000' in found[0][2]
    facts = await facts_about(door, {ref}, 5)
    assert [fact["type"] for fact in facts][-2:] == [provinces.EVENT_VOIDED, provinces.WORKER_ENROLLED]
    assert facts[-2]["data"]["superseded_by"] == right["id"]
    twice = await door.ask(correcting(wrong, enrolled(ref, number)))
    assert (twice["code"], twice["first_event_id"]) == ("already_voided", right["id"])

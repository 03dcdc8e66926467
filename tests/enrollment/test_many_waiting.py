"""When much waits at once, cause still precedes effect and nothing is forgotten."""

from shared.contracts.topics import ENROLLMENT_EVENTS
from tests.chain.topics import events_by_lane, once
from tests.enrollment.conftest import Door
from tests.enrollment.events import confirmed, enrolled, registered, worker_ref

MANY = 1_200
"""More than one statement takes out of handover."""
MORE_THAN_ONE_BATCH = 5_020
"""More than one batch may take up (`store.RELEASE_MAX`)."""


async def test_a_fact_handed_over_among_many_precedes_what_builds_on_it(door: Door) -> None:
    worker, last = worker_ref("R"), f"34-many-{MANY - 1}"
    confirmation = await door.send(confirmed(worker, last))
    assert (await door.answer(confirmation))["status"] == "parked"
    many = [enrolled(worker, f"34-many-{n}", lane="34", funding="32") for n in range(MANY)]
    offsets = await door.send_many(many, lane="34")
    assert (await door.answer(offsets[-1], lane="34"))["status"] == "parked"
    await door.ask(registered(worker, lane="34"), lane="34")
    await door.answer(confirmation, status="accepted")
    facts = once((await events_by_lane(door.stack, ENROLLMENT_EVENTS))["32"])
    kinds = [fact["type"] for fact in facts if fact["data"].get("enrollment_no") == last]
    assert kinds == ["dreams.worker.enrolled.v1", "dreams.enrollment.confirmed.v1"]


async def test_more_waiting_events_than_a_batch_takes_up_are_all_freed(door: Door) -> None:
    worker = worker_ref("S")
    many = [enrolled(worker, f"32-more-{n}") for n in range(MORE_THAN_ONE_BATCH)]
    offsets = await door.send_many(many)
    assert (await door.answer(offsets[-1]))["status"] == "parked"
    await door.ask(registered(worker))
    for offset in offsets:
        assert (await door.answer(offset, status="accepted"))["code"] is None

"""Receipts: duplicates, conflicts, ids judged afresh, natural keys, and events that come too early."""

from tests.enrollment.conftest import Door
from tests.enrollment.events import allocated, confirmed, enrolled, registered, worker_ref


async def test_the_same_event_again_is_a_duplicate(door: Door) -> None:
    sent = allocated("dup-1")
    assert (await door.ask(sent))["status"] == "accepted"
    again = await door.ask(sent)
    assert (again["status"], again["first_event_id"]) == ("duplicate", sent["id"])


async def test_another_key_order_and_another_offset_of_the_same_instant_are_no_conflict(door: Door) -> None:
    sent = allocated("dup-2")
    assert (await door.ask(sent))["status"] == "accepted"
    shuffled = {**dict(reversed(sent.items())), "time": "2026-09-01T00:00:00Z"}
    shuffled["data"] = dict(reversed(sent["data"].items()))
    traced = [("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]
    assert (await door.ask(shuffled, headers=[*traced]))["status"] == "duplicate"


async def test_the_same_id_with_other_content_is_a_conflict(door: Door) -> None:
    sent = allocated("con-1")
    assert (await door.ask(sent))["status"] == "accepted"
    other = await door.ask(allocated("con-1", amount_fen=7, id=sent["id"]))
    assert (other["status"], other["code"]) == ("conflict", "conflict")


async def test_a_rejected_id_is_judged_afresh(door: Door) -> None:
    broken = allocated("fresh-1", amount_fen=-5)
    assert (await door.ask(broken))["status"] == "rejected"
    mended = await door.ask(allocated("fresh-1", id=broken["id"]))
    assert mended["status"] == "accepted"
    assert (await door.ask(broken))["status"] == "conflict"


async def test_the_same_money_under_a_new_id_is_already_recorded(door: Door) -> None:
    first = allocated("money-1")
    assert (await door.ask(first))["status"] == "accepted"
    again = await door.ask(allocated("money-1"))
    assert (again["status"], again["code"]) == ("rejected", "already_recorded")
    assert again["first_event_id"] == first["id"]


async def test_an_enrollment_waits_for_its_registration_and_what_waits_for_it_follows(door: Door) -> None:
    worker = worker_ref("M")
    confirmation = await door.send(confirmed(worker, "32-early"))
    early = enrolled(worker, "32-early")
    enrollment = await door.send(early)
    assert (await door.answer(confirmation))["status"] == "parked"
    assert (await door.answer(enrollment))["status"] == "parked"
    resent = await door.ask(early)
    assert (resent["status"], resent["first_event_id"]) == ("duplicate", early["id"])
    assert resent["code"] == "duplicate_waiting"
    assert f"仍在等待：工人 {worker}" in resent["message_zh"]
    assert f"still waits for worker {worker}" in resent["message_en"]
    assert (await door.ask(registered(worker)))["status"] == "accepted"
    assert (await door.answer(enrollment, status="accepted"))["event_id"] == early["id"]
    assert (await door.answer(confirmation, status="accepted"))["offset"] == confirmation


async def test_a_registration_on_another_lane_releases_what_waits(door: Door) -> None:
    worker = worker_ref("N")
    waiting = await door.send(enrolled(worker, "32-across"))
    assert (await door.answer(waiting))["status"] == "parked"
    assert (await door.ask(registered(worker, lane="34"), lane="34"))["status"] == "accepted"
    assert (await door.answer(waiting, status="accepted"))["code"] is None
    assert [receipt["status"] for receipt in door.receipts["32", waiting]] == ["parked", "accepted"]


async def test_only_the_province_that_funds_may_confirm(door: Door) -> None:
    worker = worker_ref("O")
    await door.ask(registered(worker))
    assert (await door.ask(enrolled(worker, "32-foreign", funding="34")))["status"] == "accepted"
    refused = await door.ask(confirmed(worker, "32-foreign"))
    assert (refused["code"], "34" in refused["message_en"]) == ("not_the_funder", True)
    assert (await door.ask(confirmed(worker, "32-foreign", lane="34"), lane="34"))["status"] == "accepted"


async def test_an_enrollment_is_confirmed_once_and_by_its_own_worker(door: Door) -> None:
    worker = worker_ref("P")
    await door.ask(registered(worker))
    await door.ask(enrolled(worker, "32-once"))
    assert (await door.ask(confirmed(worker_ref("Q"), "32-once")))["code"] == "subject_mismatch"
    assert (await door.ask(confirmed(worker, "32-once")))["status"] == "accepted"
    assert (await door.ask(confirmed(worker, "32-once")))["code"] == "already_recorded"


async def test_the_same_id_from_two_systems_is_two_events(door: Door) -> None:
    sent = allocated("two-1")
    other = allocated("two-2", id=sent["id"], source="//provinces/32/finance")
    assert (await door.ask(sent))["status"] == "accepted"
    assert (await door.ask(other))["status"] == "accepted"
    assert (await door.ask(other))["status"] == "duplicate"

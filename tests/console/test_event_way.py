"""One event's way is put together from what the services keep: each step once, below the step that caused it."""

from typing import Any

from console.event_way import (
    as_tree,
    spans_of,
    steps_of_log,
    steps_of_messages,
    steps_of_reporting,
    trace_ids,
)

TRACE = "b4650d65cd81e05f2ab56d67db90ce7f"


def entry(stream: str, id_: str, cause: str, second: int, **data: Any) -> dict[str, Any]:
    event = {
        "id": id_,
        "type": data.pop("type", "dreams.worker.enrolled.v1"),
        "causationid": cause,
        "recordedtime": f"2026-11-24T10:00:{second:02d}+00:00",
        "lane": "32",
        "seq": second,
        "data": data,
    }
    return {"stream": stream, "event": event, "traceparent": f"00-{TRACE}-c893dff95a80ff81-01"}


RECEIPT = entry(
    "provinces.{lane}.receipts",
    "r1",
    "js-1",
    1,
    type="dreams.receipt.issued.v1",
    status="accepted",
    code=None,
    field=None,
    first_event_id=None,
    offset=4,
)
FACT = entry("enrollment.events", "f1", "js-1", 1)
DECISION = {"type": "dreams.subsidy.reserved.v1", "amount_fen": 100_000, "enrollment_no": "32-1"}


def test_a_decision_that_is_also_told_to_the_province_is_one_step() -> None:
    rows = [
        entry("subsidy.events", "d1", "f1", 2, **DECISION),
        entry("provinces.{lane}.decisions", "d1", "f1", 9, **DECISION),
    ]
    (step,) = steps_of_log("subsidy", rows)
    assert step.seq == 2
    assert step.outcome == {"amount_fen": 100_000, "told_to_province": "32"}


def test_each_step_hangs_below_its_cause_with_the_time_in_between() -> None:
    steps = steps_of_log("enrollment", [RECEIPT, FACT])
    steps += steps_of_log("subsidy", [entry("subsidy.events", "d1", "f1", 3, **DECISION)])
    steps += steps_of_messages(
        [
            {
                "cause": "subsidy.granted", "message_id": 7, "cause_event_id": "d1", "lane": "32",
                "state_at": "2026-11-24T10:00:05Z", "state": "sent", "code": None, "tries": 1,
            }
        ]
    )  # fmt: skip
    receipt, fact = as_tree("js-1", steps)
    assert (receipt.what, receipt.outcome["status"], receipt.outcome["offset"]) == ("receipt", "accepted", 4)
    (decision,) = fact.children
    assert decision.after_ms == 2_000
    (letter,) = decision.children
    assert (letter.service, letter.outcome["state"], letter.after_ms) == ("notification", "sent", 2_000)
    assert fact.as_json()["children"][0]["children"][0]["service"] == "notification"


def test_a_fact_whose_cause_is_not_known_is_not_lost() -> None:
    steps = steps_of_log("subsidy", [entry("subsidy.events", "d1", "elsewhere", 3, **DECISION)])
    assert [step.id for step in as_tree("js-1", steps)] == ["d1"]


def test_reporting_confirms_only_facts_of_the_way() -> None:
    row = {"event_id": "f1", "stream": "enrollment.events", "seq": 1, "lane": "32"}
    row |= {"recorded_at": "2026-11-24T10:00:01Z", "effective_day": "2026-09-01"}
    assert len(steps_of_reporting([row, {**row, "event_id": "other"}], ["f1"])) == 1


def test_the_trace_is_named_once_and_a_span_that_comes_twice_counts_once() -> None:
    assert trace_ids([RECEIPT, FACT, {"traceparent": None}]) == [TRACE]
    span = {"spanID": "1", "processID": "p1", "operationName": "publish", "startTime": 5, "duration": 3}
    trace = {
        "traceID": TRACE,
        "processes": {"p1": {"serviceName": "province"}},
        "spans": [
            {**span, "tags": [{"key": "lane", "value": "32"}]},
            {**span, "spanID": "0", "startTime": 1, "tags": []},
        ],
    }
    assert [(one.started_at_us, one.lane) for one in spans_of([trace, trace])] == [(1, None), (5, "32")]

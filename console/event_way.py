"""One event's way through the services, put together from what they keep of it: pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final

from shared.contracts.enrollment import RECEIPT_ISSUED
from shared.contracts.topics import PROVINCE_DECISIONS

SUMMARISED: Final = ("amount_fen", "fund_source", "position", "was", "code", "exceeding_fen")
"""What of a fact's data says how it came out; nothing of these is about a person."""


@dataclass(slots=True)
class Step:
    """One thing that came of the event, where and when."""

    service: str
    what: str
    """An event's type, or what the service did."""
    id: str
    cause: str | None
    at: datetime
    lane: str
    seq: int | None = None
    """Its number on the service's own stream; for a receipt, on the province's."""
    outcome: dict[str, Any] = field(default_factory=dict)
    after_ms: float | None = None
    """Time since the step that it came of."""
    children: list["Step"] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """This step and all below it, for programs."""
        plain = asdict(self)
        del plain["children"]
        return {**plain, "at": self.at.isoformat(), "children": [child.as_json() for child in self.children]}


@dataclass(frozen=True, slots=True)
class Span:
    """One span of the event's trace."""

    trace_id: str
    service: str
    name: str
    started_at_us: int
    duration_us: int
    lane: str | None


def steps_of_log(service: str, found: Iterable[Mapping[str, Any]]) -> list[Step]:
    """Steps out of a service's log; what stands on several streams under one id is one step."""
    steps: dict[str, Step] = {}
    for row in found:
        event = row["event"]
        step = steps.setdefault(event["id"], _step(service, event))
        if row["stream"] == PROVINCE_DECISIONS.pattern:
            step.outcome["told_to_province"] = event["lane"]
        else:
            step.seq = event["seq"]
    return list(steps.values())


def steps_of_messages(messages: Iterable[Mapping[str, Any]]) -> list[Step]:
    """Steps out of notification's messages."""
    return [
        Step(
            "notification",
            f"letter about {row['cause']}",
            f"message {row['message_id']}",
            row["cause_event_id"],
            parsed(row["state_at"]),
            row["lane"],
            outcome={name: row[name] for name in ("state", "code", "tries") if row[name]},
        )
        for row in messages
    ]


def steps_of_reporting(facts: Iterable[Mapping[str, Any]], known: Iterable[str]) -> list[Step]:
    """Steps out of reporting's facts: those among `known` that have come into the national numbers."""
    wanted = set(known)
    return [
        Step(
            "reporting",
            "in the national numbers",
            f"fact {row['stream']} {row['seq']}",
            row["event_id"],
            parsed(row["recorded_at"]),
            row["lane"],
            outcome={"effective_day": row["effective_day"]},
        )
        for row in facts
        if row["event_id"] in wanted
    ]


def as_tree(origin: str, steps: Sequence[Step]) -> list[Step]:
    """The steps that came of `origin` itself, each with those below it, in the order of time."""
    by_id = {step.id: step for step in steps}
    tops = []
    for step in sorted(steps, key=lambda one: one.at):
        cause = by_id.get(step.cause or "")
        if cause is None or cause is step or step.cause == origin:
            tops.append(step)
            continue
        if step.service != "reporting":  # its time is that of the fact itself
            step.after_ms = (step.at - cause.at).total_seconds() * 1000
        cause.children.append(step)
    first = tops[0].at if tops else None
    for step in tops[1:]:
        assert first is not None
        step.after_ms = (step.at - first).total_seconds() * 1000
    return tops


def trace_ids(found: Iterable[Mapping[str, Any]]) -> list[str]:
    """Ids of the traces that log entries were written in, each once."""
    ids = [row["traceparent"].split("-")[1] for row in found if row.get("traceparent")]
    return list(dict.fromkeys(ids))


def spans_of(traces: Iterable[Mapping[str, Any]]) -> list[Span]:
    """The spans of Jaeger's traces in the order of time; a trace comes once per service that was asked."""
    found: dict[str, Span] = {}
    for trace in traces:
        for span in trace["spans"]:
            tags = {tag["key"]: tag["value"] for tag in span["tags"]}
            service = trace["processes"][span["processID"]]["serviceName"]
            found[span["spanID"]] = Span(
                trace["traceID"],
                service,
                span["operationName"],
                span["startTime"],
                span["duration"],
                tags.get("lane"),
            )
    return sorted(found.values(), key=lambda one: one.started_at_us)


def parsed(text: str) -> datetime:
    """An instant out of JSON."""
    return datetime.fromisoformat(text)


def _step(service: str, event: Mapping[str, Any]) -> Step:
    data = event["data"]
    if event["type"] == RECEIPT_ISSUED:
        what = "receipt"
        outcome = {name: data[name] for name in ("status", "code", "field", "first_event_id") if data[name]}
        outcome["offset"] = data["offset"]
    else:
        what = event["type"]
        outcome = {name: data[name] for name in SUMMARISED if data.get(name) is not None}
    at = parsed(event["recordedtime"])
    return Step(
        service, what, event["id"], event.get("causationid"), at, event["lane"], event["seq"], outcome
    )

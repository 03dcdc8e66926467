"""`dreams trace`: one event's way through all services, from their own records, and its spans if there are any."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import httpx
import typer
from rich.console import Console
from rich.markup import escape
from rich.tree import Tree

from console.amounts import yuan
from console.api_client import Api, ApiError
from console.commands_lanes import DATA, Data, asked, event_path, write_json
from console.event_way import (
    Span,
    Step,
    as_tree,
    parsed,
    spans_of,
    steps_of_log,
    steps_of_messages,
    steps_of_reporting,
    trace_ids,
)
from console.times import shanghai

LOG_SERVICES: Final = ("enrollment", "subsidy")
"""Services that publish, and so keep a log."""
CAUSES_MAX: Final = 100
SHOWN_MAX: Final = 40
"""At most this many steps below one; a top-up can move thousands."""
JAEGER_TIMEOUT_S: Final = 10.0
STYLES: Final = {
    "accepted": "green", "sent": "green", "duplicate": "cyan", "parked": "yellow", "conflict": "yellow",
    "rejected": "red", "failed": "red", "unknown": "red",
}  # fmt: skip


@dataclass
class Way:
    """All that was found of one event."""

    event_id: str
    origin: str
    """The province's event at the start."""
    receipts: list[dict[str, Any]] = field(default_factory=list)
    tops: list[Step] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    not_answering: list[str] = field(default_factory=list)

    @property
    def known(self) -> bool:
        """Whether any service knows the event."""
        return bool(self.receipts or self.tops)


def trace(
    event_id: Annotated[str, typer.Argument(help="A province's id of its event, or the id of any fact.")],
    data: Data = DATA,
    hours: Annotated[
        int,
        typer.Option(min=1, max=9_000, help="So long before and after its receipt the logs are searched."),
    ] = 6,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output.")] = False,
) -> None:
    """Show one event's way through all services: verdicts, outcomes, times, and its spans if there are any."""
    way = asked(data, lambda api: follow(api, event_id, timedelta(hours=hours)))
    if as_json:
        described = asdict(way) | {"tops": None, "steps": [step.as_json() for step in way.tops]}
        del described["tops"]
        write_json(described)
    elif way.known:
        Console().print(_tree(way))
    for sentence in way.not_answering:
        typer.echo(sentence, err=True)
    if not way.known:
        typer.echo(f"No service knows the event {event_id}.", err=True)
    raise typer.Exit(0 if way.known else 1)


async def follow(api: Api, event_id: str, around: timedelta) -> Way:
    """Ask all services for what came of an event; who does not answer is noted and left out."""
    asking = _Asking(api)
    way = Way(event_id, event_id)
    facts: list[dict[str, Any]]
    way.receipts, facts = await asyncio.gather(
        asking.get("enrollment", f"/v1/receipts/{event_path(event_id)}"),
        asking.get("reporting", f"/v1/facts/{event_path(event_id)}"),
    )
    if not way.receipts and facts and facts[0]["correlation_id"]:
        way.origin = facts[0]["correlation_id"]  # asked for a fact's own id: the whole way is shown
        way.receipts = await asking.get("enrollment", f"/v1/receipts/{event_path(way.origin)}")
    entries = await asking.logs(way.origin, _window(way.receipts, facts, around))
    steps = [step for service, found in entries.items() for step in steps_of_log(service, found)]
    causes = [step.id for step in steps if step.what != "receipt"]
    steps += steps_of_messages(await asking.messages(causes[:CAUSES_MAX]))
    steps += steps_of_reporting(facts, causes)
    way.tops = as_tree(way.origin, steps)
    if api.deployment.jaeger and way.known:
        way.spans = await asking.spans(trace_ids(row for found in entries.values() for row in found))
    way.not_answering = list(asking.failures.values())
    return way


class _Asking:
    """Asks services; one that fails is noted and gives nothing."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.failures: dict[str, str] = {}

    async def get(self, service: str, path: str, query: Mapping[str, Any] | None = None) -> Any:
        try:
            return await self._api.get(service, path, query)
        except ApiError as error:
            self.failures[service] = str(error)
            return []

    async def logs(self, origin: str, window: tuple[str, str]) -> dict[str, list[dict[str, Any]]]:
        """Entries of the services' logs that came of `origin`."""
        query = {"event_id": origin, "since": window[0], "until": window[1]}
        answers = await asyncio.gather(*(self.get(name, "/v1/log/search", query) for name in LOG_SERVICES))
        return dict(zip(LOG_SERVICES, answers, strict=True))

    async def messages(self, causes: Sequence[str]) -> Any:
        if not causes:
            return []
        query = {"cause_event_id": list(causes), "limit": CAUSES_MAX}
        answer = await self.get("notification", "/v1/messages", query)
        return answer["messages"] if answer else []

    async def spans(self, ids: Sequence[str]) -> list[Span]:
        """The spans of traces, from Jaeger."""
        address = self._api.deployment.jaeger
        traces: list[dict[str, Any]] = []
        try:
            async with httpx.AsyncClient(timeout=JAEGER_TIMEOUT_S, trust_env=False) as client:
                for trace_id in ids:
                    answer = await client.get(f"{address}/api/traces/{trace_id}")
                    if answer.status_code != httpx.codes.NOT_FOUND:  # not sampled, or not there yet
                        traces += answer.raise_for_status().json()["data"]
        except (httpx.HTTPError, ValueError) as error:
            self.failures["jaeger"] = f"Jaeger at {address} did not tell its spans ({type(error).__name__})."
        return spans_of(traces)


def _window(
    receipts: Sequence[Mapping[str, Any]], facts: Sequence[Mapping[str, Any]], around: timedelta
) -> tuple[str, str]:
    """From when till when logs are searched: round the first that is known of the event, otherwise until now."""
    known = [parsed(row["received_at"]) for row in receipts]
    known += [parsed(row["recorded_at"]) for row in facts]
    first = min(known, default=datetime.now(UTC))
    return (first - around).isoformat(), (max(known, default=first) + around).isoformat()


def _tree(way: Way) -> Tree:
    first = way.receipts[0] if way.receipts else None
    title = f"[bold]{escape(way.origin)}[/]"
    if first:
        title += f"  {_short(first['type'] or 'unreadable')}  from {escape(first['source'])}"
    tree = Tree(title)
    if first and not any(step.what == "receipt" for step in way.tops):
        tree.add(f"{shanghai(first['received_at'])}  enrollment  {first['status']} (its log was not found)")
    for step in way.tops[:SHOWN_MAX]:
        _add(tree, step, way.event_id)
    if len(way.tops) > SHOWN_MAX:
        tree.add(f"[dim]… and {len(way.tops) - SHOWN_MAX:,} more[/]")
    if way.spans:
        _add_spans(tree, way.spans)
    return tree


def _add(tree: Tree, step: Step, asked_for: str) -> None:
    when = shanghai(step.at) if step.after_ms is None else _after(step.after_ms)
    if step.service == "reporting":
        when = "✓"
    mark = "[reverse]" if step.id == asked_for else "[bold]"
    said = [_said(name, value) for name, value in step.outcome.items()]
    if step.seq is not None and step.what != "receipt":
        said.append(f"[dim]seq {step.seq:,}[/]")
    branch = tree.add(f"[cyan]{when}[/]  {step.service}  {mark}{_short(step.what)}[/]  {'  '.join(said)}")
    for child in step.children[:SHOWN_MAX]:
        _add(branch, child, asked_for)
    if len(step.children) > SHOWN_MAX:
        branch.add(f"[dim]… and {len(step.children) - SHOWN_MAX:,} more[/]")


def _add_spans(tree: Tree, spans: Sequence[Span]) -> None:
    ids = ", ".join(dict.fromkeys(span.trace_id for span in spans))
    branch = tree.add(f"[bold]spans[/] of trace {ids}")
    began_us = spans[0].started_at_us
    for span in spans[:SHOWN_MAX]:
        after_ms = (span.started_at_us - began_us) / 1000
        name = _short(span.name).removeprefix(span.service).strip()
        took = f"[dim]took {span.duration_us / 1000:,.1f} ms[/]"
        branch.add(f"[cyan]{_after(after_ms)}[/]  {escape(span.service)}  {escape(name)}  {took}")


def _said(name: str, value: Any) -> str:
    if name.endswith("_fen"):
        return f"{'' if name == 'amount_fen' else name.removesuffix('_fen') + ' '}{yuan(value)} yuan"
    if name in ("status", "state"):
        return f"[{STYLES.get(value, 'default')}]{escape(str(value))}[/]"
    if name == "fund_source":
        return escape(str(value))
    if name == "effective_day":
        return f"for {value}"
    if name == "told_to_province":
        return f"told to province {value}"
    return f"{name.replace('_', ' ')} {escape(str(value))}"


def _after(after_ms: float) -> str:
    return f"+{after_ms:,.0f} ms" if after_ms < 10_000 else f"+{after_ms / 1000:,.1f} s"  # noqa: PLR2004 - readable


def _short(event_type: str) -> str:
    return event_type.replace("dreams.", "")

"""`dreams certify`: a namespace of its own for a province's system, and live what it has shown and what is missing."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Annotated, Final

import typer
from aiokafka import AIOKafkaConsumer, TopicPartition
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Table

from console.province.certification import FAULTLESS_EVENTS, Finding, Observed, Scenario, as_json, scenarios
from console.province.headers import FileError, full_type
from console.province.said_error import SaidError
from console.stack.failures import StackError
from console.stack.infrastructure import Infrastructure
from console.stack.private_files import write_private
from console.stack.process_locks import sign, try_lock
from console.stack.stack import Stack
from console.stack.state import running_stack
from shared.contracts.access import province_principal
from shared.contracts.enrollment import ReceiptIssued
from shared.contracts.envelope import Fact
from shared.contracts.lanes import LANE_CODES
from shared.contracts.provinces import DATA_MODELS, OF_THE_NATION, WORKER_ENROLLED, WORKER_REGISTERED
from shared.contracts.submission import read
from shared.contracts.topics import PROVINCE_EVENTS, PROVINCE_RECEIPTS

USAGE: Final = 2
UNFULFILLED: Final = 1
POLL_S: Final = 0.5
MINUTES_DEFAULT: Final = 480.0
ALWAYS: Final = (WORKER_REGISTERED, WORKER_ENROLLED)
"""What every province sends; it names the others that its system will send."""

Findings = Mapping[Scenario, Finding]


def certify(
    province: Annotated[
        str, typer.Option("--province", "-p", help="Two digits of the province, such as 32.")
    ],
    types: Annotated[
        list[str] | None,
        typer.Option(
            "--type", "-t", help="A type that the system will send, such as degree.completed; or all."
        ),
    ] = None,
    events: Annotated[
        int, typer.Option("--events", min=1, help="So many events in a row without a fault.")
    ] = FAULTLESS_EVENTS,
    minutes: Annotated[float, typer.Option("--minutes", min=0, help="End after so long.")] = MINUTES_DEFAULT,
    as_json_: Annotated[
        bool, typer.Option("--json", help="Two lines of JSON: how to connect, and at the end what was found.")
    ] = False,
    data: Annotated[
        Path, typer.Option("--data", envvar="DREAMS_DATA", help="Folder of the local stack.")
    ] = Path(".dreams"),
) -> None:
    """Follow what a province's system sends in a trial of its own, until all is shown (省级系统联调认证).

    The trial has topics and a database of its own beside the running stack and is thrown away at the end.
    Exit status: 0 if all is fulfilled, 1 if not, 2 if the call is wrong or nothing runs.
    """
    try:
        if province not in LANE_CODES:
            raise FileError(
                f"没有省份“{province}”。", f"There is no province “{province}”: give its two digits."
            )
        wanted = scenarios(_types(types or []), events)
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
        screen = _json_screen if as_json_ else _live_screen
        found = asyncio.run(_certify(data, province, wanted, minutes * 60, screen))
    except SaidError as error:
        typer.echo(f"{error.zh}\n{error.en}", err=True)
        raise typer.Exit(USAGE) from error
    except StackError as error:
        typer.echo(f"{error}", err=True)
        raise typer.Exit(USAGE) from error
    except KeyboardInterrupt:
        raise typer.Exit(UNFULFILLED) from None
    raise typer.Exit(0 if all(finding.fulfilled for finding in found.values()) else UNFULFILLED)


def _types(named: list[str]) -> list[str]:
    """The types to be shown, in the contract's order."""
    chosen = set(DATA_MODELS) - OF_THE_NATION if "all" in named else {*ALWAYS, *map(full_type, named)}
    return [name for name in DATA_MODELS if name in chosen]


Screen = Callable[[Mapping[str, str], "_Trial", float], Awaitable[Findings]]


async def _certify(
    data: Path, lane: str, wanted: tuple[Scenario, ...], limit_s: float, screen: Screen
) -> Findings:
    state = running_stack(data)
    namespace = f"cert{lane}."
    lock = try_lock(state.data / f"certification-{lane}.lock")
    if lock is None:
        raise StackError(f"Another certification of province {lane} runs over {state.data}: end it first.")
    with lock:
        sign(lock)
        infrastructure = Infrastructure.attached(state)
        async with _trial(infrastructure, namespace) as stack:
            connection = _connection(stack, lane)
            write_private(state.data / f"certification-{lane}.env", _lines(connection))
            observed = Observed()
            following = asyncio.create_task(_follow(stack, lane, observed))
            try:
                return await screen(connection, _Trial(wanted, observed, following), limit_s)
            finally:
                following.cancel()
                await asyncio.wait([following])


@asynccontextmanager
async def _trial(infrastructure: Infrastructure, namespace: str) -> AsyncIterator[Stack]:
    """Enrollment in a namespace of its own; what an interrupted trial has left is deleted first."""
    typer.echo("正在准备联调环境…… / Preparing the trial …", err=True)
    try:
        await infrastructure.drop_namespace(namespace)
        stack = await Stack.over(infrastructure, namespace, ["enrollment"])
        try:
            yield stack
        finally:
            await stack.stop()
    finally:
        await infrastructure.spawner.stop_all()
        await infrastructure.drop_namespace(namespace)


def _connection(stack: Stack, lane: str) -> dict[str, str]:
    """What the province's system needs: the same names as the kit and `dreams publish` read."""
    user = province_principal(lane)
    stack.kafka.credentials(user)
    return {
        "DREAMS_KAFKA_BOOTSTRAP": stack.kafka.bootstrap,
        "DREAMS_KAFKA_USERNAME": user,
        "DREAMS_KAFKA_PASSWORD_FILE": str(stack.secrets / "kafka" / user),
        "DREAMS_NAMESPACE": stack.namespace,
        "DREAMS_EVENTS_TOPIC": PROVINCE_EVENTS.topic(stack.namespace, lane),
        "DREAMS_RECEIPTS_TOPIC": PROVINCE_RECEIPTS.topic(stack.namespace, lane),
        "DREAMS_HTTP_ADDRESS": stack.address("enrollment"),
        "DREAMS_HTTP_TOKEN_FILE": str(stack.secrets / "tokens" / user),
    }


def _lines(connection: Mapping[str, str]) -> str:
    return "".join(f"export {name}={value}\n" for name, value in connection.items())


async def _follow(stack: Stack, lane: str, observed: Observed) -> None:
    """Read what the province sends and what it is answered, from the beginning of both topics."""
    events = TopicPartition(PROVINCE_EVENTS.topic(stack.namespace, lane), 0)
    receipts = TopicPartition(PROVINCE_RECEIPTS.topic(stack.namespace, lane), 0)
    user, password = stack.kafka.credentials("operator")
    consumer = AIOKafkaConsumer(
        bootstrap_servers=stack.kafka.bootstrap,
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_plain_username=user,
        sasl_plain_password=password,
        enable_auto_commit=False,
    )
    async with consumer:
        consumer.assign([events, receipts])
        await consumer.seek_to_beginning(events, receipts)
        while True:
            found = await consumer.getmany(timeout_ms=int(POLL_S * 1000))
            for record in found.get(events, ()):
                observed.take_record(read(record.value, record.headers, lane, record.offset))
            for record in found.get(receipts, ()):
                fact = Fact[ReceiptIssued].model_validate_json(record.value, strict=False)
                observed.take_receipt(fact.data)


class _Trial:
    """What is wanted, and what is there now."""

    def __init__(
        self, wanted: tuple[Scenario, ...], observed: Observed, following: "asyncio.Task[None]"
    ) -> None:
        self._wanted, self.observed, self._following = wanted, observed, following

    def findings(self) -> Findings:
        """Each scenario as it stands now; raises what has ended the following."""
        if self._following.done():
            self._following.result()
        return {scenario: scenario.judge(self.observed) for scenario in self._wanted}

    async def until_fulfilled(self, limit_s: float, show: Callable[[Findings], None]) -> Findings:
        """Show how it stands, again and again, until all is fulfilled, the time is over or it is interrupted."""
        deadline = time.monotonic() + limit_s
        found = self.findings()
        with suppress(asyncio.CancelledError):  # Ctrl-C: what stands then is the result
            while not all(finding.fulfilled for finding in found.values()) and time.monotonic() < deadline:
                show(found)
                await asyncio.sleep(POLL_S)
                found = self.findings()
        show(found)
        return found


async def _json_screen(connection: Mapping[str, str], trial: _Trial, limit_s: float) -> Findings:
    typer.echo(json.dumps({"connection": connection}, ensure_ascii=False))
    found = await trial.until_fulfilled(limit_s, lambda _: None)
    fulfilled = all(finding.fulfilled for finding in found.values())
    typer.echo(json.dumps({"fulfilled": fulfilled, "scenarios": as_json(found)}, ensure_ascii=False))
    return found


async def _live_screen(connection: Mapping[str, str], trial: _Trial, limit_s: float) -> Findings:
    typer.echo("省级系统请这样连接（Ctrl-C 结束）：\nThe province's system connects so (Ctrl-C ends):\n")
    typer.echo(_lines(connection))
    console = Console()
    if not console.is_terminal:
        found = await trial.until_fulfilled(limit_s, lambda _: None)
        console.print(_table(found, trial.observed))
    else:
        with Live(console=console, auto_refresh=False) as live:
            found = await trial.until_fulfilled(
                limit_s, lambda now: live.update(_table(now, trial.observed), refresh=True)
            )
    missing = sum(not finding.fulfilled for finding in found.values())
    typer.echo(
        f"尚缺 {missing} 项。 / {missing} are missing." if missing else "全部通过。 / All is fulfilled."
    )
    return found


def _table(found: Findings, observed: Observed) -> Table:
    answered = sum(sent.final is not None for sent in observed.records.values())
    received = len(observed.records)
    title = f"已收到 {received} 条，已回执 {answered} 条 / {received} received, {answered} answered"
    table = Table(title=title, box=SIMPLE_HEAD, title_justify="left", expand=True)
    table.add_column("", no_wrap=True)
    table.add_column("要求 scenario", ratio=3, overflow="fold")
    table.add_column("现状 found", ratio=2, overflow="fold")
    for scenario, finding in found.items():
        mark = "[green]✓[/green]" if finding.fulfilled else "[yellow]…[/yellow]"
        table.add_row(mark, f"{scenario.zh}\n{scenario.en}", f"{finding.zh}\n{finding.en}")
    missing = next((scenario for scenario, finding in found.items() if not finding.fulfilled), None)
    if missing is not None:
        table.caption = f"下一步 next: {missing.todo_zh}\n{missing.todo_en}"
        table.caption_justify = "left"
    return table

"""`dreams rebuild reporting`: all numbers anew from the facts, beside those that are read, then in their place."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import Progress

from console.api_client import Api, ApiError
from console.commands_lanes import DATA, Data, asked
from console.late_progress import bar
from shared.contracts.topics import ENROLLMENT_EVENTS, SUBSIDY_EVENTS

rebuild = typer.Typer(no_args_is_help=True, help="Rebuild: what a service derives, anew from the facts.")
LOOK_EVERY_S: Final = 0.5
REPLAY: Final = "/v1/log/replay"
REBUILD: Final = "/v1/rebuild"
PUBLISHERS: Final[Mapping[str, str]] = {
    "enrollment": ENROLLMENT_EVENTS.pattern,
    "subsidy": SUBSIDY_EVENTS.pattern,
}
"""Who sends its log once more, and what it publishes."""
NAME_BYTES: Final = 4
Said = dict[str, Any]


@rebuild.command("reporting")
def rebuild_reporting(
    reason: Annotated[str, typer.Option(help="Why; it is kept in the trail.")],
    from_logs: Annotated[
        bool,
        typer.Option(
            "--from-logs",
            help="Read the publishers' logs, by topics that are deleted afterwards (从发布服务的日志重建).",
        ),
    ] = False,
    data: Data = DATA,
) -> None:
    """Rebuild all numbers from the topics; the old ones are read until the new ones are level (重建统计)."""
    done = asked(data, lambda api: rebuilt_from_logs(api, reason) if from_logs else _from_topics(api, reason))
    if done["state"] != "switched":
        typer.echo(
            f"重建失败，仍使用原有数据。 / The rebuild failed, the old numbers are still read: {done['why']}",
            err=True,
        )
        raise typer.Exit(1)
    typer.echo(
        f"已重建 {done['facts']:,} 条事实，{done['differences']} 项合计与此前不同。 / "
        f"{done['facts']:,} facts were counted anew; {done['differences']} sums differ from before."
    )


async def _from_topics(api: Api, reason: str) -> Said:
    with bar(Console(stderr=True)) as progress:
        task = progress.add_task("重建 rebuilding", total=None)
        shown: Said = await api.post("reporting", REBUILD, {"reason": reason})
        while shown["state"] == "reading":
            _draw(progress, task, shown)
            await asyncio.sleep(LOOK_EVERY_S)
            shown = await api.get("reporting", REBUILD)
    return shown


async def rebuilt_from_logs(api: Api, reason: str) -> Said:
    """Have both publishers send their logs, reporting read them, and the topics deleted, however it ends."""
    name = secrets.token_hex(NAME_BYTES)
    with bar(Console(stderr=True)) as progress:
        async with _replays(api, name, reason, progress) as replays:
            shown = await replays.until_made()
            if (failed := _failed(shown)) is not None:
                return failed
            ends = {PUBLISHERS[service]: said["ends"] for service, said in shown.items()}
            return await replays.until_read({"name": name, "ends": ends})


@asynccontextmanager
async def _replays(api: Api, name: str, reason: str, progress: Progress) -> AsyncIterator["_Replays"]:
    replays = _Replays(api, reason, progress)
    try:
        for service in PUBLISHERS:
            await api.post(service, REPLAY, {"reason": reason, "replay": name})
            replays.began.append(service)
        yield replays
    finally:
        await replays.delete()


class _Replays:
    """Replays that this command has begun, and the rebuild that reads them."""

    def __init__(self, api: Api, reason: str, progress: Progress) -> None:
        self._api, self._reason, self._progress = api, reason, progress
        self.began: list[str] = []
        self._reading = False
        self._tasks = {
            service: progress.add_task(f"日志 {PUBLISHERS[service]}", total=None) for service in PUBLISHERS
        }
        self._tasks["reporting"] = progress.add_task("重建 rebuilding", total=None)

    async def until_made(self) -> dict[str, Said]:
        """Wait until both topics are there, or one of them will not be."""
        while True:
            shown = await self._look()
            if _failed(shown) is not None or all(said["state"] != "asked" for said in shown.values()):
                return shown
            await asyncio.sleep(LOOK_EVERY_S)

    async def until_read(self, replay: Mapping[str, Any]) -> Said:
        """Have reporting read them; how that ended. While somebody asks, the publishers keep their topics."""
        body = {"reason": self._reason, "replay": replay}
        self._reading = True  # before it is asked: an interruption may come before the answer
        shown: Said = await self._api.post("reporting", REBUILD, body)
        while shown["state"] == "reading":
            _draw(self._progress, self._tasks["reporting"], shown)
            await asyncio.sleep(LOOK_EVERY_S)
            if (failed := _failed(await self._look())) is not None:
                return failed
            shown = await self._api.get("reporting", REBUILD)
        self._reading = False
        return shown

    async def _look(self) -> dict[str, Said]:
        shown: dict[str, Said] = {}
        for service in PUBLISHERS:
            shown[service] = await self._api.get(service, REPLAY)
            _draw(self._progress, self._tasks[service], shown[service])
        return shown

    async def delete(self) -> None:
        """Have the topics deleted, and where it still reads them, the rebuild given up."""
        paths = [("reporting", REBUILD)] if self._reading else []
        for service, path in (*paths, *((service, REPLAY) for service in self.began)):
            try:
                await self._api.delete(service, path)
            except ApiError as error:
                typer.echo(
                    f"{error} 该服务会自行删除重放主题。 / The service deletes its replay's topic by itself later.",
                    err=True,
                )


def _failed(shown: Mapping[str, Said]) -> Said | None:
    """What to say where a publisher does not send its log, or has ended to."""
    for service, said in shown.items():
        if said["state"] not in ("asked", "sending", "sent"):
            return {"state": "failed", "why": f"{service}: {said['why'] or said['state']}"}
    return None


def _draw(progress: Progress, task: Any, shown: Said) -> None:
    progress.update(task, completed=shown["facts"], total=shown["of"] or None)

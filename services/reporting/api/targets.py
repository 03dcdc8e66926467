"""Targets for everybody: how they stand on any day, where they lead, who is behind, and the series since 2016."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict

from services.reporting import store
from services.reporting.api import asking, from_editions
from services.reporting.api.from_editions import NamedEdition
from services.reporting.domain import editions
from services.reporting.domain.prospects import (
    Moment,
    Prospect,
    Since2016,
    asked_for,
    grouped,
    prospects,
    since_2016,
)
from services.reporting.domain.selecting import as_of
from services.reporting.domain.targets import Book, InForce, Setting, in_force
from shared.contracts.envelope import Day, shanghai_day
from shared.contracts.provinces import TargetSet
from shared.plumbing.problem import ProblemRoute, documented
from shared.plumbing.store import Db

_SAME: Final[dict[int | str, dict[str, Any]]] = {304: {"description": "Nothing has changed since that ETag."}}


class SetBy(BaseModel):
    """The event of the nation by which a target was set."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    code: str
    """Of the target."""
    event_id: str
    """Id of the event, as lane 00 has sent it."""
    fact_id: str
    """Id of its fact on lane 00: `/v1/events` and `dreams trace` know it."""
    document_no: str
    source: str
    recorded_at: datetime


class NotTaken(SetBy):
    """An event that set no target: what stood before stands."""

    reason: str
    """Why, as a code: lane_and_alliance, alliance_months, no_window, within_unknown, within_unlike, within_circle."""
    message_zh: str
    message_en: str
    """Why, and that a further event under a new document number sets it."""


class Targets(BaseModel):
    """All targets as they stand, and the series “since 2016”."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    as_of: date
    """The day to which pace and steady pace are drawn: the newest fact's where none was asked for."""
    known_on: date | None
    edition: None = None
    """The live numbers answer."""
    simulated: bool
    """Numbers come from a simulation."""
    targets: list[Prospect]
    set_by_events: list[SetBy]
    """Targets that an event has set, in place of the file's or beside them; all others are the file's."""
    not_taken: list[NotTaken]
    """Events that set no target, with the reason."""
    since_2016: list[Since2016]
    """Opening balances of June 2024 with what has followed: two parts, never one number."""


class TargetKept(BaseModel):
    """A target of the whole nation in a closed edition."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    code: str
    progress: dict[str, Any]
    """As it was signed, with the fields of the live answer's `progress`: `value` is that by the end of the period."""


class TargetsOfEdition(BaseModel):
    """What a closed edition holds of the targets: no names, no band, no shortfall by province, nothing since 2016."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    as_of: date
    """The last day of its period."""
    known_on: date
    """The day of knowledge on which it was closed."""
    edition: str
    """The closed edition that answers, by period and number."""
    simulated: bool
    """Numbers come from a simulation."""
    targets: list[TargetKept]
    """Those of the whole nation, in the order of their book; those of provinces and alliances are not held."""


_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {200: {"model": Targets | TargetsOfEdition}}


def router(book: Book) -> APIRouter:
    """The targets of `book`."""
    routes = APIRouter(prefix="/v1", tags=["numbers"], route_class=ProblemRoute)

    @routes.get("/targets", responses=_ANSWERS | _SAME | documented(404, 422, 503))
    async def targets(
        request: Request,
        response: Response,
        as_of_: Annotated[Day | None, Query(alias="as_of", examples=["2026-06-30"])] = None,
        known_on: Annotated[Day | None, Query(examples=["2026-07-01"])] = None,
        edition: Annotated[NamedEdition, Query()] = None,
    ) -> Any:
        """Progress, required and real pace, a band, and what each province is short of; months count whole.

        With `edition`: the progress of the nation's targets by the end of its period, as that edition was signed.
        """
        if edition is not None:
            if as_of_ or known_on:
                raise from_editions.one_moment("as_of" if as_of_ else "known_on")
            return await _targets_of(request, response, edition)
        async with request.app.state.pool.acquire() as db, store.one_moment(db):
            tag = await asking.etag(request, db)
            if asking.is_same(request, tag):
                return Response(status_code=304, headers={"ETag": tag})
            told = await read(db, book, as_of_, known_on, simulated=request.app.state.settings.simulated)
        response.headers.update({"ETag": tag, "Cache-Control": "no-cache"})
        return told

    return routes


async def _targets_of(request: Request, response: Response, edition: str) -> Any:
    found = await from_editions.answering(request, response, edition)
    if isinstance(found, Response):
        return found
    kept, said = found
    return TargetsOfEdition(
        as_of=editions.days(kept.name.period)[1],
        known_on=said.head["known_on"],
        edition=str(kept.name),
        simulated=said.head["simulated"],
        targets=[TargetKept(code=target["code"], progress=dict(target)) for target in said.targets],
    )


async def read(
    db: Db, book: Book, upto: date | None = None, known_on: date | None = None, *, simulated: bool
) -> Targets:
    """All targets as they stand at the end of `upto`'s month, as known at the end of a day; now where none is given."""
    now = await targets_in_force(db, book, known_on)
    selections = asked_for(now.book)
    taken = await store.taken_in(db)
    newest = shanghai_day(taken["recorded_at"] or taken["now"])
    month = upto.isoformat()[:7] if upto else None
    rows = await store.selected(db, [as_of(one, month) for one in selections], known_on)
    sums = grouped([tuple(row) for row in rows], len(selections))
    today = upto or min(newest, known_on or newest)
    return Targets(
        as_of=today,
        known_on=known_on,
        simulated=simulated,
        targets=prospects(now.book, sums, Moment(today, taken["began"])),
        set_by_events=[SetBy(**_shown(setting)) for _, setting in sorted(now.set_by.items())],
        not_taken=[
            NotTaken(
                **_shown(setting),
                reason=unfit.code,
                message_zh=f"{unfit.zh}，未生效；请更正后以新文号重新设定。",
                message_en=f"Not in force: {unfit.en}. Set it again under a new document number.",
            )
            for setting, unfit in now.not_taken
        ],
        since_2016=since_2016(now.book, sums),
    )


async def targets_in_force(db: Db, book: Book, known_on: date | None = None) -> InForce:
    """The file's targets with what events have set by the end of a day; now where none is given."""
    rows = await store.targets_set(db, known_on)
    settings = [
        Setting(causation_id or event_id, event_id, recorded_at, TargetSet.model_validate_json(said))
        for event_id, causation_id, recorded_at, said in rows
    ]
    return in_force(book, settings)


def _shown(setting: Setting) -> Mapping[str, Any]:
    said = setting.said
    return {
        "code": said.target,
        "event_id": setting.event_id,
        "fact_id": setting.fact_id,
        "document_no": said.document_no,
        "source": said.source,
        "recorded_at": setting.recorded_at,
    }

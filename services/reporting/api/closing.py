"""Close a period or restate it: what a close would find, what a restatement would change, and the order itself."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from services.reporting import edition_store, store
from services.reporting.api.changes import Changes, shown_to, told
from services.reporting.api.from_editions import not_closed
from services.reporting.api.gathering import Gathered, gather
from services.reporting.api.making import content_of, differs, make, totals_changed_of
from services.reporting.domain import closing, editions
from services.reporting.domain.closing import Check
from services.reporting.domain.editions import Name
from services.reporting.domain.targets import Book
from shared.plumbing import store as plumbing_store
from shared.plumbing.operators import Operator
from shared.plumbing.problem import ProblemError, ProblemRoute, documented
from shared.plumbing.signing import Signer
from shared.plumbing.tokens import Caller, allow

Official = Annotated[Caller, Depends(allow("official", "auditor", "operator"))]
Period = Annotated[str, Path(pattern=f"^{editions.PERIOD}$", examples=["2026-06"])]


class Order(BaseModel):
    """An operator's order to close a period, or to restate a closed one."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    period: Annotated[str, Field(pattern=f"^{editions.PERIOD}$", examples=["2026-06"])]
    """A month, or a year whose months are closed."""
    reason: Annotated[str | None, Field(min_length=3, max_length=500)] = None
    """Why it is closed although a check fails, or why it is restated. It is published: name nobody.

    No reason closes what is not over yet, or a year whose months have changed since they were closed."""
    restate: bool = False
    """Make the next edition of a closed period."""


class CheckShown(BaseModel):
    """One check of a close."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    code: str
    outcome: closing.Outcome
    """`failed` refuses a close without a reason; `noted` is worth a look."""
    zh: str
    en: str


class Checked(BaseModel):
    """What a close would look at."""

    period: str
    closed: str | None
    checks: list[CheckShown]


class Closed(BaseModel):
    """An edition that was made."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    edition: str
    """Its name: period and number."""
    sha256: str
    """Of its document."""
    checks: list[CheckShown]
    changed: int
    """Cells and totals that differ from the edition before."""


def router(book: Book, signer: Signer | None) -> APIRouter:
    """Orders to close, and what they would do."""
    routes = APIRouter(prefix="/v1", tags=["editions"], route_class=ProblemRoute)

    @routes.post("/editions", status_code=201, responses=documented(401, 403, 409, 422, 503))
    async def close(request: Request, caller: Operator, order: Annotated[Order, Body()]) -> Closed:
        """Close a period, or restate it: refused while a check fails, unless a reason is given; it is kept."""
        if signer is None:
            raise _no_key()
        simulated = request.app.state.settings.simulated
        async with request.app.state.pool.acquire() as db, store.one_moment(db):
            seen = await gather(db, book, order.period, simulated=simulated)
        await asyncio.to_thread(_refuse, seen, order)  # what differs takes a second to find
        made = await asyncio.to_thread(make, seen, order.reason, signer, caller.name, simulated=simulated)
        async with request.app.state.pool.acquire() as db, db.transaction():
            if not await edition_store.keep(db, made):
                raise _closed(made.name)
            act = "restate" if order.restate else "close"
            await plumbing_store.note_act(db, caller.name, act, "00", f"{made.name}: {order.reason or '-'}")
        return Closed(
            edition=str(made.name),
            sha256=made.sha256,
            checks=_checks(seen),
            changed=len(editions.read(made.document).changed),
        )

    @routes.get("/editions/{period}/checks", responses=documented(401, 403, 409, 422, 503))
    async def checked(request: Request, _: Official, period: Period) -> Checked:
        """What a close of the period would find; nothing is written."""
        async with request.app.state.pool.acquire() as db, store.one_moment(db):
            seen = await gather(db, book, period, simulated=request.app.state.settings.simulated)
        return Checked(period=period, closed=str(seen.last.name) if seen.last else None, checks=_checks(seen))

    @routes.get("/editions/{period}/pending", responses=documented(401, 403, 404, 409, 422, 503))
    async def pending(request: Request, caller: Official, period: Period) -> Changes:
        """What a restatement would change now, cell by cell, and the events behind it; written down as a look-up."""
        simulated = request.app.state.settings.simulated
        async with request.app.state.pool.acquire() as db, store.one_moment(db):
            seen = await gather(db, book, period, simulated=simulated)
        if seen.last is None:
            raise not_closed(Name(period, None))
        totals = editions.read(seen.last.document)
        found = Changes(
            edition=str(seen.last.name),
            known_on=seen.known_on,
            simulated=simulated,
            totals=totals_changed_of(totals, content_of(seen), seen.later),
            **told(seen.last.cells, seen.cells, seen.later),
        )
        return await shown_to(request, caller, period, found)

    return routes


def _refuse(seen: Gathered, order: Order) -> None:
    """Raise ProblemError where the order cannot be carried out; which says what to do instead."""
    if seen.last is not None and not order.restate:
        raise _closed(seen.last.name)
    if seen.last is None and order.restate:
        raise not_closed(Name(order.period, None))
    if seen.last is not None and order.reason is None:
        raise ProblemError(
            409,
            "reason_needed",
            "更正须说明理由，理由将公布。",
            "A restatement needs a reason: it is published.",
        )
    if seen.last is not None and not differs(seen, seen.last):
        raise ProblemError(
            409,
            "nothing_changed",
            f"{seen.last.name} 之后没有变化，无须更正。",
            f"Nothing has changed since {seen.last.name}: there is nothing to restate.",
        )
    failing = closing.failing(seen.checks)
    binding = [check for check in failing if check.code in closing.BINDING]
    if binding:
        raise _checks_fail(seen, binding, closing.BINDING[binding[0].code])
    if failing and order.reason is None:
        raise _checks_fail(seen, failing, "checks_failed")


def _checks_fail(seen: Gathered, failing: Sequence[Check], code: str) -> ProblemError:
    overridden = code == "checks_failed"
    return ProblemError(
        409,
        code,
        "检查未通过："
        + "".join(check.zh for check in failing)
        + ("处理后重试，或说明理由后结账。" if overridden else "说明理由也不能结账，处理后重试。"),
        "Checks fail: "
        + " ".join(check.en for check in failing)
        + (
            " Mend what they name, or close with a reason, which is published."
            if overridden
            else " No reason helps: close again once that is done."
        ),
        checks=[asdict(check) for check in seen.checks],
    )


def _checks(seen: Gathered) -> list[CheckShown]:
    return [CheckShown.model_validate(asdict(check)) for check in seen.checks]


def _closed(name: Name) -> ProblemError:
    return ProblemError(
        409,
        "already_closed",
        f"{name.period} 已结账（版本 {name}）；之后的变化用 --restate 更正。",
        f"{name.period} is closed, as edition {name}: what has changed since is restated (`restate`).",
    )


def _no_key() -> ProblemError:
    return ProblemError(
        503,
        "no_signing_key",
        "本服务没有签名密钥，不能结账：请设置 DREAMS_SIGNING_KEY_FILE。",
        "This service has no signing key, so nothing can be closed: set DREAMS_SIGNING_KEY_FILE.",
    )

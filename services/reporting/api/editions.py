"""Closed editions for everybody: which there are, what they say, and how to prove it; their cells for officials."""

import base64
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, ConfigDict

from services.reporting import edition_store
from services.reporting.api.changes import Changes, shown_to, told
from services.reporting.api.closing import Official
from services.reporting.api.from_editions import kept_or_404
from services.reporting.api.gathering import later_facts
from services.reporting.domain import editions
from services.reporting.domain.editions import Name
from services.reporting.edition_store import Kept
from shared.plumbing.problem import ProblemError, ProblemRoute, documented
from shared.plumbing.signing import Signed, Signer, as_pem, key_id, sealed
from shared.plumbing.store import Db

LISTED_MAX: Final = 500
Named = Annotated[
    str, Path(pattern=rf"^{editions.PERIOD}(\.[1-9][0-9]{{0,4}})?$", examples=["2026-06", "2026-06.1"])
]
NDJSON: Final = "application/x-ndjson"
_FOR_EVER: Final = {"Cache-Control": "public, max-age=3600"}


class Listed(BaseModel):
    """One edition in the list."""

    edition: str
    period: str
    number: int
    closed_at: datetime
    reason: str | None
    sha256: str


class Key(BaseModel):
    """What signatures are verified with."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    algorithm: str = "Ed25519"
    id: str
    """How its SHA-256 begins; compare it with what was announced."""
    public_key: str
    """32 bytes in base64."""
    pem: str
    """The same, as other software reads it."""


class EditionShown(BaseModel):
    """What an edition says of itself and of its period."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    edition: str
    sha256: str
    """Of the document; `/v1/editions/{edition}/file` gives it to the byte, with the signature."""
    head: dict[str, Any]
    """Period, number, day of knowledge, positions in the logs, checks, reason, what it restates."""
    totals: list[dict[str, Any]]
    """What happened in the period, by measure and lane; `nation` for all lanes."""
    as_of: list[dict[str, Any]]
    """Distinct persons by the end of the period."""
    targets: list[dict[str, Any]]
    tables: list[str]
    """Codes of its public tables: `/v1/tables/{code}`."""
    changed: list[dict[str, Any]]
    """What a restatement has changed, each total with the number of events behind it."""


def router(signer: Signer | None) -> APIRouter:
    """Editions, and the key they are signed with."""
    routes = APIRouter(prefix="/v1", tags=["editions"], route_class=ProblemRoute)

    @routes.get("/editions", responses=documented(422, 503))
    async def listed(
        request: Request, limit: Annotated[int, Query(ge=1, le=LISTED_MAX)] = LISTED_MAX
    ) -> list[Listed]:
        """All closed editions: the newest period first, and of each the newest edition."""
        async with request.app.state.pool.acquire() as db:
            rows = await edition_store.listed(db, limit)
        return [Listed(edition=f"{row['period']}.{row['number']}", **dict(row)) for row in rows]

    @routes.get("/editions/key", responses=documented(404, 503))
    async def key() -> Key:
        """The public key of this deployment: fetch it once, from a place that you trust, and keep it."""
        if signer is None:
            raise ProblemError(
                404,
                "no_signing_key",
                "本服务没有签名密钥。",
                "This service has no signing key: it closes nothing.",
            )
        public = signer.public_key
        return Key(id=key_id(public), public_key=base64.b64encode(public).decode(), pem=as_pem(public))

    @routes.get("/editions/{edition}", responses=documented(404, 422, 503))
    async def shown(request: Request, edition: Named) -> EditionShown:
        """What an edition says; the last one of its period where no number is named."""
        kept = await _kept(request, edition)
        said = editions.read(kept.document)
        return EditionShown(
            edition=str(kept.name),
            sha256=kept.sha256,
            head=dict(said.head),
            totals=_by_lane(said.totals),
            as_of=_by_lane(said.as_of),
            targets=[dict(target) for target in said.targets],
            tables=sorted(said.tables),
            changed=[dict(change) for change in said.changed],
        )

    @routes.get(
        "/editions/{edition}/file",
        response_class=PlainTextResponse,
        responses={200: {"content": {NDJSON: {}}}, **documented(404, 422, 503)},
    )
    async def file(request: Request, edition: Named) -> Response:
        """The document to the byte, a line each, and behind it a line with hash, signature and key."""
        kept = await _kept(request, edition)
        signed = Signed(kept.document, kept.signature, kept.public_key)
        return _file(f"dreams-{kept.name}.jsonl", sealed(signed))

    @routes.get(
        "/editions/{edition}/cells",
        response_class=PlainTextResponse,
        responses={200: {"content": {NDJSON: {}}}, **documented(401, 403, 404, 422, 503)},
    )
    async def cells(request: Request, caller: Official, edition: Named) -> Response:
        """Every cell of the edition to the byte: its document holds the hash. For officials of the nation."""
        if caller.province is not None:
            raise ProblemError(
                403,
                "whole_nation",
                "版本单元格含全国数据，本省令牌请用 /v1/cells。",
                "An edition's cells are those of the whole nation: a province's token asks /v1/cells.",
            )
        async with request.app.state.pool.acquire() as db:
            kept = await kept_or_404(db, edition, with_cells=True)
        return _file(f"dreams-{kept.name}.cells.jsonl", kept.cells)

    @routes.get("/editions/{edition}/changes", responses=documented(401, 403, 404, 422, 503))
    async def changes(request: Request, caller: Official, edition: Named) -> Changes:
        """What a restated edition changed, cell by cell, and event by event; written down as a look-up."""
        async with request.app.state.pool.acquire() as db:
            kept = await kept_or_404(db, edition, with_cells=True)
            said = editions.read(kept.document)
            before = await _before(db, kept.name)
            since = editions.read(before.document).head["positions"] if before else {}
            later = await later_facts(db, kept.name.period, since, said.head["positions"]) if before else []
        found = Changes(
            edition=str(before.name if before else kept.name),
            known_on=said.head["known_on"],
            simulated=said.head["simulated"],
            totals=[dict(one) for one in said.changed if "measure" in one],
            **told(before.cells if before else kept.cells, editions.cells_from(kept.cells), later),
        )
        return await shown_to(request, caller, kept.name.period, found)

    return routes


async def _kept(request: Request, edition: str) -> Kept:
    async with request.app.state.pool.acquire() as db:
        return await kept_or_404(db, edition)


async def _before(db: Db, name: Name) -> Kept | None:
    if name.number is None or name.number == 1:
        return None
    return await edition_store.kept(db, Name(name.period, name.number - 1), with_cells=True)


def _by_lane(sums: Any) -> list[dict[str, Any]]:
    return [{"measure": measure, "lane": lane, "value": value} for (measure, lane), value in sums.items()]


def _file(name: str, text: bytes) -> Response:
    headers = {**_FOR_EVER, "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type=NDJSON, headers=headers)

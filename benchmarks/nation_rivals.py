"""The same questions, answered by DuckDB over a Parquet file of the facts and by plain SQL over the table of facts."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import asyncpg
import duckdb
import httpx

from benchmarks import parts
from console.stack.stack import Stack

TIMES: Final = 5
AS_OF: Final = "2026-06"
KNOWN_ON: Final = "2026-07-15"
_COLUMNS: Final = """lane, type, effective_day, recorded_day, worker_ref, work_province, origin_province,
    employer_code, categories, track, fiscal_year, fund_source, amount_fen, state_before,
    details->>'voided_type' AS voided_type"""
_TYPES: Final = {
    name: {
        "effective_day": "DATE",
        "recorded_day": "DATE",
        "fiscal_year": "INTEGER",
        "amount_fen": "BIGINT",
    }.get(name, "VARCHAR")
    for name in _COLUMNS.replace("details->>'voided_type' AS ", "")
    .replace("\n", " ")
    .replace(",", " ")
    .split()
}
_ENROLLED: Final = "'dreams.worker.enrolled.v1'"
_OF_ENROLLED: Final = f"type = {_ENROLLED} OR (type = 'dreams.event.voided.v1' AND voided_type = {_ENROLLED})"
_SIGNED: Final = f"sum(CASE WHEN type = {_ENROLLED} THEN 1 ELSE -1 END)"
_FUNDED: Final = """CASE type WHEN 'dreams.subsidy.granted.v1' THEN 1 WHEN 'dreams.subsidy.grant_reversed.v1' THEN -1
    WHEN 'dreams.scholarship.booked.v1' THEN 1 WHEN 'dreams.scholarship.reversed.v1' THEN -1
    WHEN 'dreams.subsidy.released.v1' THEN -1 WHEN 'dreams.subsidy.voided.v1' THEN -1 END"""
_FUNDS: Final = """type IN ('dreams.subsidy.granted.v1', 'dreams.subsidy.grant_reversed.v1',
    'dreams.scholarship.booked.v1', 'dreams.scholarship.reversed.v1', 'dreams.subsidy.released.v1',
    'dreams.subsidy.voided.v1') AND fiscal_year >= 2025 AND coalesce(state_before, 'granted') = 'granted'"""


@dataclass(frozen=True, slots=True)
class Question:
    """One question: as our API takes it, as SQL over {facts}, and how our answer becomes the same rows."""

    path: str
    query: Mapping[str, Any]
    sql: str
    rows: Callable[[Any], set[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Compared:
    """How long each took, in ms (median), and whether all three said the same."""

    question: str
    ours_ms: float
    duckdb_ms: float
    sql_ms: float
    same: bool


@dataclass(frozen=True, slots=True)
class Parquet:
    """What the file took: how long until its numbers are as fresh as the facts, and its size."""

    made_in_s: float
    mib: float


def _lanes(measure: str) -> Callable[[Any], set[tuple[Any, ...]]]:
    return lambda told: {(lane, of[measure]) for lane, of in told["lanes"].items() if of.get(measure)}


def _cells(*dims: str) -> Callable[[Any], set[tuple[Any, ...]]]:
    return lambda told: {(*(cell[dim] for dim in dims), cell["total"]) for cell in told["cells"]}


def _by_lane(more: str) -> str:
    return (
        f"SELECT lane, {_SIGNED} AS n FROM {{facts}} WHERE ({_OF_ENROLLED}) {more} "
        f"GROUP BY lane HAVING {_SIGNED} <> 0"
    )


_ENROLLED_BY_LANE: Final = {"measure": ["enrolled"]}
QUESTIONS: Final[Mapping[str, Question]] = {
    "enrolled by lane": Question("/v1/totals", _ENROLLED_BY_LANE, _by_lane(""), _lanes("enrolled")),
    "the same as of a month": Question(
        "/v1/totals",
        _ENROLLED_BY_LANE | {"as_of": AS_OF},
        _by_lane(f"AND effective_day < DATE '{AS_OF}-01' + INTERVAL '1 month'"),
        _lanes("enrolled"),
    ),
    "the same as of a month, as known on a day": Question(
        "/v1/totals",
        _ENROLLED_BY_LANE | {"as_of": AS_OF, "known_on": KNOWN_ON},
        _by_lane(
            f"AND effective_day < DATE '{AS_OF}-01' + INTERVAL '1 month' AND recorded_day <= DATE '{KNOWN_ON}'"
        ),
        _lanes("enrolled"),
    ),
    "enrolled by month and lane": Question(
        "/v1/cells",
        {
            "cube": "study",
            "measure": "enrolled",
            "dim": ["lane", "month"],
            "lane": ["32", "44", "51"],
            "limit": 1000,
        },
        f"""SELECT lane, {{month}}, {_SIGNED} AS n FROM {{facts}} WHERE ({_OF_ENROLLED}) AND lane IN ('32', '44', '51')
            GROUP BY 1, 2 HAVING {_SIGNED} <> 0""",
        _cells("lane", "month"),
    ),
    "where they are from and where they work": Question(
        "/v1/cells",
        {
            "cube": "mobility",
            "measure": "enrolled",
            "dim": ["work_province", "origin_province"],
            "limit": 1000,
        },
        f"""SELECT work_province, origin_province, {_SIGNED} AS n FROM {{facts}} WHERE {_OF_ENROLLED}
            GROUP BY 1, 2 HAVING {_SIGNED} <> 0 ORDER BY 1, 2 LIMIT 1000""",
        _cells("work_province", "origin_province"),
    ),
    "workers funded, each once": Question(
        "/v1/totals",
        {"measure": ["funded"]},
        f"""SELECT count(*) FROM (SELECT worker_ref FROM {{facts}} WHERE {_FUNDS}
            GROUP BY worker_ref HAVING sum({_FUNDED}) > 0) held""",
        lambda told: {(told["nation"]["funded"],)},
    ),
}


async def make_parquet(stack: Stack, folder: Path) -> tuple[Path, Parquet]:
    """The facts as a file, by way of CSV: what an analyst would do every night."""
    began_s = time.perf_counter()
    rows, path = folder / "facts.csv", folder / "facts.parquet"
    async with parts.database(stack, "reporting") as db:
        query = f"SELECT {_COLUMNS} FROM fact"
        await db.copy_from_query(query, output=rows, format="csv", timeout=None)
    with duckdb.connect(":memory:", config={"memory_limit": "2GB", "temp_directory": str(folder)}) as made:
        made.read_csv(str(rows), header=False, columns=_TYPES).create_view("facts")
        made.execute(f"COPY facts TO '{path}' (FORMAT parquet, COMPRESSION zstd)")
    rows.unlink()
    return path, Parquet(time.perf_counter() - began_s, path.stat().st_size / 2**20)


async def compare(stack: Stack, parquet: Path) -> list[Compared]:
    """Each question asked of all three, so many times."""
    headers = {"Authorization": f"Bearer {stack.token('official')}"}
    address = stack.address("reporting")
    found = []
    async with (
        httpx.AsyncClient(base_url=address, headers=headers, timeout=120, trust_env=False) as client,
        parts.database(stack, "reporting") as db,
    ):
        with duckdb.connect(":memory:", config={"threads": "2", "memory_limit": "4GB"}) as duck:
            for name, question in QUESTIONS.items():
                found.append(await _compared(name, question, client, db, duck, parquet))
    return found


async def _compared(
    name: str,
    question: Question,
    client: httpx.AsyncClient,
    db: asyncpg.Connection,
    duck: duckdb.DuckDBPyConnection,
    parquet: Path,
) -> Compared:
    over_parquet = question.sql.format(facts=f"'{parquet}'", month="strftime(effective_day, '%Y-%m')")
    facts = f"(SELECT {_COLUMNS} FROM fact) f"
    over_table = question.sql.format(facts=facts, month="to_char(effective_day, 'YYYY-MM')")

    async def ours() -> set[tuple[Any, ...]]:
        answer = await client.get(question.path, params=question.query)
        return question.rows(answer.raise_for_status().json())

    async def by_duckdb() -> set[tuple[Any, ...]]:
        return set(duck.execute(over_parquet).fetchall())

    async def by_sql() -> set[tuple[Any, ...]]:
        return {tuple(row) for row in await db.fetch(over_table, timeout=600)}

    (ours_ms, first), (duckdb_ms, second), (sql_ms, third) = [
        await _timed(asks, times) for asks, times in ((ours, 20), (by_duckdb, TIMES), (by_sql, TIMES - 2))
    ]
    return Compared(name, ours_ms, duckdb_ms, sql_ms, first == second == third)


async def _timed(asks: Callable[[], Awaitable[set[tuple[Any, ...]]]], times: int) -> tuple[float, set[Any]]:
    took_ms, answer = [], await asks()
    for _ in range(times):
        began_s = time.perf_counter()
        answer = await asks()
        took_ms.append((time.perf_counter() - began_s) * 1000)
    return median(took_ms), answer

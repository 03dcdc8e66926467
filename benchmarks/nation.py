"""`python -m benchmarks.nation`: reporting over all facts of a country: ingest, questions, files, rivals."""

import argparse
import asyncio
import json
import logging
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Final

from rich.console import Console

from benchmarks import nation_feeding, nation_files, nation_questions, nation_rivals, nation_tables, parts
from benchmarks.country import Country, Said
from benchmarks.country_lives import worker_ref
from benchmarks.nation_feeding import Slice, Topics
from console.stack.infrastructure import Infrastructure
from console.stack.stack import Stack

FACTS: Final = 10_000_000
SMALL: Final = 100_000
SLICE: Final = 250_000
PAIR: Final = 40_000
PAIRS: Final = 3
TIMES: Final = 100
PAINTS: Final = 5
AT_LEAST: Final = 0.8
"""Over all facts reporting must do so much of what it does over few."""
REBUILD_MAX: Final = 2_000_000
"""Of more a rebuild is not measured: it needs the place of all tables again, and as long as the ingest."""
FREE_MIN_BYTES: Final = 30 * 2**30
QUIET: Final = {"DREAMS_LOG_LEVEL": "WARNING"}
_REF: Final = re.compile(rb"k1\.[A-Z2-7]{52}")
KINDS: Final = ("csv", "parquet", "xlsx")

console = Console(stderr=True)


@dataclass
class Options:
    """What is measured, and how large."""

    facts: int = FACTS
    small: int = SMALL
    slice: int = SLICE
    pair: int = PAIR
    pairs: int = PAIRS
    times: int = TIMES
    paints: int = PAINTS
    """So often the page is opened in a browser."""
    wide: int = 0
    """So many rows more in the largest cube, for the files."""
    wide_kinds: Sequence[str] = ("csv", "parquet")
    free_min_bytes: int = FREE_MIN_BYTES
    seconds_max: float = float("inf")
    """No further slice begins after this long."""


@dataclass
class Result:
    """What was measured."""

    facts: int = 0
    small: int = 0
    topics_mib: float = 0.0
    slices: list[Slice] = field(default_factory=list)
    pairs: dict[str, list[Slice]] = field(default_factory=dict)
    tables: dict[str, tuple[float, int]] = field(default_factory=dict)
    """Table → MiB with its indexes, rows."""
    answers: list[nation_questions.Answered] = field(default_factory=list)
    paint_ms: list[float] = field(default_factory=list)
    files: list[nation_files.Taken] = field(default_factory=list)
    rebuilt: nation_files.Rebuilt | None = None
    parquet: nation_rivals.Parquet | None = None
    compared: list[nation_rivals.Compared] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def share(self) -> float | None:
        """What ingest over all facts does of what it does over few: the median of the pairs, where there are any."""
        if not self.pairs:
            return None
        few, many = self.pairs["few"], self.pairs["many"]
        return median(b.facts_per_s / a.facts_per_s for a, b in zip(few, many, strict=True))


def main() -> None:
    """Measure, print the tables as Markdown and all figures as one line of JSON."""
    asked = _arguments()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # fresh topics are elected while we load
    result = asyncio.run(_on_its_own(asked))
    print(nation_tables.markdown(result))
    print(json.dumps(asdict(result) | {"share": result.share}, ensure_ascii=False))
    sys.exit((result.share or 1) < AT_LEAST or not all(one.same for one in result.compared))


def _arguments() -> Options:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nation", description=__doc__)
    for name in ("facts", "small", "slice", "pair", "pairs", "times", "paints", "wide"):
        parser.add_argument(f"--{name}", type=int, default=getattr(Options, name))
    parser.add_argument("--seconds-max", type=float, default=Options.seconds_max)
    return Options(**vars(parser.parse_args()))


async def _on_its_own(asked: Options) -> Result:
    data = Path(tempfile.mkdtemp(prefix="dreams-nation-"))
    try:
        async with await Infrastructure.start(data, progress=console.print) as infrastructure:
            return await measure(infrastructure, asked)
    finally:
        shutil.rmtree(data, ignore_errors=True)


async def measure(infrastructure: Infrastructure, asked: Options) -> Result:
    """Measure all in namespaces of a running Kafka and PostgreSQL: one with many facts, for pairs one with few."""
    result = Result()
    facts = Country(asked.facts + asked.pairs * asked.pair).facts()
    many = await _standing(infrastructure, "many.")
    topics = Topics(many)
    await many.start_service("reporting")
    with _timed(result, "facts taken in"):
        await _fill(many, topics, islice(facts, asked.facts), asked, result)
    if asked.pairs:
        await many.stop()
        with _timed(result, "pairs"):
            await _pairs(infrastructure, (many, topics), facts, asked, result)
        await many.start_service("reporting")
    result.facts, result.topics_mib = topics.written, topics.bytes / 2**20
    await _settled(many, result)
    await _read(infrastructure.data, many, asked, result)
    await many.stop()
    return result


async def _standing(infrastructure: Infrastructure, namespace: str) -> Stack:
    return await Stack.over(infrastructure, namespace, ("reporting",), settings=QUIET, started=False)


async def _fill(stack: Stack, topics: Topics, facts: Iterator[Said], asked: Options, result: Result) -> None:
    """Slice by slice while reporting runs, for as long as there is time and place."""
    began_s = time.monotonic()
    while time.monotonic() - began_s < asked.seconds_max and _has_place(stack, asked):
        done = await nation_feeding.live(stack, topics, facts, asked.slice)
        if done is None:
            break
        result.slices.append(done)
        cost = f"{done.reporting_us:.0f} + {done.postgres_us:.0f} µs"
        console.print(f"{topics.written:,} facts: {done.facts_per_s:,.0f}/s, {cost}")


def _has_place(stack: Stack, asked: Options) -> bool:
    free = shutil.disk_usage(stack.infrastructure.data).free
    if free < asked.free_min_bytes:
        console.print(f"Only {free / 2**30:.0f} GiB are left: no further facts")
    return free >= asked.free_min_bytes


async def _pairs(
    infrastructure: Infrastructure,
    many: tuple[Stack, Topics],
    facts: Iterator[Said],
    asked: Options,
    result: Result,
) -> None:
    """The facts that follow, over few and over many, in turn."""
    small, few = Country(asked.small), await _standing(infrastructure, "few.")
    topics = Topics(few)
    result.small = (await nation_feeding.standing(few, topics, small.facts())).facts
    sides = {"few": (few, topics), "many": many}
    result.pairs = {name: [] for name in sides}
    for pair in range(asked.pairs):
        some = list(islice(facts, asked.pair))
        about = {"many": some, "few": list(_about_known(some, small.lives.workers))}
        for name in sides if pair % 2 == 0 else reversed(sides):
            done = await nation_feeding.standing(*sides[name], about[name])
            result.pairs[name].append(done)
            console.print(f"pair {pair + 1}, over {name}: {done.facts_per_s:,.0f} facts/s")


def _about_known(facts: list[Said], known: int) -> Iterator[Said]:
    """The same facts about workers of whom something is known, as there is of those that they are about."""
    others: dict[bytes, bytes] = {}

    def instead(found: re.Match[bytes]) -> bytes:
        return others.setdefault(found.group(), worker_ref(len(others) % known).encode())

    for fact in facts:
        yield fact._replace(raw=_REF.sub(instead, fact.raw))


async def _settled(stack: Stack, result: Result) -> None:
    """What autovacuum would have done an hour later; and how large the tables are."""
    with _timed(result, "until all is summed up"):
        await nation_feeding.summed_up(stack)
    with _timed(result, "vacuum"):
        async with parts.database(stack, "reporting") as db:
            await db.execute("VACUUM (ANALYZE)", timeout=None)
            sizes = await db.fetch(
                """SELECT relname, pg_total_relation_size(oid) / 1048576.0, greatest(reltuples, 0)::bigint FROM pg_class
                   WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 2 DESC LIMIT 8"""
            )
    result.tables = {name: (round(float(mib), 1), rows) for name, mib, rows in sizes}


async def _read(data: Path, stack: Stack, asked: Options, result: Result) -> None:
    """Everything that only reads, then what is written anew."""
    with _timed(result, "questions"):
        result.answers = await nation_questions.ask(stack, asked.times)
        result.paint_ms = await nation_questions.paint_ms(stack, asked.paints)
    with _timed(result, "rivals"):
        path, result.parquet = await nation_rivals.make_parquet(stack, data)
        result.compared = await nation_rivals.compare(stack, path)
        path.unlink()
    with _timed(result, "files"):
        result.files = await nation_files.export(stack, data, KINDS)
    if result.facts <= REBUILD_MAX:
        with _timed(result, "rebuild"):
            result.rebuilt = await nation_files.rebuild(stack)
    if asked.wide:
        with _timed(result, "files of many rows"):
            await nation_files.widen(stack, asked.wide)
            result.files += await nation_files.export(stack, data, asked.wide_kinds)


@contextmanager
def _timed(result: Result, part: str) -> Iterator[None]:
    """Notes how long a part took, and says that it begins."""
    console.print(part)
    began_s = time.perf_counter()
    yield
    result.seconds[part] = round(time.perf_counter() - began_s, 1)


if __name__ == "__main__":
    main()

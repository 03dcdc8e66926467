"""The figures of a whole country's facts as tables in Markdown, as they stand in docs/measurements.md."""

from collections.abc import Iterable, Sequence
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.nation_feeding import Slice
from benchmarks.nation_questions import TARGET_MS

if TYPE_CHECKING:
    from benchmarks.nation import Result


def markdown(result: "Result") -> str:
    """All tables, one after the other."""
    parts = [_ingest(result), _tables(result), _questions(result), _files(result), _rivals(result)]
    return "\n\n".join(part for part in parts if part)


def _ingest(result: "Result") -> str:
    rows = [
        (f"over {facts:,} facts, {len(some)} × {some[0].facts:,}", *_slices(some))
        for facts, some in zip((result.small, result.facts), result.pairs.values(), strict=False)
    ]
    if result.slices:
        tenth = max(1, len(result.slices) // 10)
        first, last = result.slices[:tenth], result.slices[-tenth:]
        rows += [
            (f"filling, first {sum(one.facts for one in first):,}", *_slices(first)),
            (f"filling, last {sum(one.facts for one in last):,}", *_slices(last)),
        ]
    table = _table(("ingest", "facts/s", "reporting µs/fact", "PostgreSQL µs/fact", "peak MiB"), rows)
    return table if result.share is None else f"{table}\n\nMedian of the pairs: {result.share:.2f}."


def _slices(some: Sequence[Slice]) -> tuple[str, ...]:
    return (
        f"{median(one.facts_per_s for one in some):,.0f}",
        f"{median(one.reporting_us for one in some):.0f}",
        f"{median(one.postgres_us for one in some):.0f}",
        f"{max(one.rss_mib for one in some):.0f}",
    )


def _tables(result: "Result") -> str:
    rows = [(name, f"{rows:,}", f"{mib:,.0f}") for name, (mib, rows) in result.tables.items()]
    rows.append(("the topics", f"{result.facts:,}", f"{result.topics_mib:,.0f}"))
    return _table(("table", "rows", "MiB with indexes"), rows)


def _questions(result: "Result") -> str:
    rows = [
        (
            one.question,
            f"{one.p50_ms:.1f}",
            f"{one.p99_ms:.1f}" if one.p99_ms <= TARGET_MS else f"**{one.p99_ms:.1f}**",
            f"{one.kib:.0f}",
        )
        for one in result.answers
    ]
    table = _table(("question", "p50 ms", "p99 ms", "KiB"), rows)
    paint = f"\n\nFirst paint: {median(result.paint_ms):.0f} ms (median)." if result.paint_ms else ""
    return table + paint


def _files(result: "Result") -> str:
    rows = [
        (
            one.kind,
            f"{one.rows:,}",
            f"{one.rows_per_s:,.0f}",
            f"{one.mib:,.1f}",
            f"{one.rss_before_mib:.0f} → {one.rss_after_mib:.0f}",
        )
        for one in result.files
    ]
    table = _table(("file", "rows", "rows/s", "MiB", "peak MiB of the service"), rows)
    if done := result.rebuilt:
        same = "the same to the byte" if done.same else "NOT the same"
        table += (
            f"\n\nRebuild: {done.facts:,} facts at {done.facts_per_s:,.0f}/s, {done.differences} sums differ, {same} "
            f"(a digest over all tables takes {done.digest_s:.1f} s)."
        )
    return table


def _rivals(result: "Result") -> str:
    rows = [
        (
            one.question,
            f"{one.ours_ms:.1f}",
            f"{one.duckdb_ms:.1f}",
            f"{one.sql_ms:,.0f}",
            "yes" if one.same else "**no**",
        )
        for one in result.compared
    ]
    if result.parquet:
        whole = sum(mib for mib, _ in result.tables.values())
        facts = result.tables.get("fact", (0.0, 0))[0]
        rows += [
            (
                "size, MiB",
                f"{whole - facts:,.0f} (facts aside)",
                f"{result.parquet.mib:,.0f}",
                f"{facts:,.0f}",
                "",
            ),
            (
                "as fresh as",
                "the last batch",
                f"{result.parquet.made_in_s:.0f} s to make anew",
                "the last batch",
                "",
            ),
        ]
    columns = ("question, p50 ms", "this API", "DuckDB over Parquet", "SQL over the facts", "same answer")
    return _table(columns, rows)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(columns) + " |", "|---|" + "---:|" * (len(columns) - 1)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])

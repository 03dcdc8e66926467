"""The benchmark of a whole country runs from its first fact to its last table, and what it compares agrees."""

from collections import Counter

import pytest

from benchmarks import nation, nation_tables
from benchmarks.country import Country
from benchmarks.nation_questions import questions
from benchmarks.nation_rivals import QUESTIONS
from console.stack.infrastructure import Infrastructure
from services.reporting.consumers import FACT_MODELS
from services.reporting.domain.counting import READS
from services.reporting.domain.subjects import requests
from shared.contracts.subsidy import SUBSIDY_ADMITTED
from shared.plumbing.decoding import FactDecoder
from tests.reporting.facts import Record

DECODE = FactDecoder(FACT_MODELS)
SMALLEST = nation.Options(facts=3_000, slice=2_000, pairs=0, times=2, paints=0, free_min_bytes=0)
SMALL = nation.Options(
    facts=20_000,
    small=5_000,
    slice=10_000,
    pair=2_000,
    pairs=1,
    times=5,
    paints=1,
    wide=10_000,
    free_min_bytes=0,
)


def test_a_country_tells_facts_of_every_type_that_reporting_reads() -> None:
    country = Country(40_000)
    assert sum(1 for _ in country.facts()) >= 40_000
    assert set(country.types) == READS - requests.COUNTS.keys() - {SUBSIDY_ADMITTED}, "what is counted"


def test_the_same_seed_tells_the_same_facts() -> None:
    first, again, other = ([fact.raw for fact in Country(2_000, seed).facts()] for seed in (7, 7, 8))
    assert first == again != other


def test_facts_of_a_country_follow_their_contracts_and_are_recorded_in_order() -> None:
    events = [DECODE(Record(fact.numbered(1)))[0] for fact in Country(5_000).facts()]
    recorded = [event.recordedtime for event in events]
    assert recorded == sorted(recorded)
    assert len({event.id for event in events}) == len(events)
    persons = Counter(event.subject for event in events if event.subject)
    assert max(persons.values()) > 1


@pytest.mark.campaign  # the smallest takes forty seconds
@pytest.mark.parametrize("asked", [SMALLEST, SMALL])
async def test_the_whole_benchmark_runs_and_all_three_ways_give_the_same_answers(
    infrastructure: Infrastructure, asked: nation.Options
) -> None:
    result = await nation.measure(infrastructure, asked)
    for name in ("many.", "few.")[: 1 + bool(asked.pairs)]:
        await infrastructure.drop_namespace(name)
    assert result.facts >= asked.facts
    assert [one for one in result.compared if not one.same] == []
    assert {one.question for one in result.answers} == set(questions())
    assert result.rebuilt is not None
    assert (result.rebuilt.same, result.rebuilt.differences) == (True, 0)
    assert {one.kind for one in result.files} == {"csv", "parquet", "xlsx"}
    assert (result.share is not None) == (asked.pairs > 0)
    text = nation_tables.markdown(result)
    assert all(name in text for name in (*questions(), *QUESTIONS))

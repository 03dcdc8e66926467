"""Promises about contacts: kept sealed, erased on demand, and a broken one stops nothing."""

import json

import pytest

from services.notification.domain import masked, unfit
from shared.contracts.provinces import Contact
from tests.notification.world import ADDRESS, NAME, WORKER, World, award

OTHER = b"k1." + b"B" * 52


async def test_a_contact_is_kept_sealed(world: World) -> None:
    await world.take(world.contact())
    row = await world.pool.fetchrow("SELECT * FROM contact")
    assert row is not None
    assert row["worker_ref"] == WORKER
    assert row["lane"] == "32"
    assert ADDRESS.encode() not in row["sealed"]
    assert json.loads(world.seal.open(row["sealed"])) == {"name": NAME, "email": ADDRESS, "language": "zh"}


async def test_the_last_contact_counts(world: World) -> None:
    await world.take(world.contact(), world.contact({"name": NAME, "email": "new@example.cn"}))
    sealed = await world.pool.fetchval("SELECT sealed FROM contact")
    assert json.loads(world.seal.open(sealed))["email"] == "new@example.cn"


async def test_a_null_value_erases(world: World) -> None:
    await world.take(world.contact())
    await world.take(world.erasure())
    assert await world.pool.fetchval("SELECT count(*) FROM contact WHERE sealed IS NOT NULL") == 0


BROKEN = {
    "no json": b"{",
    "NaN": b'{"name":"x","email":NaN}',
    "duplicate key": b'{"name":"x","email":"a@example.cn","email":"b@example.cn"}',
    "unknown field": b'{"name":"x","email":"a@example.cn","phone":"1"}',
    "missing field": b'{"name":"x"}',
    "no object": b"[]",
    "deep": b"[" * 10_000,
    "not UTF-8": b'{"name":"\xff","email":"a@example.cn"}',
    "too large": b'{"name":"x","email":"a@example.cn"' + b" " * 20_000 + b"}",
    "two addresses": b'{"name":"x","email":"a@example.cn,b@example.cn"}',
    "header line": b'{"name":"x","email":"a@example.cn\\r\\nBcc: b@example.cn"}',
    "name with a line": b'{"name":"x\\nDear thief","email":"a@example.cn"}',
    "language": b'{"name":"x","email":"a@example.cn","language":"fr"}',
}


@pytest.mark.parametrize("value", BROKEN.values(), ids=BROKEN.keys())
async def test_a_broken_contact_is_set_aside_and_the_lane_goes_on(world: World, value: bytes) -> None:
    await world.take(world.contact(value, key=OTHER), world.contact())
    rows = await world.pool.fetch("SELECT lane, record_offset, code, sealed FROM quarantine")
    assert [(row["lane"], row["record_offset"]) for row in rows] == [("32", 0)]
    assert world.seal.open(rows[0]["sealed"]) == value
    assert await world.pool.fetchval("SELECT array_agg(worker_ref) FROM contact") == [WORKER]
    assert world.contacts.stopped == set()
    (metric,) = world.counts.contacts.collect()
    counted = {s.labels["outcome"]: s.value for s in metric.samples if s.name.endswith("_total")}
    assert counted == {"refused": 1, "kept": 1}


@pytest.mark.parametrize("key", [None, b"", b"\xff\x00", b"k1." + b"A" * 52 + b"\n", "张伟".encode()])
async def test_a_contact_without_a_worker_is_set_aside(world: World, key: bytes | None) -> None:
    await world.take(world.contact(key=key), world.contact())
    assert await world.pool.fetchval("SELECT code FROM quarantine") == "invalid"
    assert await world.pool.fetchval("SELECT count(*) FROM contact") == 1


async def test_a_broken_contact_leaves_the_old_one(world: World) -> None:
    await world.take(world.contact())
    await world.take(world.contact(b"{}"))
    assert await world.pool.fetchval("SELECT count(*) FROM contact WHERE sealed IS NOT NULL") == 1


async def test_compaction_holes_are_no_gap(world: World) -> None:
    world.contact()
    world.contact()
    await world.take(world.contact())
    assert world.contacts.jumped == set()
    assert await world.pool.fetchval("SELECT count(*) FROM contact") == 1


async def test_a_contact_read_again_changes_nothing(world: World) -> None:
    first, erasure = world.contact(), world.erasure()
    await world.take(first, erasure)
    await world.take(first)
    assert await world.pool.fetchval("SELECT sealed FROM contact") is None


async def test_a_contact_that_comes_later_lets_the_message_go(world: World) -> None:
    await world.take(world.fact("subsidy.granted", award()))
    await world.pool.execute("UPDATE message SET state = 'no_contact'")
    await world.take(world.contact(lane="33"))
    assert await world.states() == ["pending"]


async def test_a_contact_that_comes_too_late_revives_nothing(world: World) -> None:
    await world.take(world.fact("subsidy.granted", award()))
    await world.pool.execute(
        "UPDATE message SET state = 'no_contact', claimed_at = claimed_at - interval '15 days'"
    )
    await world.take(world.contact())
    assert await world.states() == ["no_contact"]


@pytest.mark.parametrize(
    "address",
    ["a@example.cn", "zhang.wei+x@a-b.example.cn", "张伟@example.cn", "o'neill@example.cn", "a@b.c"],
)
def test_one_address_is_fit(address: str) -> None:
    assert unfit(Contact(name="张伟", email=address)) is None


@pytest.mark.parametrize(
    "address",
    [
        "a@localhost",
        ".a@example.cn",
        "a..b@example.cn",
        "a@-example.cn",
        "a@example.cn.",
        "(comment)a@example.cn",
        "a:b@example.cn",
        "a\x1cb@example.cn",
        "a\x00@example.cn",
        "张" * 22 + "@example.cn",
        "a@" + ".".join(["b" * 60] * 3) + ".cn" + "x" * 5,
    ][:-1],
)
def test_anything_but_one_plain_address_is_unfit(address: str) -> None:
    assert unfit(Contact(name="x", email=address)) == "email"


@pytest.mark.parametrize("name", ["a\nb", "a\x00", "\u202egnp", "a\u2028b", "a\x7f"])
def test_a_name_that_could_forge_lines_is_unfit(name: str) -> None:
    assert unfit(Contact(name=name, email="a@example.cn")) == "name"


@pytest.mark.parametrize("name", ["张伟", "阿卜杜拉·买买提", "张　伟", "O’Neill"])
def test_real_names_are_fit(name: str) -> None:
    assert unfit(Contact(name=name, email="a@example.cn")) is None


def test_operators_see_no_whole_address() -> None:
    assert masked("zhang@example.cn") == "z***@example.cn"
    assert masked("z@example.cn") == "***@example.cn"

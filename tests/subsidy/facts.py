"""Facts as enrollment would publish them, numbered lane by lane, and a service that takes them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, cast

import orjson
from aiokafka import ConsumerRecord
from asyncpg import Pool, Record
from pydantic import TypeAdapter

from services.subsidy import store
from services.subsidy.domain.deciding import READ
from shared.contracts import enrollment, provinces
from shared.contracts import subsidy as said_by
from shared.contracts.envelope import Fact
from shared.contracts.topics import ENROLLMENT_EVENTS
from shared.plumbing.batch import Carrier, lanes_of
from shared.plumbing.metrics import Metrics
from shared.plumbing.publisher import Publisher

POT: Final = "provincial-federation"
YUAN_1000_FEN: Final = 100_000
NOON: Final = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
NOT_ASKED: Final = said_by.ALERTS - {said_by.BUDGET_EXHAUSTED} | {said_by.LEDGER_TOTALLED}
"""What most tests do not look at: how full budgets are, what the ledger holds; that one is exhausted they do."""
TABLES: Final = ("lane_book", "budget", "award", "claim", "payment", "journal", "posting", "log")


def worker_ref(number: int) -> str:
    """A pseudonym of the right form."""
    digits = []
    for _ in range(52):
        number, digit = divmod(number, 32)
        digits.append("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[digit])
    return "k1." + "".join(digits)


@dataclass
class Province:
    """The facts of one lane, in order: each call makes the next one."""

    lane: str = "32"
    facts: list[dict[str, Any]] = field(default_factory=list)

    def day(self, day: str) -> dict[str, Any]:
        """A day begins."""
        return self._add(enrollment.DAY_BEGAN, None, {"day": day, "log_head": "0" * 64})

    def activated(self, version: int, *, scheme: str = "study-for-dreams", **changes: Any) -> dict[str, Any]:
        """A version of a scheme is in force; what is not said is as version 2 of the shipped one has it."""
        data = {
            "scheme": scheme,
            "scheme_version": version,
            "valid_from": "2025-01-01",
            "issuers": ["Ministry of Education"],
            "eligible_categories": ["industrial", "migrant", "front_line", "new_employment"],
            "tracks": ["academic", "skills", "combined"],
            "amount_base_fen": YUAN_1000_FEN,
            "fund_source": POT,
        }
        return self._add(provinces.SCHEME_ACTIVATED, None, data | changes)

    def allocated(
        self, amount_fen: int, *, year: int = 2026, pot: str = POT, level: str = "provincial"
    ) -> dict[str, Any]:
        """Money is there."""
        data = {
            "document_no": f"拨〔{year}〕{len(self.facts)}",
            "fiscal_year": year,
            "fund_source": pot,
            "funder": {"name": "江苏省总工会", "level": level},
            "amount_fen": amount_fen,
        }
        return self._add(provinces.BUDGET_ALLOCATED, None, data)

    def adjusted(self, amount_fen: int, *, year: int = 2026, pot: str = POT) -> dict[str, Any]:
        """Money of a budget is increased, or cut where the amount is negative."""
        data = {
            "document_no": f"调〔{year}〕{len(self.facts)}",
            "fiscal_year": year,
            "fund_source": pot,
            "funder": {"name": "江苏省总工会", "level": "provincial"},
            "direction": "increase" if amount_fen > 0 else "decrease",
            "amount_fen": abs(amount_fen),
        }
        return self._add(provinces.BUDGET_ADJUSTED, None, data)

    def carried_over(
        self, amount_fen: int, *, year: int = 2026, to_year: int = 2027, pot: str = POT
    ) -> dict[str, Any]:
        """Money of one year is carried into a later one."""
        data = {
            "document_no": f"转〔{year}〕{len(self.facts)}",
            "from_fiscal_year": year,
            "to_fiscal_year": to_year,
            "fund_source": pot,
            "funder": {"name": "江苏省总工会", "level": "provincial"},
            "amount_fen": amount_fen,
        }
        return self._add(provinces.BUDGET_CARRIED_OVER, None, data)

    def planned(self, amount_fen: int) -> dict[str, Any]:
        """An intention."""
        data = {
            "plan_no": "计1",
            "fiscal_year": 2026,
            "fund_source": POT,
            "funder": {"name": "江苏省总工会", "level": "provincial"},
            "amount_fen": amount_fen,
            "heads": 60_000,
        }
        return self._add(provinces.PLAN_DECLARED, None, data)

    def enrolled(self, number: int, **changes: Any) -> dict[str, Any]:
        """A worker enrolls; `categories` among the changes are the worker's."""
        categories = changes.pop("categories", ["migrant"])
        data = {
            "enrollment_no": self.number(number),
            "funding_province": self.lane,
            "work_province": self.lane,
            "institution": {"code": "10284", "name": "南京大学", "kind": "university"},
            "programme": "机电一体化",
            "level_before": "junior_high",
            "level_after": "associate",
            "track": "academic",
            "mode": "blended",
            "start": "2026-03-01",
            "tuition_fen": 500_000,
            "reported_by": self.lane,
            "worker": {"categories": categories, "origin_province": "34"},
        }
        return self._add(provinces.WORKER_ENROLLED, number, data | changes)

    def confirmed(self, number: int, **changes: Any) -> dict[str, Any]:
        """The institution confirms."""
        return self._later(provinces.ENROLLMENT_CONFIRMED, number, {"confirmed_on": "2026-03-20"}, changes)

    def withdrawn(self, number: int, **changes: Any) -> dict[str, Any]:
        """The worker leaves."""
        data = {"withdrawn_on": "2026-04-01", "reason": "personal"}
        return self._later(provinces.ENROLLMENT_WITHDRAWN, number, data, changes)

    def completed(
        self, number: int, kind: str = provinces.DEGREE_COMPLETED, **changes: Any
    ) -> dict[str, Any]:
        """The course is completed, or a training or certificate of it."""
        said: dict[str, dict[str, Any]] = {
            provinces.DEGREE_COMPLETED: {"level": "associate", "completed_on": "2029-06-30"},
            provinces.TRAINING_COMPLETED: {
                "training_no": f"训{len(self.facts)}",
                "institution": {"code": "10284", "name": "南京大学", "kind": "university"},
                "programme": "机电一体化",
                "mode": "blended",
                "completed_on": "2029-06-30",
            },
            provinces.CERTIFICATE_EARNED: {
                "certificate_no": f"证{len(self.facts)}",
                "issuer": "江苏省人力资源和社会保障厅",
                "occupation": "电工",
                "level": "intermediate_worker",
                "earned_on": "2029-06-30",
            },
        }
        return self._later(kind, number, said[kind], changes)

    def scholarship(
        self,
        number: int,
        amount_fen: int,
        *,
        pot: str = "wuxi-merit",
        awarded_on: str = "2026-04-01",
        **changes: Any,
    ) -> dict[str, Any]:
        """A funder has awarded a scholarship."""
        data = {
            "scholarship_no": f"奖{len(self.facts)}",
            "funder": {"name": "无锡市总工会", "level": "city"},
            "fund_source": pot,
            "amount_fen": amount_fen,
            "awarded_on": awarded_on,
        }
        return self._later(provinces.SCHOLARSHIP_AWARDED, number, data, changes)

    def paid(
        self,
        number: int,
        amount_fen: int,
        *,
        line_no: int = 0,
        year: int = 2026,
        pot: str = POT,
        **changes: Any,
    ) -> dict[str, Any]:
        """A payment has reached the worker; its line is numbered by its place, unless one is given."""
        data = {
            "batch_no": f"付{self.lane}",
            "line_no": line_no or len(self.facts) + 1,
            "fiscal_year": year,
            "fund_source": pot,
            "amount_fen": amount_fen,
            "paid_on": "2026-05-01",
        }
        return self._later(provinces.PAYMENT_SETTLED, number, data, changes)

    def written_off(
        self, number: int, amount_fen: int, *, year: int = 2026, pot: str = POT, **changes: Any
    ) -> dict[str, Any]:
        """What is owed for an enrollment will not come back."""
        data = {
            "document_no": f"核{len(self.facts)}",
            "fiscal_year": year,
            "fund_source": pot,
            "amount_fen": amount_fen,
            "written_off_on": "2026-06-01",
            "reason": "not_found",
        }
        return self._later(provinces.DEBT_WRITTEN_OFF, number, data, changes)

    def returned(self, payment: dict[str, Any], amount_fen: int | None = None) -> dict[str, Any]:
        """A payment has come back, or part of it."""
        was = payment["data"]
        data = {
            "batch_no": was["batch_no"],
            "line_no": was["line_no"],
            "amount_fen": amount_fen or was["amount_fen"],
            "returned_on": "2026-05-08",
            "reason": "account",
        }
        number = int(was["enrollment_no"].removeprefix(f"{self.lane}-"))
        return self._later(provinces.PAYMENT_RETURNED, number, data, was["enrollment"]) | {
            "subject": payment["subject"]
        }

    def voided(self, fact: dict[str, Any], *, superseded_by: str | None = None) -> dict[str, Any]:
        """A fact counts no more, or the next one takes its place."""
        data = {
            "event_id": fact["causationid"],
            "reason": "录入有误",
            "reported_by": self.lane,
            "voided_type": fact["type"],
            "voided_fact_id": fact["id"],
            "voided_time": fact["time"],
            "voided": fact["data"],
            "superseded_by": superseded_by,
        }
        return self._add(provinces.EVENT_VOIDED, None, data) | {"subject": fact["subject"]}

    def number(self, number: int) -> str:
        """The number of an enrollment."""
        return f"{self.lane}-{number:05d}"

    def tuition(self, number: int) -> int:
        """The tuition of an enrollment made before."""
        (found,) = (
            f
            for f in self.facts
            if f["data"].get("tuition_fen") is not None and f["data"]["enrollment_no"] == self.number(number)
        )
        tuition_fen: int = found["data"]["tuition_fen"]
        return tuition_fen

    def _later(self, kind: str, number: int, data: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
        known = {
            "categories": ["migrant"],
            "funding_province": self.lane,
            "work_province": self.lane,
            "track": "academic",
            "mode": "blended",
            "level_before": "junior_high",
            "level_after": "associate",
            "start": "2026-03-01",
            "tuition_fen": 500_000,
        } | changes
        data = data | {"enrollment_no": self.number(number), "reported_by": self.lane, "enrollment": known}
        return self._add(kind, number, data)

    def _add(self, kind: str, worker: int | None, data: dict[str, Any]) -> dict[str, Any]:
        seq = len(self.facts) + 1
        time = (NOON + timedelta(seconds=seq)).isoformat()
        fact = {
            "specversion": "1.0",
            "id": f"{self.lane}-fact-{seq}",
            "source": "//enrollment/log1",
            "type": kind,
            "subject": None if worker is None else worker_ref(worker),
            "time": time,
            "recordedtime": time,
            "datacontenttype": "application/json",
            "lane": self.lane,
            "seq": seq,
            "causationid": f"{self.lane}-sent-{seq}",
            "correlationid": f"{self.lane}-sent-{seq}",
            "data": data,
        }
        self.facts.append(fact)
        return fact


def read(fact: dict[str, Any]) -> Fact[Any]:
    """The fact as the service reads it."""
    adapter: TypeAdapter[Fact[Any]] = TypeAdapter(cast("Any", Fact)[READ[fact["type"]]])
    return adapter.validate_json(orjson.dumps(fact))


def record(fact: dict[str, Any]) -> ConsumerRecord:
    """The record that carries a fact."""
    value = orjson.dumps(fact)
    partition = ENROLLMENT_EVENTS.partition(fact["lane"])
    topic = ENROLLMENT_EVENTS.topic("", fact["lane"])
    return ConsumerRecord(topic, partition, fact["seq"] - 1, 0, 0, None, value, None, 0, len(value), ())


@dataclass
class Service:
    """Subsidy without a consumer group: its database, its carrier, a real producer."""

    pool: Pool
    carrier: Carrier
    publisher: Publisher
    metrics: Metrics
    owner_dsn: str

    async def take(self, *facts: dict[str, Any]) -> None:
        """Carry facts through one batch; those that it postpones come again, as Kafka would bring them."""
        taken = self.carrier.decode([record(fact) for fact in facts])
        lanes = lanes_of(taken)
        await self.carrier.carry(taken, lanes)
        while self.carrier.draining.intersection(lanes):
            await self.carrier.carry(taken, lanes)

    async def tick(self, *lanes: str) -> None:
        """An idle lane's turn."""
        await self.carrier.carry([], lanes)

    async def published(
        self, stream: str = "subsidy.events", lane: str = "32", *, alerts: bool = False
    ) -> list[dict[str, Any]]:
        """What the service has logged, in order; how full budgets are only if asked for."""
        rows = await self.pool.fetch(
            "SELECT events FROM log WHERE stream = $1 AND lane = $2 ORDER BY first_seq", stream, lane
        )
        facts = [orjson.loads(line) for row in rows for line in row["events"].split(b"\n")]
        return [fact for fact in facts if alerts or fact["type"] not in NOT_ASKED]

    async def said(self, lane: str = "32") -> list[str]:
        """The published facts in short: `subsidy.reserved 32-00001`."""
        return [short(fact) for fact in await self.published(lane=lane)]

    async def tables(self) -> dict[str, list[dict[str, Any]]]:
        """All that the service keeps, without the time at which it was recorded and how batches were cut."""
        return await kept(self.pool)

    async def faults(self) -> dict[str, int]:
        """What the ledger's check finds wrong; nothing, while all is right."""
        async with self.pool.acquire() as db:
            found = await store.check(db)
        return {
            name: value
            for name, value in found.items()
            if value and name not in ("budgets", "entries", "postings")
        }

    async def budget(self, pot: str = POT, year: int = 2026, lane: str = "32") -> Record:
        """One budget."""
        row = await self.pool.fetchrow(
            "SELECT * FROM budget WHERE lane = $1 AND fiscal_year = $2 AND fund_source = $3", lane, year, pot
        )
        assert row is not None
        return row


async def kept(pool: Pool) -> dict[str, list[dict[str, Any]]]:
    """All that the service keeps, without the time at which it was recorded and how batches were cut."""
    found = {}
    for name in TABLES[:-1]:
        rows = await pool.fetch(f"SELECT * FROM {name}")  # noqa: S608 - our own tables
        found[name] = sorted((_timeless(row) for row in rows), key=str)
    logged = await pool.fetch("SELECT events FROM log ORDER BY stream, lane, first_seq")
    found["log"] = [
        {k: v for k, v in orjson.loads(line).items() if k not in ("recordedtime", "source")}
        for row in logged
        for line in row["events"].split(b"\n")
    ]
    return found


def _timeless(row: Record) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "recorded_at"}


def short(fact: dict[str, Any]) -> str:
    """`subsidy.reserved 32-00001`, or `budget.opened 2026`."""
    kind = fact["type"].removeprefix("dreams.").removesuffix(".v1")
    data = fact["data"]
    return f"{kind} {data.get('enrollment_no') or data.get('fiscal_year') or data['to_fiscal_year']}"


def days(first: date, count: int) -> Iterable[str]:
    """Some days in a row, ISO 8601."""
    return ((first + timedelta(days=n)).isoformat() for n in range(count))

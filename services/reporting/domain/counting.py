"""From facts to what is kept of them: a row each, deltas in the cubes, and the grants that persons hold."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

import orjson

from services.reporting.domain.targets import COUNTED_SINCE
from services.reporting.domain.upgrades import is_upgrade
from shared.contracts import enrollment, provinces, subsidy
from shared.contracts.envelope import Fact, shanghai_day

ANY: Final = "any"
"""The category of totals: flags overlap, so their rows must not be added up."""
NONE: Final = "none"
"""Where a fact has no such dimension."""
NATION_SCOPE: Final = "nation"
_MONTHS_CACHED: Final = 4096
_NEVER: Final = datetime(1, 1, 1, tzinfo=UTC)


class Head(NamedTuple):
    """What every fact has: the first columns of table `fact`, in its order."""

    lane: str
    stream: str
    seq: int
    event_id: str
    type: str
    causation_id: str | None
    correlation_id: str | None
    effective_at: datetime
    recorded_at: datetime
    recorded_day: date
    worker_ref: str | None


class Columns(NamedTuple):
    """What a fact has by its type: the further columns of table `fact`, in its order."""

    effective_day: date
    """The day that it is counted on: its own where it names one."""
    enrollment_no: str | None = None
    reported_by: str | None = None
    funding_province: str | None = None
    work_province: str | None = None
    work_city: str | None = None
    origin_province: str | None = None
    employer_code: str | None = None
    employer_sector: str | None = None
    institution_code: str | None = None
    institution_kind: str | None = None
    programme: str | None = None
    cohort: str | None = None
    project_no: str | None = None
    track: str | None = None
    mode: str | None = None
    level_before: str | None = None
    level_after: str | None = None
    categories: tuple[str, ...] | None = None
    document_no: str | None = None
    fiscal_year: int | None = None
    fund_source: str | None = None
    funder_level: str | None = None
    amount_fen: int | None = None
    tuition_fen: int | None = None
    heads: int | None = None
    scheme: str | None = None
    state_before: str | None = None
    history: bool = False
    details: str | None = None


FACT_COLUMNS: Final = (*Head._fields, *Columns._fields)
CellKey = tuple[str, str, str, str, str, str, date]
"""cube, lane, period, two facets, measure, recorded day."""


Sums = dict[tuple[str, str], int]
"""(lane, measure) → change."""


def _sums() -> Sums:
    return defaultdict(int)


@dataclass(slots=True)
class Counted:
    """What a batch of facts comes to."""

    rows: list[tuple[Any, ...]] = field(default_factory=list)
    cells: dict[CellKey, int] = field(default_factory=lambda: defaultdict(int))
    standing: Sums = field(default_factory=lambda: defaultdict(int))
    """(lane, measure) → change of the sum over all time."""
    tempo: dict[datetime, Sums] = field(default_factory=lambda: defaultdict(_sums))
    """Minute recorded → (lane, measure) → change."""
    grants: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    """(lane, worker_ref) → grants gained or lost."""
    migrant_grants: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))


def count(facts: Iterable[tuple[str, Fact[Any]]]) -> Counted:
    """Count (stream, fact) pairs. Results add up: however facts are split over batches, sums are the same."""
    counted = Counted()
    recorded = _NEVER
    recorded_day, sums = recorded.date(), _sums()
    for stream, fact in facts:
        if fact.recordedtime != recorded:
            recorded = fact.recordedtime
            recorded_day = shanghai_day(recorded)
            sums = counted.tempo[recorded.replace(second=0, microsecond=0)]
        columns = _COUNTING[fact.type](_One(counted, fact, recorded_day, sums), fact.data)
        head = Head(
            fact.lane,
            stream,
            fact.seq,
            fact.id,
            fact.type,
            fact.causationid,
            fact.correlationid,
            fact.time,
            recorded,
            recorded_day,
            fact.subject,
        )
        counted.rows.append(head + columns)
    for sums in counted.tempo.values():
        for key, change in sums.items():
            counted.standing[key] += change
    return counted


class _One:
    """One fact on its way into the sums."""

    __slots__ = ("_counted", "_sign", "_sums", "fact", "lane", "recorded_day")

    def __init__(
        self, counted: Counted, fact: Fact[Any], recorded_day: date, sums: Sums, sign: int = 1
    ) -> None:
        self._sign = sign
        self._counted = counted
        self._sums = sums
        self.fact = fact
        self.lane = fact.lane
        self.recorded_day = recorded_day

    def day(self) -> date:
        """The Shanghai day of the envelope's time, for facts that name no day of their own."""
        return shanghai_day(self.fact.time)

    def study(
        self, measure: str, day: date, categories: tuple[str, ...] = (), track: str = NONE, change: int = 1
    ) -> None:
        """Count one in the cube of study, or take it away: once for each flag, once for any."""
        cells, lane, month, known = self._counted.cells, self.lane, _month(day), self.recorded_day
        change *= self._sign
        cells["study", lane, month, ANY, track, measure, known] += change
        for category in categories:
            cells["study", lane, month, category, track, measure, known] += change
        self._sums[self.lane, measure] += change

    def money(self, measure: str, amount_fen: int, year: int, fund_source: str, level: str = NONE) -> None:
        """Add an amount in the cube of money."""
        amount_fen *= self._sign
        key = ("money", self.lane, str(year), fund_source, level, measure, self.recorded_day)
        self._counted.cells[key] += amount_fen
        self._sums[self.lane, measure] += amount_fen

    def verdict(self, measure: str, records: int, day: date) -> None:
        """Add records in the cube of verdicts."""
        if records:
            key = ("verdicts", self.lane, day.isoformat(), NONE, NONE, measure, self.recorded_day)
            self._counted.cells[key] += records
            self._counted.standing[self.lane, measure] += records

    def total(self, measure: str, change: int) -> None:
        """Change a sum over all time that no cube keeps."""
        self._counted.standing[self.lane, measure] += change * self._sign

    def voided(self, was: Fact[Any]) -> Columns:
        """Take away what a fact has added; what it says stands beside the void, on the day that it was counted on."""
        one = _One(self._counted, was, self.recorded_day, self._sums, -1)
        return _COUNTING[was.type](one, was.data)

    def grant(self, change: int, fiscal_year: int, categories: tuple[str, ...]) -> None:
        """A person gains or loses a grant; only what counts towards the targets."""
        if fiscal_year < COUNTED_SINCE.year or self.fact.subject is None:
            return
        key = (self.lane, self.fact.subject)
        self._counted.grants[key] += change
        if "migrant" in categories:
            self._counted.migrant_grants[key] += change


@lru_cache(maxsize=_MONTHS_CACHED)
def _month(day: date) -> str:
    return day.isoformat()[:7]


def _registered(one: _One, data: enrollment.WorkerRegisteredFact) -> Columns:
    day = one.day()
    if data.first:
        one.study("registered", day, data.categories)
    employer = data.employer
    return Columns(
        day,
        reported_by=data.reported_by,
        work_province=data.work_province,
        work_city=data.work_city,
        origin_province=data.origin_province,
        employer_code=employer.code if employer else None,
        employer_sector=employer.sector if employer else None,
        level_before=data.education_level,
        categories=data.categories,
        history=data.history,
        details=None if data.first else '{"first":false}',
    )


def _enrolled(one: _One, data: enrollment.WorkerEnrolledFact) -> Columns:
    one.study("enrolled", data.start, data.worker.categories, data.track)
    employer = data.employer
    return Columns(
        data.start,
        enrollment_no=data.enrollment_no,
        reported_by=data.reported_by,
        funding_province=data.funding_province,
        work_province=data.work_province,
        work_city=data.work_city,
        origin_province=data.worker.origin_province,
        employer_code=employer.code if employer else None,
        employer_sector=employer.sector if employer else None,
        institution_code=data.institution.code,
        institution_kind=data.institution.kind,
        programme=data.programme,
        cohort=data.cohort,
        project_no=data.project_no,
        track=data.track,
        mode=data.mode,
        level_before=data.level_before,
        level_after=data.level_after,
        categories=data.worker.categories,
        tuition_fen=data.tuition_fen,
        history=data.history,
    )


def _of_enrollment(facts: enrollment.EnrollmentFacts, reported_by: str) -> dict[str, Any]:
    """The columns that every later event of an enrollment shares."""
    employer = facts.employer
    return {
        "reported_by": reported_by,
        "funding_province": facts.funding_province,
        "work_province": facts.work_province,
        "work_city": facts.work_city,
        "employer_code": employer.code if employer else None,
        "employer_sector": employer.sector if employer else None,
        "track": facts.track,
        "mode": facts.mode,
        "level_before": facts.level_before,
        "level_after": facts.level_after,
        "categories": facts.categories,
        "tuition_fen": facts.tuition_fen,
        "history": facts.history,
    }


def _confirmed(one: _One, data: enrollment.EnrollmentConfirmedFact) -> Columns:
    about = data.enrollment
    one.study("confirmed", data.confirmed_on, about.categories, about.track)
    return Columns(
        data.confirmed_on,
        enrollment_no=data.enrollment_no,
        **_of_enrollment(about, data.reported_by),
    )


def _withdrawn(one: _One, data: enrollment.EnrollmentWithdrawnFact) -> Columns:
    about = data.enrollment
    one.study("withdrawn", data.withdrawn_on, about.categories, about.track)
    return Columns(
        data.withdrawn_on,
        enrollment_no=data.enrollment_no,
        details=_json(reason=data.reason),
        **_of_enrollment(about, data.reported_by),
    )


def _completed(one: _One, data: enrollment.DegreeCompletedFact) -> Columns:
    about = data.enrollment
    one.study("completed", data.completed_on, about.categories, about.track)
    if is_upgrade(about.level_before, data.level):
        one.study("education_upgrades", data.completed_on, about.categories, about.track)
    columns = _of_enrollment(about, data.reported_by) | {"level_after": data.level}
    return Columns(data.completed_on, enrollment_no=data.enrollment_no, **columns)


def _scholarship_awarded(_: _One, data: enrollment.ScholarshipAwardedFact) -> Columns:
    """A decision of its funder: counted when subsidy has booked it."""
    return Columns(
        data.awarded_on,
        enrollment_no=data.enrollment_no,
        document_no=data.scholarship_no,
        fund_source=data.fund_source,
        funder_level=data.funder.level,
        amount_fen=data.amount_fen,
        **_of_enrollment(data.enrollment, data.reported_by),
    )


def _planned(one: _One, data: provinces.PlanDeclared) -> Columns:
    one.money("planned_fen", data.amount_fen, data.fiscal_year, data.fund_source, data.funder.level)
    return Columns(
        one.day(),
        document_no=data.plan_no,
        fiscal_year=data.fiscal_year,
        fund_source=data.fund_source,
        funder_level=data.funder.level,
        amount_fen=data.amount_fen,
        heads=data.heads,
    )


def _allocated(one: _One, data: provinces.BudgetAllocated) -> Columns:
    one.money("allocated_fen", data.amount_fen, data.fiscal_year, data.fund_source, data.funder.level)
    return Columns(
        one.day(),
        document_no=data.document_no,
        fiscal_year=data.fiscal_year,
        fund_source=data.fund_source,
        funder_level=data.funder.level,
        amount_fen=data.amount_fen,
    )


def _project(one: _One, data: provinces.ProjectEstablished) -> Columns:
    one.study("projects", data.established_on)
    if data.established_on >= COUNTED_SINCE:
        one.total("projects_since_2025", 1)
    return Columns(
        data.established_on,
        project_no=data.project_no,
        employer_sector=data.sector,
        details=_json(name=data.name, lead=data.lead),
    )


def _voided(one: _One, data: enrollment.EventVoidedFact) -> Columns:
    """What was counted is taken away again, as of the day on which it was voided: what was known before stays known."""
    said = _json(event_id=data.event_id, voided_type=data.voided_type, superseded_by=data.superseded_by)
    model = enrollment.FACT_MODELS.get(data.voided_type)
    if data.voided is None or data.voided_type not in READS or model is None:
        return Columns(one.day(), reported_by=data.reported_by, details=said)
    was = one.fact.model_copy(
        update={
            "type": data.voided_type,
            "time": data.voided_time,
            "data": model.model_validate(data.voided, strict=False),
        }
    )
    return one.voided(was)._replace(details=said)


def _became_first(one: _One, data: enrollment.RegistrationBecameFirst) -> Columns:
    one.study("registered", data.registered_on, data.categories)
    return Columns(data.registered_on, reported_by=data.reported_by, categories=data.categories)


def _day_began(_: _One, data: enrollment.DayBegan) -> Columns:
    return Columns(data.day, details=_json(log_head=data.log_head))


def _tallied(one: _One, data: enrollment.VerdictsTallied) -> Columns:
    verdicts = data.model_dump(exclude={"day"})
    for measure, records in verdicts.items():
        one.verdict(measure, records, data.day)
    return Columns(data.day, details=_json(**verdicts))


def _award(data: subsidy.Award) -> dict[str, Any]:
    return {
        "enrollment_no": data.enrollment_no,
        "document_no": data.award_id,
        "fiscal_year": data.fiscal_year,
        "fund_source": data.fund_source,
        "amount_fen": data.amount_fen,
        "scheme": f"{data.scheme}/{data.scheme_version}",
        "categories": data.categories,
        "track": data.track,
    }


def _reserved(one: _One, data: subsidy.SubsidyReserved) -> Columns:
    day = one.day()
    one.study("awards_reserved", day, data.categories, data.track)
    if data.was_waitlisted:
        one.study("awards_waiting", day, data.categories, data.track, -1)
    one.money("reserved_fen", data.amount_fen, data.fiscal_year, data.fund_source)
    return Columns(day, **_award(data))


def _granted(one: _One, data: subsidy.SubsidyGranted) -> Columns:
    day = one.day()
    one.study("awards_granted", day, data.categories, data.track)
    one.money("granted_fen", data.amount_fen, data.fiscal_year, data.fund_source)
    one.grant(+1, data.fiscal_year, data.categories)
    return Columns(day, **_award(data))


def _waitlisted(one: _One, data: subsidy.SubsidyWaitlisted) -> Columns:
    day = one.day()
    one.study("awards_waitlisted", day, data.categories, data.track)
    one.study("awards_waiting", day, data.categories, data.track)
    return Columns(day, details=_json(position=data.position), **_award(data))


def _released(one: _One, data: subsidy.SubsidyReleased) -> Columns:
    return _given_back(one, data)._replace(details=_json(why=data.why))


def _given_back(one: _One, data: subsidy.SubsidyReleased | subsidy.SubsidyVoided) -> Columns:
    """An award holds and waits for nothing any more, whether its worker left or its enrollment was voided."""
    day = one.day()
    one.study("awards_released", day, data.categories, data.track)
    if data.was == "waitlisted":
        one.study("awards_waiting", day, data.categories, data.track, -1)
    else:
        one.money(f"released_{data.was}_fen", data.amount_fen, data.fiscal_year, data.fund_source)
    if data.was == "granted":
        one.grant(-1, data.fiscal_year, data.categories)
    return Columns(day, state_before=data.was, **_award(data))


def _refused(one: _One, data: subsidy.SubsidyRefused) -> Columns:
    day = one.day()
    one.study("awards_refused", day)
    return Columns(day, enrollment_no=data.enrollment_no, details=_json(code=data.code))


def _promised(one: _One, data: subsidy.SubsidyForgone | subsidy.SubsidyCommitted) -> Columns:
    """A part of an award that holds no money, or never will: no measure counts it."""
    return Columns(one.day(), **_award(data))


def _commitment_ended(one: _One, data: subsidy.SubsidyCommitmentEnded) -> Columns:
    return Columns(one.day(), state_before="committed", details=_json(why=data.why), **_award(data))


def _grant_reversed(one: _One, data: subsidy.SubsidyGrantReversed) -> Columns:
    day = one.day()
    one.study("awards_granted", day, data.categories, data.track, -1)
    one.money("granted_fen", -data.amount_fen, data.fiscal_year, data.fund_source)
    one.grant(-1, data.fiscal_year, data.categories)
    return Columns(day, state_before="granted", **_award(data))


def _disbursed(one: _One, data: subsidy.SubsidyDisbursed) -> Columns:
    one.money("disbursed_fen", data.paid_fen, data.fiscal_year, data.fund_source)
    details = _json(how=data.how, paid_fen=data.paid_fen, disbursed_fen=data.disbursed_fen, **_line(data))
    return Columns(one.day(), details=details, **_award(data))


def _payment_returned(one: _One, data: subsidy.SubsidyReturned) -> Columns:
    one.money("disbursed_fen", -data.returned_fen, data.fiscal_year, data.fund_source)
    details = _json(returned_fen=data.returned_fen, disbursed_fen=data.disbursed_fen, **_line(data))
    return Columns(one.day(), details=details, **_award(data))


def _clawed_back(one: _One, data: subsidy.SubsidyClawedBack) -> Columns:
    """What was paid is owed: it counts as disbursed no more, and as owed until it has come back."""
    one.money("disbursed_fen", -data.clawed_back_fen, data.fiscal_year, data.fund_source)
    one.money("receivable_fen", data.clawed_back_fen, data.fiscal_year, data.fund_source)
    details = _json(why=data.why, clawed_back_fen=data.clawed_back_fen, open_fen=data.open_fen)
    return Columns(one.day(), details=details, **_award(data))


def _repaid(one: _One, data: subsidy.ClawbackRepaid) -> Columns:
    one.money("receivable_fen", -data.amount_fen, data.fiscal_year, data.fund_source)
    return Columns(
        one.day(),
        enrollment_no=data.enrollment_no,
        fiscal_year=data.fiscal_year,
        fund_source=data.fund_source,
        amount_fen=data.amount_fen,
        details=_json(how=data.how, open_fen=data.open_fen),
    )


def _unmatched(one: _One, data: subsidy.PaymentUnmatched) -> Columns:
    """A question to the province: no money of the ledger has moved."""
    return Columns(
        one.day(),
        enrollment_no=data.enrollment_no,
        fiscal_year=data.fiscal_year,
        fund_source=data.fund_source,
        amount_fen=data.amount_fen,
        details=_json(code=data.code, **_line(data)),
    )


def _line(
    data: subsidy.SubsidyDisbursed | subsidy.SubsidyReturned | subsidy.PaymentUnmatched,
) -> dict[str, Any]:
    return {"batch_no": data.batch_no, "line_no": data.line_no}


def _opened(one: _One, data: subsidy.BudgetOpened) -> Columns:
    one.money("opened_fen", data.amount_fen, data.fiscal_year, data.fund_source, data.funder_level)
    return Columns(
        one.day(),
        fiscal_year=data.fiscal_year,
        fund_source=data.fund_source,
        funder_level=data.funder_level,
        amount_fen=data.amount_fen,
        details=_json(allocated_fen=data.allocated_fen),
    )


def _changed(one: _One, data: subsidy.BudgetIncreased, sign: int) -> Columns:
    amount_fen = sign * data.amount_fen
    one.money("opened_fen", amount_fen, data.fiscal_year, data.fund_source, data.funder_level)
    one.money("adjusted_fen", amount_fen, data.fiscal_year, data.fund_source, data.funder_level)
    return Columns(
        one.day(),
        document_no=data.document_no,
        fiscal_year=data.fiscal_year,
        fund_source=data.fund_source,
        funder_level=data.funder_level,
        amount_fen=amount_fen,
        details=_json(asked_fen=data.asked_fen, allocated_fen=data.allocated_fen),
    )


def _carried_over(one: _One, data: subsidy.CarryoverBooked) -> Columns:
    """What one year loses another gains: the sum of all years stays."""
    for year, amount_fen in (
        (data.from_fiscal_year, -data.amount_fen),
        (data.to_fiscal_year, data.amount_fen),
    ):
        one.money("opened_fen", amount_fen, year, data.fund_source, data.funder_level)
        one.money("adjusted_fen", amount_fen, year, data.fund_source, data.funder_level)
    return Columns(
        one.day(),
        document_no=data.document_no,
        fiscal_year=data.to_fiscal_year,
        fund_source=data.fund_source,
        funder_level=data.funder_level,
        amount_fen=data.amount_fen,
        details=_json(from_fiscal_year=data.from_fiscal_year, asked_fen=data.asked_fen),
    )


def _alerted(
    one: _One, data: subsidy.BudgetExhausted | subsidy.BudgetRecovered | subsidy.BudgetThresholdReached
) -> Columns:
    """How full a budget is: nothing to add up."""
    details = data.model_dump(exclude={"fiscal_year", "fund_source"})
    return Columns(
        one.day(), fiscal_year=data.fiscal_year, fund_source=data.fund_source, details=_json(**details)
    )


def _booked(one: _One, data: subsidy.ScholarshipBooked) -> Columns:
    day = one.day()
    one.study("scholarships", day, data.categories, data.track)
    one.money("scholarship_fen", data.amount_fen, data.fiscal_year, data.fund_source, data.funder_level)
    if data.amount_fen > 0:
        one.grant(+1, data.fiscal_year, data.categories)
    return Columns(day, details=_json(awarded_fen=data.awarded_fen), **_scholarship(data))


def _reversed(one: _One, data: subsidy.ScholarshipReversed) -> Columns:
    day = one.day()
    one.study("scholarships", day, data.categories, data.track, -1)
    one.money("scholarship_fen", -data.amount_fen, data.fiscal_year, data.fund_source, data.funder_level)
    one.grant(-1, data.fiscal_year, data.categories)
    return Columns(day, **_scholarship(data))


def _scholarship(data: subsidy.Scholarship) -> dict[str, Any]:
    return {
        "enrollment_no": data.enrollment_no,
        "document_no": data.scholarship_no,
        "fiscal_year": data.fiscal_year,
        "fund_source": data.fund_source,
        "funder_level": data.funder_level,
        "amount_fen": data.amount_fen,
        "categories": data.categories,
        "track": data.track,
    }


def _exceeds(one: _One, data: subsidy.ScholarshipExceeds) -> Columns:
    one.money("exceeding_fen", data.exceeding_fen, data.fiscal_year, data.fund_source)
    return Columns(
        one.day(),
        enrollment_no=data.enrollment_no,
        document_no=data.scholarship_no,
        fiscal_year=data.fiscal_year,
        fund_source=data.fund_source,
        amount_fen=data.exceeding_fen,
        details=_json(awarded_fen=data.awarded_fen),
    )


def _json(**values: object) -> str:
    return orjson.dumps(values).decode()


_COUNTING: Final[dict[str, Callable[[_One, Any], Columns]]] = {
    provinces.WORKER_REGISTERED: _registered,
    provinces.WORKER_ENROLLED: _enrolled,
    provinces.ENROLLMENT_CONFIRMED: _confirmed,
    provinces.ENROLLMENT_WITHDRAWN: _withdrawn,
    provinces.DEGREE_COMPLETED: _completed,
    provinces.SCHOLARSHIP_AWARDED: _scholarship_awarded,
    provinces.PLAN_DECLARED: _planned,
    provinces.BUDGET_ALLOCATED: _allocated,
    provinces.PROJECT_ESTABLISHED: _project,
    provinces.EVENT_VOIDED: _voided,
    enrollment.REGISTRATION_BECAME_FIRST: _became_first,
    enrollment.DAY_BEGAN: _day_began,
    enrollment.VERDICTS_TALLIED: _tallied,
    subsidy.SUBSIDY_RESERVED: _reserved,
    subsidy.SUBSIDY_GRANTED: _granted,
    subsidy.SUBSIDY_WAITLISTED: _waitlisted,
    subsidy.SUBSIDY_RELEASED: _released,
    subsidy.SUBSIDY_FORGONE: _promised,
    subsidy.SUBSIDY_COMMITTED: _promised,
    subsidy.SUBSIDY_COMMITMENT_ENDED: _commitment_ended,
    subsidy.SUBSIDY_REFUSED: _refused,
    subsidy.SUBSIDY_VOIDED: _given_back,
    subsidy.SUBSIDY_GRANT_REVERSED: _grant_reversed,
    subsidy.SCHOLARSHIP_REVERSED: _reversed,
    subsidy.SUBSIDY_DISBURSED: _disbursed,
    subsidy.SUBSIDY_RETURNED: _payment_returned,
    subsidy.SUBSIDY_CLAWED_BACK: _clawed_back,
    subsidy.CLAWBACK_REPAID: _repaid,
    subsidy.PAYMENT_UNMATCHED: _unmatched,
    subsidy.BUDGET_OPENED: _opened,
    subsidy.BUDGET_INCREASED: lambda one, data: _changed(one, data, +1),
    subsidy.BUDGET_REDUCED: lambda one, data: _changed(one, data, -1),
    subsidy.CARRYOVER_BOOKED: _carried_over,
    **dict.fromkeys(subsidy.ALERTS, _alerted),
    subsidy.SCHOLARSHIP_BOOKED: _booked,
    subsidy.SCHOLARSHIP_EXCEEDS_BUDGET: _exceeds,
    subsidy.SCHOLARSHIP_EXCEEDS_TUITION: _exceeds,
}
READS: Final = frozenset(_COUNTING)
"""Types of facts that are counted."""

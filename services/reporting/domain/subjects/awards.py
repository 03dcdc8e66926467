"""Decisions about awards and scholarships: who is granted what, who waits, what is given back."""

from typing import Any, Final

from services.reporting.domain.tally import Columns, Counts, Tally, as_json, columns_of
from shared.contracts import enrollment, provinces, subsidy


def _scholarship_awarded(_: Tally, data: enrollment.ScholarshipAwardedFact) -> Columns:
    """A decision of its funder: counted when subsidy has booked it."""
    return Columns(
        data.awarded_on,
        enrollment_no=data.enrollment_no,
        document_no=data.scholarship_no,
        fund_source=data.fund_source,
        funder_level=data.funder.level,
        amount_fen=data.amount_fen,
        **columns_of(data.enrollment, data.reported_by),
    )


def award_columns(data: subsidy.Award) -> dict[str, Any]:
    """The columns that every decision about an award shares."""
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


def _reserved(tally: Tally, data: subsidy.SubsidyReserved) -> Columns:
    day = tally.day()
    tally.study("awards_reserved", day, data.categories, data.track)
    if data.was_waitlisted:
        tally.study("awards_waiting", day, data.categories, data.track, -1)
    tally.money("reserved_fen", data.amount_fen, day, data.fiscal_year, data.fund_source)
    return Columns(day, **award_columns(data))


def _granted(tally: Tally, data: subsidy.SubsidyGranted) -> Columns:
    day = tally.day()
    tally.study("awards_granted", day, data.categories, data.track)
    tally.money("granted_fen", data.amount_fen, day, data.fiscal_year, data.fund_source)
    tally.person("funded", day, data.fiscal_year, data.categories)
    return Columns(day, **award_columns(data))


def _waitlisted(tally: Tally, data: subsidy.SubsidyWaitlisted) -> Columns:
    day = tally.day()
    tally.study("awards_waitlisted", day, data.categories, data.track)
    tally.study("awards_waiting", day, data.categories, data.track)
    return Columns(day, details=as_json(position=data.position), **award_columns(data))


def _admitted(tally: Tally, data: subsidy.SubsidyAdmitted) -> Columns:
    """It was counted as waiting when it began to wait for its confirmation."""
    return Columns(tally.day(), details=as_json(position=data.position), **award_columns(data))


def _released(tally: Tally, data: subsidy.SubsidyReleased) -> Columns:
    return _given_back(tally, data)._replace(details=as_json(why=data.why))


def _given_back(tally: Tally, data: subsidy.SubsidyReleased | subsidy.SubsidyVoided) -> Columns:
    """An award holds and waits for nothing any more, whether its worker left or its enrollment was voided."""
    day = tally.day()
    tally.study("awards_released", day, data.categories, data.track)
    if data.was == "waitlisted":
        tally.study("awards_waiting", day, data.categories, data.track, -1)
    else:
        tally.money(f"released_{data.was}_fen", data.amount_fen, day, data.fiscal_year, data.fund_source)
    if data.was == "granted":
        tally.person("funded", day, data.fiscal_year, data.categories, -1)
    return Columns(day, state_before=data.was, **award_columns(data))


def _promised(tally: Tally, data: subsidy.SubsidyForgone | subsidy.SubsidyCommitted) -> Columns:
    """A part of an award that holds no money, or never will: no measure counts it."""
    return Columns(tally.day(), **award_columns(data))


def _commitment_ended(tally: Tally, data: subsidy.SubsidyCommitmentEnded) -> Columns:
    return Columns(
        tally.day(), state_before="committed", details=as_json(why=data.why), **award_columns(data)
    )


def _refused(tally: Tally, data: subsidy.SubsidyRefused) -> Columns:
    day = tally.day()
    tally.study("awards_refused", day)
    return Columns(day, enrollment_no=data.enrollment_no, details=as_json(code=data.code))


def _grant_reversed(tally: Tally, data: subsidy.SubsidyGrantReversed) -> Columns:
    day = tally.day()
    tally.study("awards_granted", day, data.categories, data.track, -1)
    tally.money("granted_fen", -data.amount_fen, day, data.fiscal_year, data.fund_source)
    tally.person("funded", day, data.fiscal_year, data.categories, -1)
    return Columns(day, state_before="granted", **award_columns(data))


def _booked(tally: Tally, data: subsidy.ScholarshipBooked) -> Columns:
    day = tally.day()
    tally.study("scholarships", day, data.categories, data.track)
    tally.money(
        "scholarship_fen", data.amount_fen, day, data.fiscal_year, data.fund_source, data.funder_level
    )
    if data.amount_fen > 0:
        tally.person("funded", day, data.fiscal_year, data.categories)
    return Columns(day, details=as_json(awarded_fen=data.awarded_fen), **_scholarship(data))


def _reversed(tally: Tally, data: subsidy.ScholarshipReversed) -> Columns:
    day = tally.day()
    tally.study("scholarships", day, data.categories, data.track, -1)
    tally.money(
        "scholarship_fen", -data.amount_fen, day, data.fiscal_year, data.fund_source, data.funder_level
    )
    if data.amount_fen > 0:
        tally.person("funded", day, data.fiscal_year, data.categories, -1)
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


def _exceeds(tally: Tally, data: subsidy.ScholarshipExceeds) -> Columns:
    day = tally.day()
    tally.money("exceeding_fen", data.exceeding_fen, day, data.fiscal_year, data.fund_source)
    return Columns(
        day,
        enrollment_no=data.enrollment_no,
        document_no=data.scholarship_no,
        fiscal_year=data.fiscal_year,
        fund_source=data.fund_source,
        amount_fen=data.exceeding_fen,
        details=as_json(awarded_fen=data.awarded_fen),
    )


COUNTS: Final[Counts] = {
    provinces.SCHOLARSHIP_AWARDED: _scholarship_awarded,
    subsidy.SUBSIDY_RESERVED: _reserved,
    subsidy.SUBSIDY_GRANTED: _granted,
    subsidy.SUBSIDY_WAITLISTED: _waitlisted,
    subsidy.SUBSIDY_ADMITTED: _admitted,
    subsidy.SUBSIDY_RELEASED: _released,
    subsidy.SUBSIDY_FORGONE: _promised,
    subsidy.SUBSIDY_COMMITTED: _promised,
    subsidy.SUBSIDY_COMMITMENT_ENDED: _commitment_ended,
    subsidy.SUBSIDY_REFUSED: _refused,
    subsidy.SUBSIDY_VOIDED: _given_back,
    subsidy.SUBSIDY_GRANT_REVERSED: _grant_reversed,
    subsidy.SCHOLARSHIP_BOOKED: _booked,
    subsidy.SCHOLARSHIP_REVERSED: _reversed,
    subsidy.SCHOLARSHIP_EXCEEDS_BUDGET: _exceeds,
    subsidy.SCHOLARSHIP_EXCEEDS_TUITION: _exceeds,
}

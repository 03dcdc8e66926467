"""Days as the door saw them: which began, how their records were judged, what is missing beside what was declared."""

from typing import Final

from services.reporting.domain.tally import Columns, Counts, Tally, as_json
from shared.contracts import enrollment


def _day_began(_: Tally, data: enrollment.DayBegan) -> Columns:
    return Columns(data.day, details=as_json(log_head=data.log_head))


def _tallied(tally: Tally, data: enrollment.VerdictsTallied) -> Columns:
    verdicts = data.model_dump(exclude={"day"})
    for measure, records in verdicts.items():
        tally.verdict(measure, records, data.day)
    return Columns(data.day, details=as_json(**verdicts))


def _measured(_: Tally, data: enrollment.CompletenessMeasured) -> Columns:
    """Told again whenever it changes: the last one holds, so nothing is added up."""
    return Columns(data.until, details=data.model_dump_json())


COUNTS: Final[Counts] = {
    enrollment.DAY_BEGAN: _day_began,
    enrollment.VERDICTS_TALLIED: _tallied,
    enrollment.COMPLETENESS_MEASURED: _measured,
}

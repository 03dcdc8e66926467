"""Workers and their enrollments: registered, enrolled, confirmed, interrupted, withdrawn, completed."""

from collections.abc import Callable
from datetime import date
from typing import Any, Final, NamedTuple

from services.reporting.domain.tally import (
    Columns,
    Count,
    Counts,
    Study,
    Tally,
    as_json,
    columns_of,
    month,
    study_of,
)
from services.reporting.domain.upgrades import is_upgrade
from shared.contracts import enrollment, provinces


class _Step(NamedTuple):
    """A later step of an enrollment: its measure, the day that it names, what is kept beside."""

    measure: str
    day: Callable[[Any], date]
    ends: bool = False
    """Whether it ends the enrollment: then it is counted by cohort too."""
    kept: tuple[str, ...] = ()


_STEPS: Final = {
    provinces.ENROLLMENT_CONFIRMED: _Step("confirmed", lambda data: data.confirmed_on),
    provinces.ENROLLMENT_SUSPENDED: _Step("suspended", lambda data: data.suspended_on, kept=("reason",)),
    provinces.ENROLLMENT_RESUMED: _Step("resumed", lambda data: data.resumed_on),
    provinces.ENROLLMENT_WITHDRAWN: _Step(
        "withdrawn", lambda data: data.withdrawn_on, ends=True, kept=("reason",)
    ),
}


def _registered(tally: Tally, data: enrollment.WorkerRegisteredFact) -> Columns:
    day = tally.day()
    employer = data.employer
    if data.first:
        tally.study("registered", day, data.categories)
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


def _became_first(tally: Tally, data: enrollment.RegistrationBecameFirst) -> Columns:
    tally.study("registered", data.registered_on, data.categories)
    return Columns(data.registered_on, reported_by=data.reported_by, categories=data.categories)


def _changed(_: Tally, data: enrollment.WorkerChangedFact) -> Columns:
    """What is said of a worker changes no sum: an enrollment counts by the flags that it began with."""
    return Columns(
        data.since,
        reported_by=data.reported_by,
        work_province=data.worker.work_province,
        work_city=data.worker.work_city,
        origin_province=data.worker.origin_province,
        level_before=data.worker.education_level,
        categories=data.worker.categories,
    )


def _enrolled(tally: Tally, data: enrollment.WorkerEnrolledFact) -> Columns:
    employer, categories, start = data.employer, data.worker.categories, data.start
    institution = data.institution
    study = Study(categories, data.track, data.work_city, employer, institution.code, data.project_no, start)
    period = month(start)
    tally.step("enrolled", start, study)
    tally.cohort("enrolled", start, study)
    tally.cell("levels", period, data.level_before, data.level_after, "enrolled")
    tally.cell("mobility", period, data.work_province, data.worker.origin_province, "enrolled")
    tally.cell("providers", period, institution.kind, data.mode, "enrolled")
    tally.person("enrolled", start, start.year, categories)
    return Columns(
        start,
        enrollment_no=data.enrollment_no,
        reported_by=data.reported_by,
        funding_province=data.funding_province,
        work_province=data.work_province,
        work_city=data.work_city,
        origin_province=data.worker.origin_province,
        employer_code=employer.code if employer else None,
        employer_sector=employer.sector if employer else None,
        institution_code=institution.code,
        institution_kind=institution.kind,
        programme=data.programme,
        cohort=data.cohort,
        project_no=data.project_no,
        track=data.track,
        mode=data.mode,
        level_before=data.level_before,
        level_after=data.level_after,
        categories=categories,
        tuition_fen=data.tuition_fen,
        history=data.history,
    )


def _step(step: _Step) -> Count:
    def count(tally: Tally, data: Any) -> Columns:
        study, day = study_of(data.enrollment), step.day(data)
        tally.step(step.measure, day, study)
        if step.ends:
            tally.cohort(step.measure, day, study)
        kept = as_json(**{name: getattr(data, name) for name in step.kept}) if step.kept else None
        columns = columns_of(data.enrollment, data.reported_by)
        return Columns(day, enrollment_no=data.enrollment_no, details=kept, **columns)

    return count


def _completed(tally: Tally, data: enrollment.DegreeCompletedFact) -> Columns:
    about, day = data.enrollment, data.completed_on
    study, period = study_of(about), month(day)
    tally.step("completed", day, study)
    tally.cohort("completed", day, study)
    tally.cell("levels", period, about.level_before, data.level, "completed")
    if is_upgrade(about.level_before, data.level):
        tally.step("education_upgrades", day, study)
        tally.cell("levels", period, about.level_before, data.level, "education_upgrades")
        tally.person("educated", day, day.year, about.categories)
    columns = columns_of(about, data.reported_by) | {"level_after": data.level}
    return Columns(day, enrollment_no=data.enrollment_no, **columns)


def _overlapped(tally: Tally, data: enrollment.EnrollmentOverlapped) -> Columns:
    """Said on the home lane of each of the two: for a look, and for the province's score."""
    day = tally.day()
    tally.verdict("overlapped", 1, day)
    kept = as_json(other_enrollment_no=data.other_enrollment_no)
    return Columns(day, enrollment_no=data.enrollment_no, level_after=data.level_after, details=kept)


COUNTS: Final[Counts] = {
    provinces.WORKER_REGISTERED: _registered,
    provinces.WORKER_CHANGED: _changed,
    provinces.WORKER_ENROLLED: _enrolled,
    provinces.DEGREE_COMPLETED: _completed,
    enrollment.REGISTRATION_BECAME_FIRST: _became_first,
    enrollment.ENROLLMENT_OVERLAPPED: _overlapped,
    **{type_: _step(step) for type_, step in _STEPS.items()},
}

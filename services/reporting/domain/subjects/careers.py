"""What workers reach besides a degree: trainings, certificates, titles, promotions, pairs of tutors."""

from datetime import date
from typing import Any, Final

from services.reporting.domain.tally import (
    NONE,
    Columns,
    Counts,
    Study,
    Tally,
    as_json,
    columns_of,
    month,
    study_of,
)
from services.reporting.domain.upgrades import is_skill_upgrade
from shared.contracts import enrollment, provinces


def _trained(tally: Tally, data: enrollment.TrainingCompletedFact) -> Columns:
    day = data.completed_on
    tally.step("trained", day, _study(data, day, data.institution.code, data.employer))
    tally.cell("providers", month(day), data.institution.kind, data.mode, "trained")
    kept = as_json(training_no=data.training_no, hours=data.hours)
    columns = _columns(data) | {
        "institution_code": data.institution.code,
        "institution_kind": data.institution.kind,
        "programme": data.programme,
        "mode": data.mode,
        "history": data.history,
    }
    return Columns(day, enrollment_no=data.enrollment_no, details=kept, **columns)


def _certified(tally: Tally, data: enrollment.CertificateEarnedFact) -> Columns:
    """A certificate is a skill upgrade where its grade lies above the one that was known before."""
    day, after = data.earned_on, data.level
    before = data.level_before or (data.enrollment.skill_before if data.enrollment else None)
    study = _study(data, day)
    tally.step("certified", day, study)
    tally.cell("levels", month(day), before or NONE, after, "certified")
    if before is not None and is_skill_upgrade(before, after):
        tally.step("skill_upgrades", day, study)
        tally.cell("levels", month(day), before, after, "skill_upgrades")
        tally.person("skilled", day, day.year, study.categories)
    kept = as_json(certificate_no=data.certificate_no, occupation=data.occupation)
    columns = _columns(data) | {"level_before": before, "level_after": after, "history": data.history}
    return Columns(day, enrollment_no=data.enrollment_no, details=kept, **columns)


def _titled(tally: Tally, data: enrollment.TitleAwardedFact) -> Columns:
    day = data.awarded_on
    tally.step("titled", day, _of_worker(data.worker, day))
    kept = as_json(title_no=data.title_no, grade=data.grade)
    return Columns(
        day, details=kept, **(_worker_columns(data.worker, data.reported_by)), history=data.history
    )


def _promoted(tally: Tally, data: enrollment.PromotionRecordedFact) -> Columns:
    """A place in the reserve team is no promotion yet: the post itself is to come."""
    day = data.promoted_on
    study = _of_worker(data.worker, day, data.employer)
    tally.step("in_reserve" if data.reserve_team else "promoted", day, study)
    kept = as_json(reserve_team=data.reserve_team, title_no=data.title_no)
    return Columns(
        day, details=kept, **(_worker_columns(data.worker, data.reported_by)), history=data.history
    )


def _paired(tally: Tally, data: enrollment.TutorsPairedFact) -> Columns:
    tally.study("tutor_pairs", data.since)
    return Columns(
        data.since,
        reported_by=data.reported_by,
        institution_code=data.institution_code,
        programme=data.course,
    )


_Reached = enrollment.TrainingCompletedFact | enrollment.CertificateEarnedFact


def _study(
    data: _Reached,
    day: date,
    institution_code: str | None = None,
    employer: provinces.Employer | None = None,
) -> Study:
    """By the enrollment where one is named, otherwise by the worker."""
    if data.enrollment is None:
        return _of_worker(data.worker, day, employer, institution_code)
    study = study_of(data.enrollment)
    return study._replace(institution_code=institution_code) if institution_code else study


def _of_worker(
    worker: enrollment.WorkerFacts | None,
    day: date,
    employer: provinces.Employer | None = None,
    institution_code: str | None = None,
) -> Study:
    if worker is None:
        return Study((), NONE, None, employer, institution_code, None, day)
    at_work = employer or worker.employer
    return Study(worker.categories, NONE, worker.work_city, at_work, institution_code, None, day)


def _columns(data: _Reached) -> dict[str, Any]:
    if data.enrollment is not None:
        return columns_of(data.enrollment, data.reported_by)
    return _worker_columns(data.worker, data.reported_by)


def _worker_columns(worker: enrollment.WorkerFacts | None, reported_by: str) -> dict[str, Any]:
    if worker is None:
        return {"reported_by": reported_by}
    employer = worker.employer
    return {
        "reported_by": reported_by,
        "work_province": worker.work_province,
        "work_city": worker.work_city,
        "origin_province": worker.origin_province,
        "employer_code": employer.code if employer else None,
        "employer_sector": employer.sector if employer else None,
        "categories": worker.categories,
    }


COUNTS: Final[Counts] = {
    provinces.TRAINING_COMPLETED: _trained,
    provinces.CERTIFICATE_EARNED: _certified,
    provinces.TITLE_AWARDED: _titled,
    provinces.PROMOTION_RECORDED: _promoted,
    provinces.TUTORS_PAIRED: _paired,
}

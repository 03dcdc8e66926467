"""Events as a province would send them, valid unless a test makes them otherwise."""

import itertools
from typing import Any

_numbers = itertools.count(1)


def worker_ref(letter: str) -> str:
    """A pseudonym; each letter (A–Z, 2–7) is another worker."""
    return f"k1.{letter * 52}"


def event(kind: str, data: dict[str, Any], *, lane: str = "32", **attributes: Any) -> dict[str, Any]:
    """A CloudEvent of type `dreams.<kind>.v1` under a fresh id; `attributes` replace what stands in it."""
    made = {
        "specversion": "1.0",
        "id": f"e-{next(_numbers)}",
        "source": f"//provinces/{lane}/hr",
        "type": f"dreams.{kind}.v1",
        "time": "2026-09-01T08:00:00+08:00",
        "data": data,
        **attributes,
    }
    return {name: value for name, value in made.items() if value is not None}


def registered(worker: str, *, lane: str = "32", **attributes: Any) -> dict[str, Any]:
    """A registration."""
    data = {
        "categories": ["industrial", "migrant"],
        "education_level": "junior_high",
        "origin_province": "34",
        "work_province": "32",
    }
    return event("worker.registered", data, lane=lane, **{"subject": worker, **attributes})


def enrolled(
    worker: str, number: str, *, lane: str = "32", funding: str | None = None, **attributes: Any
) -> dict[str, Any]:
    """An enrollment under `number`, funded by `funding` or the reporting province."""
    data = {
        "enrollment_no": number,
        "funding_province": funding or lane,
        "work_province": "32",
        "institution": {"code": "10295", "name": "江南大学", "kind": "university"},
        "programme": f"机电一体化 {number}",
        "level_before": "junior_high",
        "level_after": "associate",
        "track": "academic",
        "mode": "blended",
        "start": "2026-09-01",
        "tuition_fen": 300_000,
    }
    return event("worker.enrolled", data, lane=lane, subject=worker, **attributes)


def confirmed(worker: str, number: str, *, lane: str = "32", **attributes: Any) -> dict[str, Any]:
    """A confirmation."""
    data = {"enrollment_no": number, "confirmed_on": "2026-09-02"}
    return event("enrollment.confirmed", data, lane=lane, subject=worker, **attributes)


def allocated(
    document_no: str, *, lane: str = "32", amount_fen: Any = 10_000_000, **attributes: Any
) -> dict[str, Any]:
    """An allocation."""
    data = {
        "document_no": document_no,
        "fiscal_year": 2026,
        "fund_source": "provincial-federation",
        "funder": {"name": "江苏省总工会", "level": "provincial"},
        "amount_fen": amount_fen,
    }
    return event("budget.allocated", data, lane=lane, **attributes)


def withdrawn(worker: str, number: str, *, lane: str = "32", **attributes: Any) -> dict[str, Any]:
    """A withdrawal."""
    data = {"enrollment_no": number, "withdrawn_on": "2026-10-01", "reason": "work"}
    return event("enrollment.withdrawn", data, lane=lane, subject=worker, **attributes)


def completed(worker: str, number: str, *, lane: str = "32", **attributes: Any) -> dict[str, Any]:
    """A completion."""
    data = {"enrollment_no": number, "level": "associate", "completed_on": "2028-07-01"}
    return event("degree.completed", data, lane=lane, subject=worker, **attributes)


def scholarship(
    worker: str, number: str, scholarship_no: str, *, lane: str = "32", **attributes: Any
) -> dict[str, Any]:
    """A scholarship that a city awards for the enrollment `number`."""
    data = {
        "scholarship_no": scholarship_no,
        "enrollment_no": number,
        "funder": {"name": "无锡市总工会", "level": "city"},
        "fund_source": "city-federation",
        "amount_fen": 50_000,
        "awarded_on": "2026-09-10",
    }
    return event("scholarship.awarded", data, lane=lane, subject=worker, **attributes)


def planned(plan_no: str, *, lane: str = "32", **attributes: Any) -> dict[str, Any]:
    """A plan."""
    data = {
        "plan_no": plan_no,
        "fiscal_year": 2026,
        "fund_source": "provincial-federation",
        "funder": {"name": "江苏省总工会", "level": "provincial"},
        "amount_fen": 60_000_000,
        "heads": 600,
    }
    return event("plan.declared", data, lane=lane, **attributes)


def established(project_no: str, *, lane: str = "32", **attributes: Any) -> dict[str, Any]:
    """A project."""
    data = {
        "project_no": project_no,
        "name": "求学圆梦",
        "lead": "江苏省总工会",
        "established_on": "2026-03-01",
    }
    return event("project.established", data, lane=lane, **attributes)

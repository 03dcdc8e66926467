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


def changed(worker: str, since: str, *, lane: str = "32", **data: Any) -> dict[str, Any]:
    """A change from a day on; without `data` of other flags."""
    said = {"since": since, **(data or {"categories": ["front_line"]})}
    return event("worker.changed", said, lane=lane, subject=worker)


def suspended(
    worker: str, number: str, on: str = "2026-11-01", *, lane: str = "32", **attributes: Any
) -> dict[str, Any]:
    """An interruption."""
    data = {"enrollment_no": number, "suspended_on": on, "reason": "health"}
    return event("enrollment.suspended", data, lane=lane, subject=worker, **attributes)


def resumed(
    worker: str, number: str, on: str = "2027-02-01", *, lane: str = "32", **attributes: Any
) -> dict[str, Any]:
    """The end of an interruption."""
    data = {"enrollment_no": number, "resumed_on": on}
    return event("enrollment.resumed", data, lane=lane, subject=worker, **attributes)


def trained(
    worker: str, training_no: str, *, lane: str = "32", enrollment_no: str | None = None
) -> dict[str, Any]:
    """A training, by itself or as a part of an enrollment."""
    data = {
        "training_no": training_no,
        "institution": {"code": "10295", "name": "江南大学", "kind": "university"},
        "programme": "焊接",
        "mode": "full_time_short_course",
        "completed_on": "2026-08-31",
        **({"enrollment_no": enrollment_no} if enrollment_no else {}),
    }
    return event("training.completed", data, lane=lane, subject=worker)


def certified(
    worker: str, certificate_no: str, *, lane: str = "32", enrollment_no: str | None = None
) -> dict[str, Any]:
    """A certificate, by itself or out of an enrollment."""
    data = {
        "certificate_no": certificate_no,
        "issuer": "江苏省技能评价中心",
        "occupation": "焊工",
        "level": "intermediate_worker",
        "earned_on": "2026-09-20",
        **({"enrollment_no": enrollment_no} if enrollment_no else {}),
    }
    return event("certificate.earned", data, lane=lane, subject=worker)


def titled(worker: str, title_no: str, *, lane: str = "32") -> dict[str, Any]:
    """A professional title."""
    data = {
        "title_no": title_no,
        "issuer": "江苏省评审委员会",
        "name": "工程师",
        "grade": "intermediate",
        "awarded_on": "2026-08-30",
    }
    return event("title.awarded", data, lane=lane, subject=worker)


def promoted(worker: str, to_role: str, *, lane: str = "32") -> dict[str, Any]:
    """A promotion."""
    data = {"from_role": "快递员", "to_role": to_role, "promoted_on": "2026-08-30"}
    return event("promotion.recorded", data, lane=lane, subject=worker)


def paired(
    tutor: str, teacher: str, *, lane: str = "32", institution_code: str = "10295", course: str = "实训"
) -> dict[str, Any]:
    """A pair of tutors on a course."""
    data = {
        "teacher_ref": teacher,
        "institution_code": institution_code,
        "course": course,
        "since": "2026-09-01",
    }
    return event("tutors.paired", data, lane=lane, subject=tutor)


def _of_budget(document_no: str) -> dict[str, Any]:
    return {
        "document_no": document_no,
        "fund_source": "provincial-federation",
        "funder": {"name": "江苏省总工会", "level": "provincial"},
        "amount_fen": 1_000,
    }


def adjusted(document_no: str, *, lane: str = "32", direction: str = "decrease") -> dict[str, Any]:
    """An adjustment of a budget."""
    data = {**_of_budget(document_no), "fiscal_year": 2026, "direction": direction}
    return event("budget.adjusted", data, lane=lane)


def carried_over(document_no: str, *, lane: str = "32", to_year: int = 2027) -> dict[str, Any]:
    """Money of 2026 carried over."""
    data = {**_of_budget(document_no), "from_fiscal_year": 2026, "to_fiscal_year": to_year}
    return event("budget.carried_over", data, lane=lane)


def settled(
    worker: str, number: str, line_no: int, *, lane: str = "32", amount_fen: int = 10_000
) -> dict[str, Any]:
    """A payment in batch b-1."""
    data = {
        "batch_no": "b-1",
        "line_no": line_no,
        "enrollment_no": number,
        "fiscal_year": 2026,
        "fund_source": "provincial-federation",
        "amount_fen": amount_fen,
        "paid_on": "2026-10-10",
    }
    return event("payment.settled", data, lane=lane, subject=worker)


def returned(worker: str, number: str, line_no: int, *, lane: str = "32") -> dict[str, Any]:
    """A payment of batch b-1 that came back."""
    data = {
        "batch_no": "b-1",
        "line_no": line_no,
        "enrollment_no": number,
        "amount_fen": 10_000,
        "returned_on": "2026-10-17",
        "reason": "account",
    }
    return event("payment.returned", data, lane=lane, subject=worker)


def written_off(worker: str, number: str, document_no: str, *, lane: str = "32") -> dict[str, Any]:
    """What is owed for an enrollment will not come back."""
    data = {
        "document_no": document_no,
        "enrollment_no": number,
        "fiscal_year": 2026,
        "fund_source": "provincial-federation",
        "amount_fen": 10_000,
        "written_off_on": "2026-10-20",
        "reason": "not_found",
    }
    return event("debt.written_off", data, lane=lane, subject=worker)


def opening(measure: str, *, lane: str = "32", as_of: str = "2024-06-30") -> dict[str, Any]:
    """An opening balance."""
    data = {"measure": measure, "comparator": "more_than", "value": 2_400_000, "as_of": as_of}
    return event("balance.opened", data, lane=lane)


def joined(code: str, *, lane: str = "32") -> dict[str, Any]:
    """An institution that takes part."""
    data = {
        "institution": {"code": code, "name": "江南大学", "kind": "university"},
        "joined_on": "2026-01-01",
    }
    return event("institution.joined", data, lane=lane)


def allied(alliance_no: str, *, lane: str = "50") -> dict[str, Any]:
    """An alliance over two provinces."""
    data = {
        "alliance_no": alliance_no,
        "alliance_name": "产教联盟",
        "lead": "重庆市总工会",
        "sectors": ["智能装备"],
        "provinces": ["50", "51"],
        "formed_on": "2026-01-01",
    }
    return event("alliance.formed", data, lane=lane)


def alliance_reported(alliance_no: str, report_no: str, *, lane: str = "50") -> dict[str, Any]:
    """A report of that alliance."""
    data = {
        "alliance_no": alliance_no,
        "lead": "重庆市总工会",
        "report_no": report_no,
        "since": "2026-01-01",
        "until": "2026-12-31",
        "outcomes": [{"measure": "patents", "comparator": "stated", "value": 505}],
    }
    return event("alliance.reported", data, lane=lane)


def control_totals(month: str, *, lane: str = "32", events: int = 4_812) -> dict[str, Any]:
    """How many enrollments a province says it has sent in a month of 28 days."""
    data = {
        "since": f"{month}-01",
        "until": f"{month}-28",
        "event_types": ["dreams.worker.enrolled.v1"],
        "events": events,
    }
    return event("control_totals.declared", data, lane=lane)


def activated(version: int, *, lane: str = "00", **changes: Any) -> dict[str, Any]:
    """A version of a scheme, put in force by the nation."""
    data = {
        "scheme": "study-for-dreams",
        "scheme_version": version,
        "valid_from": "2028-01-01",
        "issuers": ["Ministry of Education"],
        "eligible_categories": ["migrant"],
        "tracks": ["academic"],
        "amount_base_fen": 100_000,
        "fund_source": "provincial-federation",
    }
    return event("scheme.activated", data | changes, lane=lane)


def target(document_no: str, *, lane: str = "00", **changes: Any) -> dict[str, Any]:
    """A target, set by the nation."""
    data = {
        "target": "jiangsu_2027",
        "document_no": document_no,
        "name_zh": "江苏",
        "name_en": "Jiangsu",
        "measure": "funded",
        "comparator": "exactly",
        "value": 80_000,
        "since": "2027-01-01",
        "until": "2027-12-31",
        "basis": "planned",
        "source": "plan",
    }
    return event("target.set", data | changes, lane=lane)


def voided(event_of: dict[str, Any], *, lane: str = "32", **attributes: Any) -> dict[str, Any]:
    """A void of an event of the same province."""
    data = {"event_id": event_of["id"], "reason": "录入有误"}
    return event("event.voided", data, lane=lane, **{"subject": event_of.get("subject"), **attributes})


def correcting(wrong: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    """The right event in place of the wrong one."""
    return right | {"supersedes": wrong["id"]}

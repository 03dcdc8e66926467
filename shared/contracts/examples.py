"""One valid example of every kind of message, about the same invented worker; documents show them, tests read them."""

from copy import deepcopy
from typing import Any, Final

from shared.contracts import catalogue, enrollment, provinces, reporting, subsidy
from shared.contracts.catalogue import Message

WORKER_REF: Final = "k1." + "MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43UOV3HO6DZPIQWCYTDMRSW"
_AT: Final = "2027-03-02T09:30:00+08:00"
_RECORDED: Final = "2027-03-02T01:30:04.120000+00:00"
_CITY: Final = "3202"
_NO: Final = "32-2027-000418"
_POT: Final = "provincial-federation"

_EMPLOYER: Final = {"name": "无锡示例机械有限公司", "code": "91320200MA00000000", "sector": "C"}
_INSTITUTION: Final = {"code": "10285", "name": "示例大学", "kind": "university"}
_FUNDER: Final = {"name": "江苏省总工会", "level": "provincial"}
_PAYMENT: Final = {"batch_no": "苏工付〔2027〕4号", "line_no": 17, "enrollment_no": _NO}
_CATEGORIES: Final = ["industrial", "front_line"]

_SENT: Final[dict[str, dict[str, Any]]] = {
    provinces.WORKER_REGISTERED: {
        "categories": _CATEGORIES,
        "education_level": "senior_high",
        "origin_province": "34",
        "work_province": "32",
        "work_city": _CITY,
        "employer": _EMPLOYER,
    },
    provinces.WORKER_CHANGED: {
        "since": "2027-09-01",
        "categories": ["industrial"],
        "employer": {**_EMPLOYER, "name": "苏州示例电子有限公司"},
    },
    provinces.WORKER_ENROLLED: {
        "enrollment_no": _NO,
        "funding_province": "32",
        "work_province": "32",
        "work_city": _CITY,
        "employer": _EMPLOYER,
        "institution": _INSTITUTION,
        "programme": "机电一体化技术",
        "level_before": "senior_high",
        "level_after": "associate",
        "track": "combined",
        "mode": "blended",
        "cohort": "2027 春机电一班",
        "project_no": "苏工圆梦〔2027〕3号",
        "start": "2027-03-01",
        "planned_end": "2029-06-30",
        "tuition_fen": 600_000,
    },
    provinces.ENROLLMENT_CONFIRMED: {"enrollment_no": _NO, "confirmed_on": "2027-03-15"},
    provinces.ENROLLMENT_SUSPENDED: {
        "enrollment_no": _NO,
        "suspended_on": "2027-04-01",
        "reason": "health",
        "expected_return": "2027-06-01",
    },
    provinces.ENROLLMENT_RESUMED: {"enrollment_no": _NO, "resumed_on": "2027-06-01"},
    provinces.ENROLLMENT_WITHDRAWN: {
        "enrollment_no": _NO,
        "withdrawn_on": "2027-09-01",
        "reason": "work",
    },
    provinces.DEGREE_COMPLETED: {
        "enrollment_no": _NO,
        "level": "associate",
        "completed_on": "2029-06-30",
    },
    provinces.SCHOLARSHIP_AWARDED: {
        "scholarship_no": "锡工奖〔2027〕18",
        "enrollment_no": _NO,
        "funder": {"name": "无锡市总工会", "level": "city"},
        "fund_source": "WX-GH-2027",
        "amount_fen": 80_000,
        "awarded_on": "2027-05-01",
    },
    provinces.PLAN_DECLARED: {
        "plan_no": "苏工发〔2027〕1号",
        "fiscal_year": 2027,
        "fund_source": _POT,
        "funder": _FUNDER,
        "amount_fen": 6_000_000_000,
        "heads": 60_000,
    },
    provinces.BUDGET_ALLOCATED: {
        "document_no": "苏财拨〔2027〕12号",
        "fiscal_year": 2027,
        "fund_source": _POT,
        "funder": _FUNDER,
        "amount_fen": 2_000_000_000,
    },
    provinces.PROJECT_ESTABLISHED: {
        "project_no": "苏工圆梦〔2027〕3号",
        "name": "机电技能提升班",
        "lead": "无锡市总工会",
        "established_on": "2027-01-20",
        "sector": "C",
    },
    provinces.TRAINING_COMPLETED: {
        "training_no": "2027-PX-0132",
        "institution": _INSTITUTION,
        "programme": "工业机器人操作",
        "mode": "full_time_short_course",
        "hours": 480,
        "start": "2027-03-01",
        "completed_on": "2027-05-31",
    },
    provinces.CERTIFICATE_EARNED: {
        "certificate_no": "S000032000001274000123",
        "issuer": "江苏省示例技能评价中心",
        "occupation": "电工",
        "level": "senior_worker",
        "level_before": "intermediate_worker",
        "enrollment_no": _NO,
        "earned_on": "2028-06-20",
    },
    provinces.TITLE_AWARDED: {
        "title_no": "苏职〔2029〕0457",
        "issuer": "江苏省示例评审委员会",
        "name": "机械工程师",
        "grade": "intermediate",
        "awarded_on": "2029-11-30",
    },
    provinces.PROMOTION_RECORDED: {
        "from_role": "快递员",
        "to_role": "站点经理",
        "reserve_team": False,
        "employer": _EMPLOYER,
        "promoted_on": "2029-12-01",
    },
    provinces.TUTORS_PAIRED: {
        "teacher_ref": WORKER_REF[:-1] + "A",
        "institution_code": _INSTITUTION["code"],
        "course": "数控加工实训",
        "since": "2027-09-01",
    },
    provinces.BUDGET_ADJUSTED: {
        "document_no": "苏财调〔2027〕3号",
        "fiscal_year": 2027,
        "fund_source": _POT,
        "funder": _FUNDER,
        "direction": "decrease",
        "amount_fen": 50_000_000,
    },
    provinces.BUDGET_CARRIED_OVER: {
        "document_no": "苏财转〔2028〕1号",
        "from_fiscal_year": 2027,
        "to_fiscal_year": 2028,
        "fund_source": _POT,
        "funder": _FUNDER,
        "amount_fen": 30_000_000,
    },
    provinces.PAYMENT_SETTLED: {
        **_PAYMENT,
        "fiscal_year": 2027,
        "fund_source": _POT,
        "amount_fen": 50_000,
        "paid_on": "2027-04-20",
    },
    provinces.PAYMENT_RETURNED: {
        **_PAYMENT,
        "amount_fen": 50_000,
        "returned_on": "2027-04-27",
        "reason": "account",
    },
    provinces.DEBT_WRITTEN_OFF: {
        "document_no": "苏工核〔2029〕2号",
        "enrollment_no": _NO,
        "fiscal_year": 2027,
        "fund_source": _POT,
        "amount_fen": 50_000,
        "written_off_on": "2029-03-15",
        "reason": "not_found",
    },
    provinces.BALANCE_OPENED: {
        "measure": "workers_helped",
        "comparator": "more_than",
        "value": 150_000,
        "as_of": "2024-06-30",
        "basis": "actual",
        "authority": "江苏省总工会",
    },
    provinces.INSTITUTION_JOINED: {
        "institution": _INSTITUTION,
        "city": _CITY,
        "joined_on": "2027-01-10",
    },
    provinces.ALLIANCE_FORMED: {
        "alliance_no": "渝工联〔2027〕1号",
        "alliance_name": "川渝智能网联新能源汽车产教联盟",
        "lead": "重庆市总工会",
        "sectors": ["智能网联新能源汽车", "智能装备及智能制造"],
        "provinces": ["50", "51"],
        "members": [{"kind": "university", "count": 100}, {"kind": "enterprise", "count": 1_000}],
        "outcomes": [
            {
                "measure": "education_upgrades",
                "comparator": "stated",
                "value": 10_000,
                "since": "2027-01-01",
                "until": "2029-12-31",
            },
            {
                "measure": "skill_upgrades",
                "comparator": "stated",
                "value": 1_000_000,
                "since": "2027-01-01",
                "until": "2029-12-31",
                "apart_from": "education_upgrades",
            },
        ],
        "formed_on": "2027-01-15",
    },
    provinces.ALLIANCE_REPORTED: {
        "alliance_no": "渝工联〔2027〕1号",
        "lead": "重庆市总工会",
        "report_no": "渝工联报〔2028〕1号",
        "since": "2027-01-15",
        "until": "2028-01-14",
        "outcomes": [{"measure": "education_upgrades", "comparator": "more_than", "value": 800}],
    },
    provinces.CONTROL_TOTALS_DECLARED: {
        "since": "2027-03-01",
        "until": "2027-03-31",
        "event_types": [provinces.WORKER_ENROLLED, provinces.ENROLLMENT_CONFIRMED],
        "events": 4_812,
    },
    provinces.EVENT_VOIDED: {"event_id": "wx-2027-000399", "reason": "院校确认有误，该工人未报到"},
    provinces.SCHEME_ACTIVATED: {
        "scheme": "study-for-dreams",
        "scheme_version": 3,
        "valid_from": "2028-01-01",
        "issuers": ["Ministry of Education", "All-China Federation of Trade Unions"],
        "eligible_categories": ["industrial", "migrant", "front_line", "new_employment"],
        "tracks": ["academic", "skills", "combined"],
        "amount_base_fen": 120_000,
        "fund_source": "national-fund",
        "parts": [
            {
                "fund_source": "national-fund",
                "share_percent": 50,
                "share_of": "base",
                "when_exhausted": "next",
            },
            {"fund_source": "provincial-federation", "share_percent": 50, "share_of": "base"},
            {"fund_source": "city-federation", "amount_fen": 80_000, "due": "completion"},
        ],
        "lifetime_awards_per_level": 1,
    },
    provinces.TARGET_SET: {
        "target": "jiangsu_2027",
        "document_no": "苏工发〔2027〕8号",
        "name_zh": "江苏：2027 年资助农民工和一线职工",
        "name_en": "Jiangsu: migrant and front-line workers funded in 2027",
        "measure": "funded",
        "filter": {"lane": "32", "category": "migrant_or_front_line"},
        "comparator": "exactly",
        "value": 80_000,
        "since": "2027-01-01",
        "until": "2027-12-31",
        "basis": "planned",
        "within": "funded",
        "source": "江苏省总工会 2027 年工作计划",
    },
}

_OF_THE_ENROLLMENT: Final = {
    "categories": _CATEGORIES,
    "funding_province": "32",
    "work_province": "32",
    "work_city": _CITY,
    "employer": _EMPLOYER,
    "track": "combined",
    "mode": "blended",
    "level_before": "senior_high",
    "level_after": "associate",
    "institution_code": "10285",
    "cohort": "2027 春机电一班",
    "project_no": "苏工圆梦〔2027〕3号",
    "start": "2027-03-01",
    "planned_end": "2029-06-30",
    "tuition_fen": 600_000,
    "history": False,
}
_OF_THE_WORKER: Final = {
    "categories": _CATEGORIES,
    "origin_province": "34",
    "education_level": "associate",
    "work_province": "32",
    "work_city": _CITY,
    "employer": _EMPLOYER,
}
_OF_A_LATER_EVENT: Final = {"reported_by": "32", "enrollment": _OF_THE_ENROLLMENT}
_ADDED_BY_ENROLLMENT: Final[dict[str, dict[str, Any]]] = {
    provinces.EVENT_VOIDED: {
        "reported_by": "32",
        "voided_type": provinces.ENROLLMENT_CONFIRMED,
        "voided_fact_id": "4f0c2a7d91be4c63a5d8e7f6a50432b1",
        "voided_time": "2027-03-01T09:30:00+08:00",
        "voided": {**_SENT[provinces.ENROLLMENT_CONFIRMED], **_OF_A_LATER_EVENT},
    },
    provinces.WORKER_REGISTERED: {"history": False, "reported_by": "32", "first": True},
    provinces.WORKER_ENROLLED: {
        "history": False,
        "reported_by": "32",
        "worker": {"categories": _CATEGORIES, "origin_province": "34"},
    },
    provinces.ENROLLMENT_CONFIRMED: _OF_A_LATER_EVENT,
    provinces.ENROLLMENT_WITHDRAWN: _OF_A_LATER_EVENT,
    provinces.DEGREE_COMPLETED: _OF_A_LATER_EVENT,
    provinces.SCHOLARSHIP_AWARDED: _OF_A_LATER_EVENT,
    provinces.WORKER_CHANGED: {"reported_by": "32", "worker": _OF_THE_WORKER},
    provinces.ENROLLMENT_SUSPENDED: _OF_A_LATER_EVENT,
    provinces.ENROLLMENT_RESUMED: _OF_A_LATER_EVENT,
    provinces.TRAINING_COMPLETED: {"reported_by": "32", "worker": _OF_THE_WORKER},
    provinces.CERTIFICATE_EARNED: _OF_A_LATER_EVENT,
    provinces.TITLE_AWARDED: {"reported_by": "32", "worker": _OF_THE_WORKER},
    provinces.PROMOTION_RECORDED: {"reported_by": "32", "worker": _OF_THE_WORKER},
    provinces.TUTORS_PAIRED: {"reported_by": "32"},
    provinces.PAYMENT_SETTLED: _OF_A_LATER_EVENT,
    provinces.PAYMENT_RETURNED: _OF_A_LATER_EVENT,
    provinces.DEBT_WRITTEN_OFF: _OF_A_LATER_EVENT,
}
_CELL: Final = {
    "cube": "study",
    "period": "2027-03",
    "facet_1": "any",
    "facet_2": "academic",
    "measure": "enrolled",
}
_AWARD: Final = {
    "award_id": "4f1c0f6b2d9f4f0f8f0a6f7c7a1b2c3d",
    "enrollment_no": _NO,
    "fiscal_year": 2027,
    "fund_source": _POT,
    "amount_fen": 100_000,
    "scheme": "study-for-dreams",
    "scheme_version": 2,
    "categories": _CATEGORIES,
    "track": "combined",
}
_PART: Final = {**_AWARD, "part": 2, "due": "completion"}
_EXCEEDING: Final = {
    "scholarship_no": "锡工奖〔2027〕18",
    "enrollment_no": _NO,
    "fiscal_year": 2027,
    "fund_source": "WX-GH-2027",
    "awarded_fen": 80_000,
    "exceeding_fen": 30_000,
}
_SCHOLARSHIP: Final = {
    "scholarship_no": "锡工奖〔2027〕18",
    "enrollment_no": _NO,
    "fiscal_year": 2027,
    "fund_source": "WX-GH-2027",
    "funder_level": "city",
    "amount_fen": 50_000,
    "categories": _CATEGORIES,
    "track": "combined",
}
_FULL: Final = {
    "fiscal_year": 2027,
    "fund_source": _POT,
    "allocated_fen": 2_000_000_000,
    "free_fen": 400_000_000,
}
_CHANGE: Final = {
    "document_no": "苏财调〔2027〕3号",
    "fiscal_year": 2027,
    "fund_source": _POT,
    "funder_level": "provincial",
}
_DECIDED: Final[dict[str, dict[str, Any]]] = {
    enrollment.ENROLLMENT_OVERLAPPED: {
        "enrollment_no": _NO,
        "other_enrollment_no": "34-2027-000077",
        "other_funding_province": "34",
        "level_after": "associate",
    },
    enrollment.REGISTRATION_BECAME_FIRST: {
        "event_id": "hf-2027-000077",
        "reported_by": "34",
        "registered_on": "2027-03-05",
        "categories": _CATEGORIES,
    },
    enrollment.DAY_BEGAN: {"day": "2027-03-02", "log_head": "0" * 64},
    enrollment.VERDICTS_TALLIED: {
        "day": "2027-03-01",
        "accepted": 4211,
        "duplicate": 37,
        "conflict": 2,
        "rejected": 18,
        "parked": 5,
    },
    enrollment.COMPLETENESS_MEASURED: {
        "since": "2027-03-01",
        "until": "2027-03-31",
        "event_types": [provinces.ENROLLMENT_CONFIRMED, provinces.WORKER_ENROLLED],
        "declared": 4_812,
        "received": 4_807,
        "difference": -5,
        "silent_days": 2,
        "silent_on": ["2027-03-13", "2027-03-14"],
    },
    enrollment.RECEIPT_ISSUED: {
        "status": "rejected",
        "event_id": "wx-2027-000418",
        "event_source": "//provinces/32/wuxi",
        "event_type": provinces.WORKER_ENROLLED,
        "offset": 90417,
        "code": "missing_field",
        "field": "data.programme",
        "message_zh": "缺少字段“data.programme”。请补充后重新发送。",
        "message_en": "Field “data.programme” is missing. Add it and send the event again.",
        "first_event_id": None,
    },
    subsidy.SUBSIDY_RESERVED: {**_AWARD, "was_waitlisted": False, "expires_on": "2028-03-01"},
    subsidy.SUBSIDY_GRANTED: _AWARD,
    subsidy.SUBSIDY_WAITLISTED: {**_AWARD, "position": 12},
    subsidy.SUBSIDY_ADMITTED: {**_AWARD, "position": 3},
    subsidy.SUBSIDY_RELEASED: {**_AWARD, "was": "granted", "why": "withdrawn"},
    subsidy.SUBSIDY_VOIDED: {**_AWARD, "was": "reserved"},
    subsidy.SUBSIDY_GRANT_REVERSED: _AWARD,
    subsidy.SCHOLARSHIP_REVERSED: _SCHOLARSHIP,
    subsidy.SUBSIDY_DISBURSED: {
        **_AWARD,
        "paid_fen": 50_000,
        "disbursed_fen": 50_000,
        "how": "paid",
        "batch_no": _PAYMENT["batch_no"],
        "line_no": 17,
    },
    subsidy.SUBSIDY_RETURNED: {
        **_AWARD,
        "returned_fen": 50_000,
        "disbursed_fen": 0,
        "batch_no": _PAYMENT["batch_no"],
        "line_no": 17,
    },
    subsidy.SUBSIDY_CLAWED_BACK: {
        **_AWARD,
        "clawed_back_fen": 50_000,
        "open_fen": 50_000,
        "why": "withdrawn",
        "message_zh": "该补助已支付，但不再有效，须追回。款项收回后请报送 payment.returned。",
        "message_en": "The award was paid and stands no more: get the money back, then send payment.returned.",
    },
    subsidy.CLAWBACK_REPAID: {
        "enrollment_no": _NO,
        "fiscal_year": 2027,
        "fund_source": _POT,
        "amount_fen": 50_000,
        "open_fen": 0,
        "how": "netted",
        "netted_against": "32-2028-000031",
    },
    subsidy.CLAWBACK_WRITTEN_OFF: {
        "enrollment_no": _NO,
        "fiscal_year": 2027,
        "fund_source": _POT,
        "document_no": "苏工核〔2029〕2号",
        "asked_fen": 50_000,
        "amount_fen": 50_000,
        "open_fen": 0,
        "refused_fen": 0,
    },
    subsidy.PAYMENT_UNMATCHED: {
        **_PAYMENT,
        "fiscal_year": 2027,
        "fund_source": _POT,
        "moved_fen": 150_000,
        "amount_fen": 50_000,
        "code": "exceeds_grant",
        "message_zh": "支付金额超过尚未支付的补助，超出部分未入账。请收回超出部分并报送 payment.returned。",
        "message_en": "The payment is more than is granted and unpaid. Get the rest back and send payment.returned.",
    },
    subsidy.SUBSIDY_FORGONE: {
        **_PART,
        "amount_fen": 0,
        "lacking_fen": 30_000,
        "message_zh": "该资金来源的预算已用完，这一部分不予补助。无需处理。",
        "message_en": "The budget of this fund source is used up, so this part is forgone. Nothing is to be done.",
    },
    subsidy.SUBSIDY_COMMITTED: {**_PART, "fiscal_year": 2028},
    subsidy.SUBSIDY_COMMITMENT_ENDED: {**_PART, "fiscal_year": 2028, "why": "withdrawn"},
    subsidy.SUBSIDY_REFUSED: {
        "enrollment_no": _NO,
        "code": "no_scheme",
        "message_zh": "没有适用的补助方案。请核对资助省份和学习类型。",
        "message_en": "No scheme covers this enrollment. Check the funding province and the kind of study.",
    },
    subsidy.SCHEME_ADOPTED: {
        "scheme": "study-for-dreams",
        "scheme_version": 3,
        "valid_from": "2028-01-01",
        "ended": [{"scheme_version": 2, "valid_until": "2027-12-31"}],
    },
    subsidy.SCHEME_REFUSED: {
        "scheme": "federation-extra",
        "scheme_version": 1,
        "code": "scheme_overlaps",
        "other_scheme": "study-for-dreams",
        "other_scheme_version": 3,
        "message_zh": "该办法与 study-for-dreams 第 3 版适用于相同的注册，未生效。请修改适用范围后以新版本启用。",
        "message_en": "It covers the same enrollments as study-for-dreams version 3. Change whom it covers.",
    },
    subsidy.BUDGET_OPENED: {
        "fiscal_year": 2027,
        "fund_source": _POT,
        "funder_level": "provincial",
        "amount_fen": 2_000_000_000,
        "allocated_fen": 2_000_000_000,
    },
    subsidy.BUDGET_INCREASED: {
        **_CHANGE,
        "asked_fen": 30_000_000,
        "amount_fen": 30_000_000,
        "allocated_fen": 2_030_000_000,
    },
    subsidy.BUDGET_REDUCED: {
        **_CHANGE,
        "asked_fen": 50_000_000,
        "amount_fen": 20_000_000,
        "refused_fen": 30_000_000,
        "allocated_fen": 1_980_000_000,
        "message_zh": "预算中已有资金被占用，只核减了可用部分。如需继续核减，请先释放资金，再用新文号报送调整。",
        "message_en": "Part of the budget is committed: only what is free was cut. To cut more, free money first.",
    },
    subsidy.CARRYOVER_BOOKED: {
        "document_no": "苏财转〔2028〕1号",
        "from_fiscal_year": 2027,
        "to_fiscal_year": 2028,
        "fund_source": _POT,
        "funder_level": "provincial",
        "asked_fen": 30_000_000,
        "amount_fen": 30_000_000,
        "refused_fen": 0,
        "from_allocated_fen": 1_950_000_000,
        "to_allocated_fen": 30_000_000,
    },
    subsidy.BUDGET_CHANGE_REFUSED: {
        "document_no": "苏财调〔2027〕3号",
        "change": "decrease",
        "fiscal_year": 2027,
        "fund_source": _POT,
        "asked_fen": 50_000_000,
        "code": "not_open",
        "message_zh": "该年度和资金来源的预算尚未开立，未作任何变动。请先报送拨款，再用新文号报送调整。",
        "message_en": "No budget is open for this year and fund source. Send its allocation first.",
    },
    subsidy.BUDGET_RECOVERED: _FULL,
    subsidy.BUDGET_THRESHOLD_REACHED: {
        **_FULL,
        "percent": 80,
        "used_fen": 1_600_000_000,
        "runs_out_on": "2027-10-05",
    },
    subsidy.BUDGET_THRESHOLD_CLEARED: {
        **_FULL,
        "percent": 80,
        "used_fen": 1_400_000_000,
        "free_fen": 600_000_000,
    },
    subsidy.BUDGET_EXHAUSTED: {
        "fiscal_year": 2027,
        "fund_source": _POT,
        "allocated_fen": 2_000_000_000,
        "free_fen": 40_000,
        "runs_out_on": "2027-11-20",
    },
    reporting.STATISTICS_CHANGED: {
        "facts": [{"stream": "enrollment.events", "first_seq": 90_410, "last_seq": 90_418}],
        "totals": {"enrolled": 1},
        "nation": {"learners": 1},
        "cells": [{"known_on": "2027-03-02", "changes": {"study/32/2027-03/any/academic/enrolled": 1}}],
    },
    reporting.STATISTICS_REBUILT: {"differences": 3},
    subsidy.LEDGER_TOTALLED: {
        "day": "2027-03-01",
        "budgets": [
            {
                "fiscal_year": 2027,
                "fund_source": _POT,
                "allocated_fen": 2_000_000_000,
                "reserved_fen": 300_000_000,
                "granted_fen": 200_000_000,
                "disbursed_fen": 900_000_000,
                "receivable_fen": 1_000_000,
                "scholarship_fen": 5_000_000,
                "written_off_fen": 0,
            }
        ],
    },
    subsidy.SCHOLARSHIP_BOOKED: {**_SCHOLARSHIP, "awarded_fen": 80_000},
    subsidy.SCHOLARSHIP_EXCEEDS_BUDGET: {
        **_EXCEEDING,
        "message_zh": "该资金来源余额不足，超出部分未入账。请追加拨款后另行授予。",
        "message_en": "The fund source cannot carry this part. Allocate more money, then award it anew.",
    },
    subsidy.SCHOLARSHIP_EXCEEDS_TUITION: {
        **_EXCEEDING,
        "message_zh": "补助与奖学金合计超过学费，超出部分未入账。请核减金额。",
        "message_en": "Subsidy and scholarships exceed the tuition by this part. Reduce the amount.",
    },
}
_WITHOUT_A_WORKER: Final = (provinces.DATA_MODELS.keys() - provinces.MAY_BE_ABOUT_A_WORKER) | {
    enrollment.DAY_BEGAN,
    enrollment.VERDICTS_TALLIED,
    enrollment.COMPLETENESS_MEASURED,
    enrollment.RECEIPT_ISSUED,
    subsidy.SCHEME_ADOPTED,
    subsidy.SCHEME_REFUSED,
    subsidy.BUDGET_OPENED,
    subsidy.BUDGET_INCREASED,
    subsidy.BUDGET_REDUCED,
    subsidy.BUDGET_CHANGE_REFUSED,
    subsidy.CARRYOVER_BOOKED,
    subsidy.LEDGER_TOTALLED,
    *reporting.FACT_MODELS,
    *subsidy.ALERTS,
}


def example(message: Message) -> dict[str, Any]:
    """A whole record of this kind, as plain JSON, the caller's own; KeyError where none has been written yet."""
    if message.name == catalogue.CONTACT:
        return {"name": "示例工人", "email": "worker@example.invalid", "language": "zh"}
    if message.name == catalogue.STATISTIC:
        return {"lane": "32", "total": 41_208, "changes_seq": 1_207, **_CELL}
    subject = None if message.name in _WITHOUT_A_WORKER else WORKER_REF
    if message.publisher == "provinces":
        return deepcopy(_sent(message.name, subject))
    return deepcopy(_published(message, subject))


def _sent(name: str, subject: str | None) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "wx-2027-000418",
        "source": "//provinces/00/operator" if name in provinces.OF_THE_NATION else "//provinces/32/wuxi",
        "type": name,
        **({"subject": subject} if subject else {}),
        "time": _AT,
        "datacontenttype": "application/json",
        "data": _SENT[name],
    }


def _published(message: Message, subject: str | None) -> dict[str, Any]:
    name = message.name
    added = _ADDED_BY_ENROLLMENT.get(name, {}) if message.publisher == "enrollment" else {}
    return {
        "specversion": "1.0",
        "id": "9b7f1c2e5d3a4860b1c9d8e7f6a50432",
        "source": f"//{message.publisher}/6b1d0f9ac2e4",
        "type": name,
        "subject": subject,
        "time": _AT,
        "recordedtime": _RECORDED,
        "datacontenttype": "application/json",
        "lane": "32",
        "seq": 90_418,
        "causationid": "wx-2027-000418",
        "correlationid": "wx-2027-000418",
        "data": _DECIDED[name] if name in _DECIDED else {**_SENT[name], **added},
    }

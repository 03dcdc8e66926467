"""What simulated workers reach besides their course: trainings, certificates, posts and titles."""

from typing import Any, Final

from shared.contracts.lanes import lane as lane_of

Event = dict[str, Any]
_TRADES: Final = (
    ("电工", "intermediate_worker", "senior_worker"),
    ("焊工", "junior_worker", "intermediate_worker"),
    ("数控车工", "senior_worker", "technician"),
    ("养老护理员", "apprentice", "junior_worker"),
    ("物流服务师", "junior_worker", "intermediate_worker"),
)
_POSTS: Final = (
    ("快递员", "站点经理"),
    ("站点经理", "区域经理"),
    ("操作工", "班组长"),
    ("班组长", "车间主任"),
    ("技术员", "工程师"),
)
_TITLES: Final = (
    ("机械工程师", "intermediate"),
    ("助理工程师", "assistant"),
    ("高级工程师", "associate_senior"),
)


def new_employer(day: str, employer: Event) -> Event:
    """The worker has gone to another employer."""
    return {"since": day, "employer": employer}


def training(number: str, school: Event, day: str, where: Event) -> Event:
    """A training without an enrollment."""
    return {
        "training_no": number,
        "institution": school,
        "programme": "岗位技能培训",
        "mode": "full_time_short_course",
        "hours": 120,
        "completed_on": day,
        **({"employer": where["employer"]} if "employer" in where else {}),
    }


def promotion(bits: int, day: str, where: Event) -> Event:
    """A higher post, or a place in the reserve team for it."""
    from_role, to_role = _POSTS[bits % len(_POSTS)]
    return {
        "to_role": to_role,
        "from_role": from_role,
        "reserve_team": bits % 7 == 0,
        "promoted_on": day,
        **({"employer": where["employer"]} if "employer" in where else {}),
    }


def title(number: str, lane: str, bits: int, day: str) -> Event:
    """A professional title."""
    name, grade = _TITLES[bits % len(_TITLES)]
    issuer = f"{lane_of(lane).name_zh}评审委员会（模拟）"
    return {"title_no": number, "issuer": issuer, "name": name, "grade": grade, "awarded_on": day}


def certificate(number: str, lane: str, enrollment_no: str, bits: int, day: str) -> Event:
    """A certificate of skill out of an enrollment."""
    occupation, before, level = _TRADES[bits % len(_TRADES)]
    return {
        "certificate_no": number,
        "issuer": f"{lane_of(lane).name_zh}技能评价中心（模拟）",
        "occupation": occupation,
        "level_before": before,
        "level": level,
        "enrollment_no": enrollment_no,
        "earned_on": day,
    }

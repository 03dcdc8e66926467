"""Corrections: what a province takes back or replaces, what stands in the way, and what is said of it."""

import copy
import dataclasses
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import orjson

from services.enrollment.domain.completeness import total_of
from services.enrollment.domain.enrollment_rules import STEPS, stand, step_of
from services.enrollment.domain.lifecycle import Moved, follow, in_order
from services.enrollment.domain.naming import HAVE_A_REGISTER, brought, named
from services.enrollment.domain.natural_keys import natural_key
from services.enrollment.domain.outcomes import ADDED_BY_THE_REGISTER, Accepted, Outcome, Said, Waits
from services.enrollment.domain.person import statements_of
from services.enrollment.domain.register import Enrollment, Id, Missing, Published, Register, TakenBack
from shared.contracts import enrollment as facts_of
from shared.contracts import provinces
from shared.contracts.envelope import shanghai_day
from shared.contracts.submission import Refusal, Submission, read

LISTED_MAX: Final = 20
"""So many of the events that stand in the way are listed."""
CORRECTED: Final = "更正 / corrected"
"""The reason in a fact that is the first half of a correction."""
Rule = Callable[[Register, Submission], Outcome]

BRINGS_WHAT_OTHERS_NAME: Final = frozenset(
    {provinces.PROJECT_ESTABLISHED, provinces.INSTITUTION_JOINED, provinces.ALLIANCE_FORMED}
)
"""To void one of these, no other lane may name it at the same time."""
NOT_VOIDABLE: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (provinces.BUDGET_ALLOCATED, provinces.BUDGET_ADJUSTED, provinces.BUDGET_CARRIED_OVER),
        "预算已入账，请用 budget.adjusted 调整 / a budget that is open is changed by budget.adjusted",
    ),
    **dict.fromkeys(
        (provinces.PAYMENT_SETTLED, provinces.PAYMENT_RETURNED),
        "款项已支付，请用 payment.returned 或新的支付冲正 / money that was paid comes back by payment.returned, "
        "or is paid anew",
    ),
    provinces.SCHEME_ACTIVATED: "办法已生效，请启用新的版本 / a scheme that is in force is ended by a later version",
    provinces.TARGET_SET: "目标已设定，请用新文号重新设定 / a target that is set is set anew by a later document",
    provinces.DEBT_WRITTEN_OFF: "核销已入账；之后收回的款项请报送 payment.returned / a write-off stands; what "
    "comes back after it is told by payment.returned",
    provinces.EVENT_VOIDED: "作废本身不能作废，请用新的编号重新发送原事件 / "
    "a void is not voided: send the event again, under a new id",
}
"""What is not taken back, and the event that does it instead: accounts are never rubbed out."""


def corrected(submission: Submission) -> Id | None:
    """The event that this one voids or corrects, where it does either."""
    if submission.event is None or submission.source is None:
        return None
    if submission.type == provinces.EVENT_VOIDED:
        data = submission.event.data
        return submission.lane, data.event_source or submission.source, data.event_id
    if submission.event.supersedes is not None:
        return submission.lane, submission.source, submission.event.supersedes
    return None


def as_sent(target: Published, id_: Id) -> Submission:
    """The event that led to a fact, as its province sent it."""
    data = {name: value for name, value in target.data.items() if name not in ADDED_BY_THE_REGISTER}
    event = {"specversion": "1.0", "id": id_[2], "source": id_[1], "type": target.type, "time": target.time}
    if target.subject is not None:
        event["subject"] = target.subject
    submission = read(orjson.dumps({**event, "data": data}), (), id_[0], 0)
    assert submission.event is not None, "an event that was accepted is valid"
    return submission


# ---------------------------------------------------------------- the two rules


def void(register: Register, submission: Submission) -> Outcome:
    """An event of the province's own counts no more; refused where others build on it."""
    if submission.supersedes is not None:
        return Refusal("not_voidable", "supersedes", NOT_VOIDABLE[provinces.EVENT_VOIDED])
    id_ = corrected(submission)
    assert id_ is not None
    refused = _refused(register, submission, id_, "data.event_id")
    if refused is not None:
        return refused
    if register.inbox[id_].status == "parked":
        return _end_waiting(register, submission, id_)
    target = register.targets.get(id_)  # looked for under this event's subject: not there, it is another's
    if target is None or submission.subject != target.subject:
        return Refusal("subject_mismatch", "subject")
    was = as_sent(target, id_)
    in_the_way = _built_on(register, was)
    if in_the_way:
        return Refusal("has_dependants", "data.event_id", _listed(in_the_way))
    target = _counted(register, target)
    _take_back(register, was)
    _mark(register, submission, id_)
    return Accepted(target.lane, _added(submission, target), said=_passed_on(register, target))


def supersede(register: Register, submission: Submission, rule: Rule) -> Outcome:
    """An event takes the place of an earlier one of its kind: what builds on that builds on this from now on.

    It is tried on a copy of what it touches: where it is refused, the earlier one goes on counting.
    """
    id_ = corrected(submission)
    assert id_ is not None
    refused = _refused(register, submission, id_, "supersedes")
    if refused is not None:
        return refused
    if register.inbox[id_].status == "parked":
        return Refusal("still_waiting", "supersedes", id_[2])
    target = register.targets.get(id_)
    if target is None:
        return Refusal("corrects_other", "subject")
    was = as_sent(target, id_)
    other = _other(was, submission)
    if other is not None:
        return Refusal("corrects_other", other)
    trial = _copied(register, was, submission)
    _take_back(trial, was)
    outcome = rule(trial, submission)
    if isinstance(outcome, Waits):
        return Refusal("nothing_to_build_on", None, _name_of(outcome.missing))
    if isinstance(outcome, Refusal):
        return outcome
    target = _counted(register, target)
    _take_back(register, was)
    outcome = rule(register, submission)
    assert isinstance(outcome, Accepted)
    _mark(register, submission, id_)
    before: Said = (target.lane, provinces.EVENT_VOIDED, _superseded(submission, target, id_))
    return dataclasses.replace(outcome, added=_still_first(outcome.added, target), before=(before,))


def _refused(register: Register, submission: Submission, id_: Id, field: str) -> Refusal | None:
    """What can be said from the names alone."""
    lane, source, event_id = id_
    if (source, event_id) == (submission.source, submission.id):
        return Refusal("cycle", field)
    province = source.removeprefix("//provinces/")[:2]
    if province != lane:
        return Refusal("foreign_province", "data.event_source", province)
    known = register.inbox.get(id_)
    if known is None or known.status == "rejected":
        return Refusal("unknown_event", field, event_id)
    if known.voided_by is not None:
        return Refusal("already_voided", field, known.voided_by, known.voided_by)
    instead = NOT_VOIDABLE.get(known.type or "")
    return Refusal("not_voidable", field, instead) if instead else None


def _end_waiting(register: Register, submission: Submission, id_: Id) -> Accepted:
    parked = register.parked.get(id_) or register.parked_targets[id_]
    added = {"reported_by": submission.lane, "voided_type": register.inbox[id_].type}
    return Accepted(submission.lane, added, ends=parked)


def _mark(register: Register, submission: Submission, id_: Id) -> None:
    """Its receipt stays as it was; that it counts no more stands beside it."""
    verdict = dataclasses.replace(register.inbox[id_], voided_by=submission.id)
    register.inbox[id_] = register.judged[id_] = verdict


# ---------------------------------------------------------------- what is said of it


def _added(submission: Submission, target: Published) -> dict[str, Any]:
    return {
        "reported_by": submission.lane,
        "voided_type": target.type,
        "voided_fact_id": target.fact_id,
        "voided_time": target.time,
        "voided": target.data,
    }


def _superseded(submission: Submission, target: Published, id_: Id) -> dict[str, Any]:
    says = {"event_id": id_[2], "event_source": id_[1], "reason": CORRECTED}
    return {**says, **_added(submission, target), "superseded_by": submission.id}


def _counted(register: Register, target: Published) -> Published:
    """A registration that has become the worker's first since it was published counts as such."""
    if target.type != provinces.WORKER_REGISTERED or target.data["first"]:
        return target
    became = any(
        one.type == facts_of.REGISTRATION_BECAME_FIRST
        and (one.lane, one.data["event_id"]) == (target.lane, target.event_id)
        for one in register.published.get(target.subject or "", ())
    )
    return dataclasses.replace(target, data={**target.data, "first": became})


def _still_first(added: dict[str, Any], target: Published) -> dict[str, Any]:
    first = target.type == provinces.WORKER_REGISTERED and target.data["first"]
    return {**added, "first": True} if first else added


def _passed_on(register: Register, target: Published) -> tuple[Said, ...]:
    """Where the first registration is voided, the next one in recorded order is the first from now on."""
    if target.type != provinces.WORKER_REGISTERED or not target.data["first"]:
        return ()
    for one in _standing(register, target.subject or ""):
        if one.type == provinces.WORKER_REGISTERED and one.fact_id != target.fact_id:
            return ((one.lane, facts_of.REGISTRATION_BECAME_FIRST, _became_first(one)),)
    return ()


def _became_first(registration: Published) -> dict[str, Any]:
    return {
        "event_id": registration.event_id,
        "reported_by": registration.lane,
        "registered_on": shanghai_day(datetime.fromisoformat(registration.time)).isoformat(),
        "categories": registration.data["categories"],
    }


# ---------------------------------------------------------------- what builds on it


def _standing(register: Register, worker_ref: str) -> list[Published]:
    """What was published about a worker and counts."""
    about = register.published.get(worker_ref, [])
    voided = {one.data.get("voided_fact_id") for one in about if one.type == provinces.EVENT_VOIDED}
    return [one for one in about if one.fact_id not in voided and one.type not in _BUILD_ON_NOTHING]


_BUILD_ON_NOTHING: Final = frozenset(
    {
        provinces.EVENT_VOIDED,
        provinces.TUTORS_PAIRED,
        facts_of.ENROLLMENT_OVERLAPPED,
        facts_of.REGISTRATION_BECAME_FIRST,
    }
)


def _built_on(register: Register, was: Submission) -> list[str]:
    """The events that build on this one and count."""
    if was.type == provinces.WORKER_REGISTERED:
        return _on_registration(register, was)
    if was.type == provinces.WORKER_ENROLLED:
        return [
            one.event_id for one in _of_enrollment(register, was) if one.type != provinces.WORKER_ENROLLED
        ]
    if was.type in STEPS:
        return _on_step(register, was)
    brings = brought(was)
    return [id_ for _, _, id_ in register.named_by.get(brings, ())] if brings else []


def _on_registration(register: Register, was: Submission) -> list[str]:
    worker = register.worker(was.subject or "")
    if len(worker.registered_by) > 1:
        return []
    standing = _standing(register, worker.ref)
    return [one.event_id for one in standing if one.type != provinces.WORKER_REGISTERED]


def _on_step(register: Register, was: Submission) -> list[str]:
    """The steps after it that could not be without it, and money that was paid on a confirmation."""
    order, this = in_order(_enrollment(register, was).steps), step_of(was)
    left = [step for step in order if step != this]
    found: list[str] = []
    if left and not isinstance(follow(left), Moved):
        found = [step.event_id for step in order[order.index(this) + 1 :]]
    return found + (_paid(register, was) if was.type == provinces.ENROLLMENT_CONFIRMED else [])


def _paid(register: Register, was: Submission) -> list[str]:
    """Payments that have not come back."""
    about = _of_enrollment(register, was)
    returned = {_line(one) for one in about if one.type == provinces.PAYMENT_RETURNED}
    settled = [one for one in about if one.type == provinces.PAYMENT_SETTLED]
    return [one.event_id for one in settled if _line(one) not in returned]


def _line(payment: Published) -> tuple[str, int]:
    return payment.data["batch_no"], payment.data["line_no"]


def _of_enrollment(register: Register, was: Submission) -> list[Published]:
    number = was.data["enrollment_no"]
    return [one for one in _standing(register, was.subject or "") if one.data.get("enrollment_no") == number]


def _listed(event_ids: Iterable[str]) -> str:
    ids = list(dict.fromkeys(event_ids))
    return "、".join(ids[:LISTED_MAX]) + (" …" if len(ids) > LISTED_MAX else "")


# ---------------------------------------------------------------- taking it back


def _take_back(register: Register, was: Submission) -> None:
    """Take out of the register all that the event has left there."""
    assert was.id is not None and was.source is not None and was.type is not None
    natural = natural_key(was)
    if natural is not None:
        register.free(natural)
    for one in names_kept(was):
        register.take_name_back(one, (was.lane, was.source, was.id))
    brings = brought(was)
    if brings is not None:
        register.take_referent_back(brings)
    undo = _UNDO.get(was.type)
    if undo is not None:
        undo(register, was)


def names_kept(submission: Submission) -> list[Missing]:
    """What an event names that has a register: it is kept who names it."""
    return [one for one in named(submission) if one[0] in HAVE_A_REGISTER]


def _undo_registration(register: Register, was: Submission) -> None:
    worker = register.worker(was.subject or "")
    worker.registered_by = {lane: id_ for lane, id_ in worker.registered_by.items() if lane != was.lane}
    worker.changed = True
    _undo_statements(register, was)


def _undo_statements(register: Register, was: Submission) -> None:
    assert was.event is not None
    for statement in statements_of(was.lane, was.event.id, was.event.time, was.data):
        register.take_statement_back(register.worker(was.subject or ""), statement)


def _undo_enrollment(register: Register, was: Submission) -> None:
    """Its number stays, and the lane that it belongs to: subsidy keeps its book there."""
    enrollment = _enrollment(register, was)
    enrollment.facts = {"funding_province": enrollment.home_lane}
    enrollment.state = enrollment.worker_ref = enrollment.event_id = enrollment.state_event_id = None
    enrollment.changed = True


def _undo_step(register: Register, was: Submission) -> None:
    enrollment = _enrollment(register, was)
    register.take_step_back(enrollment, step_of(was))
    stand(enrollment)
    enrollment.changed = True


def _undo_total(register: Register, was: Submission) -> None:
    register.take_total_back(total_of(was))


_UNDO: Final[Mapping[str, Callable[[Register, Submission], None]]] = {
    provinces.WORKER_REGISTERED: _undo_registration,
    provinces.WORKER_CHANGED: _undo_statements,
    provinces.WORKER_ENROLLED: _undo_enrollment,
    **dict.fromkeys(STEPS, _undo_step),
    provinces.CONTROL_TOTALS_DECLARED: _undo_total,
}
"""What an event has left besides its natural key and what it brings or names."""


def _enrollment(register: Register, was: Submission) -> Enrollment:
    return register.enrollments[was.data["enrollment_no"]]


# ---------------------------------------------------------------- a correction is tried first


def _other(was: Submission, submission: Submission) -> str | None:
    """The field in which a correction is about something else than what it corrects."""
    if was.type != submission.type:
        return "type"
    if was.subject != submission.subject:
        return "subject"
    if was.data.get("enrollment_no") != submission.data.get("enrollment_no"):
        return "data.enrollment_no"
    if brought(was) != brought(submission):
        return "data"
    return None


def _copied(register: Register, *touched: Submission) -> Register:
    """The part of the register that these events touch, as a register of its own."""
    subjects = {one.subject for one in touched}
    numbers = {one.data.get("enrollment_no") for one in touched}
    workers = {ref: copy.deepcopy(one) for ref, one in register.workers.items() if ref in subjects}
    enrollments = {no: copy.deepcopy(one) for no, one in register.enrollments.items() if no in numbers}
    studies = {ref: list(register.studies[ref]) for ref in register.studies.keys() & subjects}
    keys = [key for one in touched if (key := natural_key(one)) is not None]
    return dataclasses.replace(
        register,
        inbox={},
        workers=workers,
        enrollments=enrollments,
        naturals={key: register.naturals[key] for key in keys if key in register.naturals},
        new_naturals={key: register.new_naturals[key] for key in keys if key in register.new_naturals},
        referents=dict(register.referents),
        new_referents=dict(register.new_referents),
        new_statements=[],
        new_steps=[],
        new_names=[],
        named_by={},
        declared=[],
        studies=defaultdict(list, studies),
        taken_back=TakenBack(),
    )


def _name_of(missing: Missing) -> str:
    return missing[1].replace("\x1f", " ")

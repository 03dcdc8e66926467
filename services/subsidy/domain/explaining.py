"""Explains a stored decision to a clerk: from what, by which rule, each step as a sentence, and what to do now."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from services.subsidy.domain.schemes import Rules
from services.subsidy.domain.sentences import REFUSED
from services.subsidy.domain.wording import Said, term, terms, yuan
from shared.contracts import subsidy
from shared.contracts.envelope import shanghai_day

Step = Mapping[str, Any]
Inputs = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StoredDecision:
    """One journal entry about an award, as it is kept."""

    lane: str
    entry_no: int
    event_id: str
    event_type: str
    cause_id: str
    scheme: str | None
    scheme_version: int | None
    inputs: Inputs
    steps: Sequence[Step]
    recorded_at: datetime
    postings: Sequence[Mapping[str, Any]] = ()
    """Money that it moved: fiscal_year, fund_source, purpose, amount_fen."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The award as it stands now."""

    enrollment_no: str
    lane: str
    state: str
    fiscal_year: int
    fund_source: str
    amount_fen: int
    tuition_fen: int
    scholarship_fen: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where an award waits: its queue and the money in front of it."""

    position: int
    """1 is next."""
    waiting: int
    """Awards in the queue."""
    ahead_fen: int
    """What those before it need."""
    free_fen: int
    """What the budget has free."""
    allocated_fen: int


@dataclass(frozen=True, slots=True)
class ExplainedInput:
    """One thing that the decision was made from."""

    name: str
    value: Any
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class ExplainedStep:
    """One step with its reason as a sentence."""

    step: str
    amount_fen: int | None
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Rule:
    """The scheme version that decided."""

    name: str
    version: int
    issuers: tuple[str, ...]
    """Bodies that issued it; none where this version is not in force here any more."""
    valid_from: date | None
    valid_until: date | None


@dataclass(frozen=True, slots=True)
class ExplainedDecision:
    """What was decided, when, from what, by which rule, step by step."""

    lane: str
    entry_no: int
    """Its number in the lane's journal."""
    decided: str
    """Type of the event that announced it."""
    zh: str
    en: str
    recorded_at: datetime
    event_id: str
    cause_id: str
    """The fact that led to it."""
    rule: Rule | None
    inputs: Sequence[ExplainedInput]
    steps: Sequence[ExplainedStep]
    postings: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Where an award waits, and why."""

    position: int
    waiting: int
    ahead_fen: int
    free_fen: int
    missing_fen: int
    """What must come free or be allocated until it is its turn."""
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that a clerk needs to answer for one award."""

    enrollment_no: str
    lane: str
    state: str
    fiscal_year: int
    fund_source: str
    amount_fen: int
    tuition_fen: int
    scholarship_fen: int
    zh: str
    """Where it stands."""
    en: str
    do_zh: str
    """What to do now."""
    do_en: str
    waits: Waiting | None
    decisions: Sequence[ExplainedDecision]


def explain(
    rules: Rules, standing: Standing, place: Place | None, decisions: Sequence[StoredDecision]
) -> Explanation:
    """The explanation of one award, its decisions in their order; `place` while it waits."""
    stands, do = _standing(standing, decisions)
    return Explanation(
        standing.enrollment_no,
        standing.lane,
        standing.state,
        standing.fiscal_year,
        standing.fund_source,
        standing.amount_fen,
        standing.tuition_fen,
        standing.scholarship_fen,
        *stands,
        *do,
        None if place is None else _waiting(standing, place),
        [_decision(rules, one) for one in decisions],
    )


def says_step(name: str) -> bool:
    """Whether a step of this name has a sentence of its own."""
    return name in _STEPS


def says_decision(kind: str) -> bool:
    """Whether a decision of this type has a heading of its own."""
    return kind in _DECIDED


def says_input(name: str) -> bool:
    """Whether an input of this name has a label of its own."""
    return name in _INPUTS


def _decision(rules: Rules, one: StoredDecision) -> ExplainedDecision:
    heading = _DECIDED.get(one.event_type, Said(one.event_type, one.event_type))
    return ExplainedDecision(
        one.lane,
        one.entry_no,
        one.event_type,
        *heading,
        one.recorded_at,
        one.event_id,
        one.cause_id,
        _rule(rules, one),
        [_input(name, value) for name, value in one.inputs.items()],
        [_step(step, one.inputs) for step in one.steps],
        one.postings,
    )


def _rule(rules: Rules, one: StoredDecision) -> Rule | None:
    if one.scheme is None or one.scheme_version is None:
        return None
    for scheme in rules.schemes:
        if (scheme.name, scheme.version) == (one.scheme, one.scheme_version):
            return Rule(scheme.name, scheme.version, scheme.issuers, scheme.valid_from, scheme.valid_until)
    return Rule(one.scheme, one.scheme_version, (), None, None)


def _input(name: str, value: Any) -> ExplainedInput:
    label = _INPUTS.get(name, Said(name, name))
    shown = _shown(name, value)
    return ExplainedInput(name, value, f"{label.zh}：{shown.zh}", f"{label.en}: {shown.en}")


def _shown(name: str, value: Any) -> Said:
    if value is None:
        return Said("无", "none")
    if isinstance(value, bool):
        return Said("是", "yes") if value else Said("否", "no")
    if name.endswith("_fen"):
        return yuan(value)
    if isinstance(value, list | tuple):
        return terms(value) if value else Said("无", "none")
    return term(str(value))


def _step(step: Step, inputs: Inputs) -> ExplainedStep:
    say = _STEPS.get(step["step"], _any_step)
    return ExplainedStep(step["step"], step.get("amount_fen"), *say(step, inputs))


def _any_step(step: Step, _inputs: Inputs) -> Said:
    """A step that this release does not know: shown as it is kept."""
    rest = "，".join(f"{name} {value}" for name, value in step.items() if name != "step")
    return Said(f"步骤 {step['step']}：{rest}。", f"Step {step['step']}: {rest}.")


# ---------------------------------------------------------------- steps


def _scheme(step: Step, inputs: Inputs) -> Said:
    start, track = inputs.get("start"), term(inputs.get("track", ""))
    if step.get("found") is None:
        return Said(
            f"{start} 入学、{track.zh}类：没有适用的补助办法。",
            f"First day {start}, track {track.en}: no scheme covers it.",
        )
    name, version = step["found"], step["version"]
    return Said(
        f"{start} 入学、{track.zh}类：适用补助办法 {name} 第 {version} 版。",
        f"First day {start}, track {track.en}: {name} version {version} covers it.",
    )


def _eligible(step: Step, inputs: Inputs) -> Said:
    by = step.get("by") or ()
    if not by:
        has = terms(inputs.get("categories") or ())
        return Said(
            f"工人类别（{has.zh or '无'}）不在该办法范围内。",
            f"The worker's categories ({has.en or 'none'}) are not covered by it.",
        )
    named = terms(by)
    return Said(f"符合条件，依据类别：{named.zh}。", f"Eligible by category: {named.en}.")


def _base(step: Step, _inputs: Inputs) -> Said:
    amount = yuan(step["amount_fen"])
    return Said(f"办法规定的补助标准为 {amount.zh}。", f"The scheme's amount is {amount.en}.")


def _tuition(step: Step, inputs: Inputs) -> Said:
    amount, tuition = yuan(step["amount_fen"]), yuan(inputs.get("tuition_fen", 0))
    if "awarded_fen" not in inputs:
        return Said(
            f"补助不超过学费（{tuition.zh}），因此为 {amount.zh}。",
            f"An award is never above tuition ({tuition.en}), so it is {amount.en}.",
        )
    held, booked = yuan(inputs["held_fen"]), yuan(inputs["scholarship_fen"])
    return Said(
        f"学费 {tuition.zh}，其中补助 {held.zh}、此前奖学金 {booked.zh}；学费范围内可入账 {amount.zh}。",
        f"Tuition is {tuition.en}, of which subsidy pays {held.en} and earlier scholarships {booked.en}; "
        f"within tuition {amount.en} can be booked.",
    )


def _budget(step: Step, inputs: Inputs) -> Said:
    free = yuan(inputs.get("free_fen", 0))
    if "carries" not in step:
        amount = yuan(step.get("amount_fen", 0))
        return Said(
            f"该资金来源可用 {free.zh}，因此入账 {amount.zh}。",
            f"Its pot has {free.en} free, so {amount.en} is booked.",
        )
    if step["carries"]:
        return Said(
            f"预算可用 {free.zh}，无人排队：可以承担。",
            f"The budget has {free.en} free and nobody waits: it carries the award.",
        )
    ahead = inputs.get("waiting", 0)
    if ahead:
        return Said(
            f"已有 {ahead} 人候补（预算可用 {free.zh}）：按登记顺序排队。",
            f"{ahead} wait already ({free.en} free): it queues in recorded order.",
        )
    return Said(
        f"预算可用 {free.zh}，不足以承担：进入候补。",
        f"The budget has {free.en} free, which is too little: the award waits.",
    )


def _awarded(step: Step, _inputs: Inputs) -> Said:
    amount = yuan(step["amount_fen"])
    return Said(f"出资方决定的奖学金为 {amount.zh}。", f"The funder has awarded {amount.en}.")


def _turn(step: Step, inputs: Inputs) -> Said:
    amount, free = yuan(step["amount_fen"]), yuan(inputs.get("free_fen", 0))
    return Said(
        f"轮到本项（登记序号 {step['rank']}）：预算可用 {free.zh}，预留 {amount.zh}。",
        f"Its turn has come (rank {step['rank']}): {free.en} is free, {amount.en} is reserved.",
    )


def _with_amount(zh: str, en: str) -> Callable[[Step, Inputs], Said]:
    """A sentence in which `{}` stands for the step's amount."""

    def say(step: Step, _inputs: Inputs) -> Said:
        amount = yuan(step["amount_fen"])
        return Said(zh.format(amount.zh), en.format(amount.en))

    return say


_STEPS: Final[Mapping[str, Callable[[Step, Inputs], Said]]] = {
    "scheme": _scheme,
    "eligible": _eligible,
    "base": _base,
    "tuition": _tuition,
    "budget": _budget,
    "awarded": _awarded,
    "turn": _turn,
    "confirmed": _with_amount(
        "院校已确认入学，预留的 {}转为批准。",
        "The institution has confirmed; the {} that was reserved is granted.",
    ),
    "withdrawn": _with_amount("工人退学，释放 {}。", "The worker has withdrawn; {} is free again."),
    "tuition_covered": _with_amount(
        "奖学金已支付全部学费，不再需要补助，释放 {}。",
        "Scholarships pay the whole tuition, so no subsidy is needed; {} is free again.",
    ),
    "voided": _with_amount(
        "所依据的事件已作废或被更正，{}退回预算。",
        "The event that it rested on was voided or corrected; {} goes back to its budget.",
    ),
    "confirmation_voided": _with_amount(
        "院校确认已作废，批准的 {}恢复为预留。",
        "The confirmation was voided; the {} that was granted is reserved again.",
    ),
    "withdrawal_voided": _with_amount(
        "退学已作废，按原登记顺序恢复 {}的补助。",
        "The withdrawal was voided; the award of {} comes back at the rank that it had.",
    ),
}
"""A sentence for each step that deciding writes."""

_DECIDED: Final[Mapping[str, Said]] = {
    subsidy.SUBSIDY_RESERVED: Said("预留补助", "Subsidy reserved"),
    subsidy.SUBSIDY_GRANTED: Said("批准补助", "Subsidy granted"),
    subsidy.SUBSIDY_WAITLISTED: Said("列入候补", "Put on the waitlist"),
    subsidy.SUBSIDY_RELEASED: Said("释放补助", "Subsidy released"),
    subsidy.SUBSIDY_REFUSED: Said("不予补助", "Subsidy refused"),
    subsidy.SUBSIDY_VOIDED: Said("补助作废", "Subsidy voided"),
    subsidy.SUBSIDY_GRANT_REVERSED: Said("撤回批准，恢复预留", "Grant reversed, reserved again"),
    subsidy.SCHOLARSHIP_BOOKED: Said("奖学金入账", "Scholarship booked"),
    subsidy.SCHOLARSHIP_REVERSED: Said("奖学金撤回", "Scholarship reversed"),
    subsidy.SCHOLARSHIP_EXCEEDS_BUDGET: Said(
        "奖学金超出预算的部分未入账", "The part of a scholarship above its budget is not booked"
    ),
    subsidy.SCHOLARSHIP_EXCEEDS_TUITION: Said(
        "奖学金超出学费的部分未入账", "The part of a scholarship above tuition is not booked"
    ),
}
"""A heading for each decision about an enrollment, by the type of its event."""

_INPUTS: Final[Mapping[str, Said]] = {
    "lane": Said("出资省份", "funding province"),
    "start": Said("入学日期", "first day of study"),
    "today": Said("决定当日", "day of the decision"),
    "track": Said("培养类型", "track"),
    "categories": Said("工人类别", "worker's categories"),
    "tuition_fen": Said("学费", "tuition"),
    "rank": Said("登记序号", "rank in recorded order"),
    "free_fen": Said("预算可用", "free in the budget"),
    "waiting": Said("前面候补人数", "waiting before it"),
    "state": Said("此前状态", "state before"),
    "amount_fen": Said("补助金额", "amount of the award"),
    "confirmed": Said("院校已确认", "confirmed by the institution"),
    "why": Said("原因", "why"),
    "corrected": Said("随后更正", "corrected at once"),
    "booked_fen": Said("已入账", "booked"),
    "scholarship_fen": Said("已入账奖学金", "scholarships booked"),
    "awarded_fen": Said("奖学金金额", "scholarship awarded"),
    "awarded_on": Said("奖学金决定日期", "awarded on"),
    "held_fen": Said("补助已占用", "held by the subsidy"),
}
"""A label for each input of a decision."""


# ---------------------------------------------------------------- where it stands


def _standing(award: Standing, decisions: Sequence[StoredDecision]) -> tuple[Said, Said]:
    """Where the award stands, and what to do now."""
    amount = yuan(award.amount_fen)
    pot = f"{award.fiscal_year} {award.fund_source}"
    if award.state == "reserved":
        return (
            Said(
                f"已从 {pot} 预留 {amount.zh}，等待院校确认入学。",
                f"{amount.en} of {pot} is reserved and waits for the institution's confirmation.",
            ),
            Said(
                "请院校确认入学，并报送确认；此前无需其他处理。",
                "Have the institution confirm, and report it; nothing else is to be done.",
            ),
        )
    if award.state == "granted":
        return (
            Said(f"已从 {pot} 批准 {amount.zh}。", f"{amount.en} of {pot} is granted."),
            Said("无需处理，等待发放。", "Nothing is to be done; the payment follows."),
        )
    if award.state == "waitlisted":
        return (
            Said(
                f"{pot} 的预算已用完，{amount.zh}的补助正在候补。",
                f"The budget {pot} is used up; an award of {amount.en} waits.",
            ),
            Said(
                "无需重新报送：追加拨款或有人退出时自动按顺序递补。",
                "Nothing is to be sent again: it moves up by itself when money is added or others leave.",
            ),
        )
    if award.state == "refused":
        return _refused(decisions)
    said = term(award.state)
    day = shanghai_day(decisions[-1].recorded_at).isoformat() if decisions else ""
    return (
        Said(
            f"该补助{said.zh}（{day}），不占用资金。", f"The award is {said.en} ({day}) and holds no money."
        ),
        Said(
            "无需处理；如有误，请报送更正或作废。",
            "Nothing is to be done; if it is wrong, correct or void the event.",
        ),
    )


def _refused(decisions: Sequence[StoredDecision]) -> tuple[Said, Said]:
    judged = [one for one in decisions if one.event_type == subsidy.SUBSIDY_REFUSED]
    if not judged:
        return (
            Said(
                "没有补助，仅登记学费和奖学金。", "There is no award; only tuition and scholarships are kept."
            ),
            Said("无需处理。", "Nothing is to be done."),
        )
    zh, en = REFUSED[_refusal(judged[-1].steps)]
    (zh_is, _, zh_do), (en_is, _, en_do) = zh.partition("。"), en.partition(". ")
    return Said(f"{zh_is}。", en_is.removesuffix(".") + "."), Said(zh_do, en_do)


def _refusal(steps: Sequence[Step]) -> Any:
    last = steps[-1] if steps else {}
    return {"scheme": "no_scheme", "eligible": "not_eligible"}.get(last.get("step", ""), "nothing_to_pay")


def _waiting(award: Standing, place: Place) -> Waiting:
    missing_fen = max(0, place.ahead_fen + award.amount_fen - place.free_fen)
    ahead, own = yuan(place.ahead_fen), yuan(award.amount_fen)
    free, missing = yuan(place.free_fen), yuan(missing_fen)
    before = place.position - 1
    unopened = place.allocated_fen == 0
    return Waiting(
        place.position,
        place.waiting,
        place.ahead_fen,
        place.free_fen,
        missing_fen,
        f"排在第 {place.position} 位（共 {place.waiting} 人候补）。"
        + ("该预算尚无拨款。" if unopened else "")
        + f"前面 {before} 人需 {ahead.zh}，本人需 {own.zh}，预算可用 {free.zh}，尚差 {missing.zh}。"
        "按登记顺序递补，不因金额较小而提前。",
        f"Number {place.position} of {place.waiting} in the queue. "
        + ("Nothing has been allocated to this budget yet. " if unopened else "")
        + f"The {before} before it need {ahead.en}, it needs {own.en}, {free.en} is free: {missing.en} is missing. "
        "The queue moves in recorded order; a smaller amount passes nobody.",
    )

"""Explains a stored decision to a clerk: from what, by which rule, each step as a sentence, and what to do now."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from services.subsidy.domain.book import STANDING
from services.subsidy.domain.expecting import NOTHING_CAME, Expected, Inflow, NotKnown, expected_turn
from services.subsidy.domain.lifetime import holder_of
from services.subsidy.domain.reasons import Inputs, Step, heading, labelled, reason
from services.subsidy.domain.schemes import Rules
from services.subsidy.domain.sentences import DATE_NOT_KNOWN, REFUSED
from services.subsidy.domain.wording import Said, term, yuan
from shared.contracts import subsidy
from shared.contracts.envelope import shanghai_day


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
    part: int = 1
    """1 is the first, or the only one."""
    parts: int = 1
    completion_days: int = 0
    """0 for a part that the confirmation grants."""
    confirmed: bool = False


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
    today: date | None = None
    """The day that began last on the lane."""
    inflow: Inflow = NOTHING_CAME
    """What has come to the pot."""


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
    part: int | None
    """The part that it is about, where the award has several."""
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
    expected_on: date | None
    """When that is, if money goes on coming as it has; none where it is not known."""
    not_known: NotKnown | None
    """Why it is not."""
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class ExplainedPart:
    """Where one part of an award stands."""

    part: int
    state: str
    due: str
    """What grants it: confirmation or completion."""
    fiscal_year: int
    fund_source: str
    amount_fen: int
    zh: str
    """Where it stands."""
    en: str
    do_zh: str
    """What to do now."""
    do_en: str
    waits: Waiting | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that a clerk needs to answer for one award; of one in parts state, year and pot are those of the first."""

    enrollment_no: str
    lane: str
    state: str
    fiscal_year: int
    fund_source: str
    amount_fen: int
    """Of an award in parts the sum of those that stand."""
    tuition_fen: int
    scholarship_fen: int
    zh: str
    """Where it stands."""
    en: str
    do_zh: str
    """What to do now."""
    do_en: str
    waits: Waiting | None
    parts: Sequence[ExplainedPart]
    """Each part, where the award has several; none where it has one."""
    decisions: Sequence[ExplainedDecision]


def explain(
    rules: Rules,
    standing: Standing,
    place: Place | None,
    decisions: Sequence[StoredDecision],
    further: Sequence[tuple[Standing, Place | None]] = (),
) -> Explanation:
    """The explanation of one award, its decisions in their order; `place` while it waits, `further` its other parts."""
    parts = [(standing, place), *further] if further else []
    together = [one for one, _ in parts]
    refused = all(one.state in ("refused", "forgone") for one in together)
    stands, do = _standing(standing, decisions) if refused else _together(together)
    return Explanation(
        standing.enrollment_no,
        standing.lane,
        standing.state,
        standing.fiscal_year,
        standing.fund_source,
        _amount_fen([one for one, _ in parts]) if parts else standing.amount_fen,
        standing.tuition_fen,
        standing.scholarship_fen,
        *stands,
        *do,
        None if place is None or parts else _waiting(standing, place),
        [_part(one, where, decisions) for one, where in parts],
        [_decision(rules, one) for one in decisions],
    )


def _part(one: Standing, place: Place | None, decisions: Sequence[StoredDecision]) -> ExplainedPart:
    if one.state != "refused":  # that is said of all parts at once
        decisions = [decision for decision in decisions if decision.inputs.get("part") == one.part]
    stands, do = _standing(one, decisions)
    return ExplainedPart(
        one.part,
        one.state,
        "completion" if one.completion_days else "confirmation",
        one.fiscal_year,
        one.fund_source,
        one.amount_fen,
        *stands,
        *do,
        None if place is None else _waiting(one, place),
    )


def _amount_fen(parts: Sequence[Standing]) -> int:
    return sum(one.amount_fen for one in parts if one.state in STANDING)


def _together(parts: Sequence[Standing]) -> tuple[Said, Said]:
    """Where an award in parts stands: how many of them in which state, and what they come to."""
    counts = Counter(one.state for one in parts)
    words = [(term(state), count) for state, count in counts.items()]
    amount = yuan(_amount_fen(parts))
    return (
        Said(
            f"共 {len(parts)} 部分：{'、'.join(f'{word.zh} {n}' for word, n in words)}；合计 {amount.zh}。",
            f"{len(parts)} parts: {', '.join(f'{n} {word.en}' for word, n in words)}; {amount.en} together.",
        ),
        Said("见各部分。", "See each part."),
    )


def _decision(rules: Rules, one: StoredDecision) -> ExplainedDecision:
    return ExplainedDecision(
        one.lane,
        one.entry_no,
        one.event_type,
        *heading(one.event_type),
        one.recorded_at,
        one.event_id,
        one.cause_id,
        one.inputs.get("part"),
        _rule(rules, one),
        [ExplainedInput(name, value, *labelled(name, value)) for name, value in one.inputs.items()],
        [
            ExplainedStep(step["step"], step.get("amount_fen"), *reason(step, one.inputs))
            for step in one.steps
        ],
        one.postings,
    )


def _rule(rules: Rules, one: StoredDecision) -> Rule | None:
    if one.scheme is None or one.scheme_version is None:
        return None
    scheme = rules.scheme_of(one.scheme, one.scheme_version)
    if scheme is None:
        return Rule(one.scheme, one.scheme_version, (), None, None)
    return Rule(scheme.name, scheme.version, scheme.issuers, scheme.valid_from, scheme.valid_until)


_STANDS: Final[Mapping[str, tuple[Said, Said]]] = {
    "reserved": (
        Said(
            "已从 {pot} 预留 {amount}，等待院校确认入学。",
            "{amount} of {pot} is reserved and waits for the institution's confirmation.",
        ),
        Said(
            "请院校确认入学，并报送确认；此前无需其他处理。",
            "Have the institution confirm, and report it; nothing else is to be done.",
        ),
    ),
    "granted": (
        Said("已从 {pot} 批准 {amount}。", "{amount} of {pot} is granted."),
        Said("无需处理，等待发放。", "Nothing is to be done; the payment follows."),
    ),
    "waitlisted": (
        Said(
            "{pot} 的预算已用完，{amount}的补助正在候补。",
            "The budget {pot} is used up; an award of {amount} waits.",
        ),
        Said(
            "无需重新报送：追加拨款或有人退出时自动按顺序递补。",
            "Nothing is to be sent again: it moves up by itself when money is added or others leave.",
        ),
    ),
    "held_back": (
        Said(
            "该注册由外省报送，此类未确认的补助在 {pot} 中已达上限，{amount}的补助待出资省份确认。",
            "Reports of other provinces have reached their share of {pot}: an award of {amount} waits until the "
            "funding province confirms.",
        ),
        Said(
            "请出资省份报送院校确认：确认后按原登记顺序安排；份额有余量时也会自动安排。",
            "Have the funding province report the confirmation: then it has its turn at its rank. Once that share has "
            "room, it follows by itself.",
        ),
    ),
    "reserved_for_completion": (
        Said(
            "已从 {pot} 预留 {amount}，等待结业。",
            "{amount} of {pot} is reserved and waits for the completed course.",
        ),
        Said(
            "结业后请报送毕业（或结业、证书）；此前无需其他处理。",
            "Report the completion when it comes; nothing else is to be done.",
        ),
    ),
    "committed": (
        Said(
            "已承诺 {amount}，到 {pot} 年度开始时核对后安排。",
            "{amount} is committed, and asked of {pot} when that fiscal year begins.",
        ),
        Said("无需处理：年度开始时自动核对。", "Nothing is to be done: it is checked when the year begins."),
    ),
    "forgone": (
        Said("{pot} 不承担这一部分。", "Nothing of this part comes from {pot}."),
        Said("无需处理；理由见决定。", "Nothing is to be done; the decision says why."),
    ),
    "expired_after_confirmation": (
        Said(
            "预留的 {amount}因期限内未结业而释放。",
            "The {amount} that was reserved is free again: the course was not completed in time.",
        ),
        Said(
            "如已结业，请报送：资金有余则恢复，否则按原登记顺序候补。",
            "If the course is completed, report it: it has money again where that is free, otherwise its old place.",
        ),
    ),
    "expired": (
        Said(
            "预留的 {amount}因期限内未收到院校确认而释放。",
            "The {amount} that was reserved is free again: no confirmation came in time.",
        ),
        Said(
            "如已入学，请报送院校确认：资金有余则恢复，否则按原登记顺序候补。",
            "If the worker does study, report the confirmation: it has money again where that is free, "
            "otherwise its old place in the queue.",
        ),
    ),
}
"""By the state of an award: where it stands, and what to do now."""


def _standing(award: Standing, decisions: Sequence[StoredDecision]) -> tuple[Said, Said]:
    """Where the award stands, and what to do now."""
    if award.state == "refused":
        return _refused(decisions)
    if award.state not in _STANDS:
        return _ended(award.state, decisions)
    stands, do = _STANDS[_kind(award)]
    pot, amount = f"{award.fiscal_year} {award.fund_source}", yuan(award.amount_fen)
    return Said(stands.zh.format(pot=pot, amount=amount.zh), stands.en.format(pot=pot, amount=amount.en)), do


def _kind(award: Standing) -> str:
    """Its state, and what it waits for where that is not the confirmation."""
    if award.completion_days and award.confirmed:
        return {"reserved": "reserved_for_completion", "expired": "expired_after_confirmation"}.get(
            award.state, award.state
        )
    return award.state


def _ended(state: str, decisions: Sequence[StoredDecision]) -> tuple[Said, Said]:
    said = term(state)
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
    if "limit" in judged[-1].steps[-1]:
        lane, enrollment_no = holder_of(dict(judged[-1].steps[-1]))
        holder = {"lane": lane, "enrollment_no": enrollment_no, "limit": judged[-1].steps[-1]["limit"]}
        zh, en = zh.format_map(holder), en.format_map(holder)
    (zh_is, _, zh_do), (en_is, _, en_do) = zh.partition("。"), en.partition(". ")
    return Said(f"{zh_is}。", en_is.removesuffix(".") + "."), Said(zh_do, en_do)


def _refusal(steps: Sequence[Step]) -> Any:
    last = steps[-1] if steps else {}
    codes = {"scheme": "no_scheme", "eligible": "not_eligible", "lifetime": "lifetime_limit"}
    return codes.get(last.get("step", ""), "nothing_to_pay")


def _waiting(award: Standing, place: Place) -> Waiting:
    missing_fen = max(0, place.ahead_fen + award.amount_fen - place.free_fen)
    ahead, own = yuan(place.ahead_fen), yuan(award.amount_fen)
    free, missing = yuan(place.free_fen), yuan(missing_fen)
    before = place.position - 1
    unopened = place.allocated_fen == 0
    expected = expected_turn(missing_fen, place.today, place.inflow)
    when = _when(expected, place.inflow)
    return Waiting(
        place.position,
        place.waiting,
        place.ahead_fen,
        place.free_fen,
        missing_fen,
        expected.on,
        expected.not_known,
        f"排在第 {place.position} 位（共 {place.waiting} 人候补）。"
        + ("该预算尚无拨款。" if unopened else "")
        + f"前面 {before} 人需 {ahead.zh}，本人需 {own.zh}，预算可用 {free.zh}，尚差 {missing.zh}。"
        f"按登记顺序递补，不因金额较小而提前。{when.zh}",
        f"Number {place.position} of {place.waiting} in the queue. "
        + ("Nothing has been allocated to this budget yet. " if unopened else "")
        + f"The {before} before it need {ahead.en}, it needs {own.en}, {free.en} is free: {missing.en} is missing. "
        f"The queue moves in recorded order; a smaller amount passes nobody. {when.en}",
    )


def _when(expected: Expected, inflow: Inflow) -> Said:
    """The expected date as a sentence, with what it rests on."""
    if expected.on is None:
        zh, en = DATE_NOT_KNOWN[expected.not_known or "too_short"]
        return Said(f"预计日期未知：{zh}。", f"When is not known: {en}.")
    came, days = yuan(inflow.came_fen), inflow.days
    return Said(
        f"如资金继续按以往（{days} 天 {came.zh}）到位，预计 {expected.on} 轮到；此为推算，并非承诺。",
        f"If money goes on coming as before ({came.en} in {days} days), its turn is expected on {expected.on}; "
        "that is an estimate, not a promise.",
    )

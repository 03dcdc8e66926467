"""Why a decision came out as it did: a sentence for each of its steps, a heading for each kind, a label for each input.

Whatever deciding writes has its words here; a test asks for them.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from services.subsidy.domain.sentences import DATE_NOT_KNOWN
from services.subsidy.domain.wording import Said, term, terms, yuan
from shared.contracts import subsidy

Step = Mapping[str, Any]
"""One step as the journal keeps it: its name, mostly an amount."""
Inputs = Mapping[str, Any]
"""What the decision was made from."""


def reason(step: Step, inputs: Inputs) -> Said:
    """The step as a sentence."""
    return _STEPS.get(step["step"], _any_step)(step, inputs)


def heading(kind: str) -> Said:
    """What was decided, by the type of its event."""
    return _DECIDED.get(kind, Said(kind, kind))


def labelled(name: str, value: Any) -> Said:
    """An input with its label: `学费：5,000.00 元`."""
    label, shown = _INPUTS.get(name, Said(name, name)), _shown(name, value)
    return Said(f"{label.zh}：{shown.zh}", f"{label.en}: {shown.en}")


def says_step(name: str) -> bool:
    """Whether a step of this name has a sentence of its own."""
    return name in _STEPS


def says_decision(kind: str) -> bool:
    """Whether a decision of this type has a heading of its own."""
    return kind in _DECIDED


def says_input(name: str) -> bool:
    """Whether an input of this name has a label of its own."""
    return name in _INPUTS


def _shown(name: str, value: Any) -> Said:
    if value is None:
        return Said("无", "none")
    if isinstance(value, bool):
        return Said("是", "yes") if value else Said("否", "no")
    if name.endswith("_fen"):
        return yuan(value)
    if name == "pots":
        return _pots(value)
    if isinstance(value, list | tuple):
        return terms(value) if value else Said("无", "none")
    return term(str(value))


def _pots(pots: Any) -> Said:
    """The budgets of an award in parts, in their order."""
    said = []
    for number, pot in enumerate(pots, 1):
        name, free = f"{pot['fiscal_year']} {pot['fund_source']}", yuan(pot["free_fen"])
        if pot["later"]:
            said.append(Said(f"{number}) {name} 尚未开始", f"{number}) {name} has not begun"))
        else:
            said.append(
                Said(
                    f"{number}) {name} 可用 {free.zh}，候补 {pot['waiting']} 人",
                    f"{number}) {name}: {free.en} free, {pot['waiting']} wait",
                )
            )
    return Said("；".join(one.zh for one in said), "; ".join(one.en for one in said))


def _any_step(step: Step, _inputs: Inputs) -> Said:
    """A step that this release does not know: shown as it is kept."""
    rest = "，".join(f"{name} {value}" for name, value in step.items() if name != "step")
    return Said(f"步骤 {step['step']}：{rest}。", f"Step {step['step']}: {rest}.")


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


def _part(step: Step, _inputs: Inputs) -> Said:
    amount, number, parts = yuan(step["amount_fen"]), step["part"], step["parts"]
    zh, en = (
        f"第 {number}/{parts} 部分由 {step['fund_source']} 承担",
        f"Part {number} of {parts} is from {step['fund_source']}",
    )
    if "share_percent" in step:
        basis = _BASES[step["share_of"]]
        zh += f"，为{basis.zh}的 {step['share_percent']}%"
        en += f", {step['share_percent']} percent of {basis.en}"
    if step["year_of_study"] > 1:
        zh, en = (
            f"{zh}，属第 {step['year_of_study']} 学年",
            f"{en}, for year {step['year_of_study']} of the study",
        )
    if step["due"] == "completion":
        zh, en = f"{zh}，结业后批准", f"{en}, granted at completion"
    return Said(f"{zh}：{amount.zh}。", f"{en}: {amount.en}.")


_BASES: Final[Mapping[str, Said]] = {
    "base": Said("补助标准", "the scheme's amount"),
    "tuition": Said("学费", "tuition"),
}


def _pot(step: Step, _inputs: Inputs) -> Said:
    free, amount, waiting = yuan(step["free_fen"]), yuan(step["amount_fen"]), step["waiting"]
    if step["carries"]:
        return Said(
            f"预算可用 {free.zh}，无人排队：承担 {amount.zh}。",
            f"Its budget has {free.en} free and nobody waits: it carries {amount.en}.",
        )
    if waiting:
        return Said(
            f"已有 {waiting} 人候补（预算可用 {free.zh}），不能先于他们。",
            f"{waiting} wait for its budget already ({free.en} free), and nobody passes them.",
        )
    return Said(f"预算可用 {free.zh}，不足以承担。", f"Its budget has {free.en} free, which is too little.")


def _lifetime(step: Step, inputs: Inputs) -> Said:
    level, limit, held = term(inputs.get("level", "")), step["limit"], step["held"]
    by = "、".join(step["by"])
    if not held:
        return Said(
            f"{level.zh}层次每人限 {limit} 次补助，本人尚未占用。",
            f"A person may have {limit} at this level ({level.en}), and holds none yet.",
        )
    en = f"A person may have {limit} at this level ({level.en}); held by: {', '.join(step['by'])}."
    return Said(f"{level.zh}层次每人限 {limit} 次补助，已占用 {held} 次：{by}。", en)


def _outside(step: Step, _inputs: Inputs) -> Said:
    cap, taken, ahead = yuan(step["outside_cap_fen"]), yuan(step["outside_fen"]), step["held_back"]
    zh = f"由外省报送且未经确认：此类补助在本预算中最多 {cap.zh}，已占用 {taken.zh}"
    en = (
        f"Another province has reported it and nobody has confirmed: such awards may take {cap.en} of the budget and "
        f"take {taken.en}"
    )
    if step["fits"]:
        return Said(f"{zh}，仍有余量。", f"{en}: there is room.")
    before = Said(f"，前面另有 {ahead} 人", f", {ahead} more wait before it") if ahead else Said("", "")
    return Said(
        f"{zh}{before.zh}：待出资省份确认。",
        f"{en}{before.en}: it waits until the funding province confirms.",
    )


def _runs_out(step: Step) -> Said:
    if step["on"] is None:
        zh, en = DATE_NOT_KNOWN[step["not_known"]]
        return Said(f"预计用完日期未知：{zh}。", f"When it runs out is not known: {en}.")
    return Said(
        f"如按近 90 天的速度使用，预计 {step['on']} 用完。",
        f"Used as in the last 90 days, it runs out on {step['on']}.",
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
    "lifetime": _lifetime,
    "outside": _outside,
    "let_in_confirmed": _with_amount(
        "出资省份已确认，按原登记顺序安排 {}。",
        "The funding province has confirmed; {} is sought at the rank that it had.",
    ),
    "let_in_cap": _with_amount(
        "外省报送的份额已有余量，按原登记顺序安排 {}。",
        "What other provinces report has room again within its share; {} is sought at the rank that it had.",
    ),
    "runs_out": lambda step, _: _runs_out(step),
    "in_force": lambda step, _: Said(
        f"{step['found']} 第 {step['version']} 版自此适用。",
        f"{step['found']} version {step['version']} is in force.",
    ),
    "in_the_way": lambda step, _: Said(
        f"与 {step['found']} 第 {step['version']} 版冲突。",
        f"{step['found']} version {step['version']} is in the way.",
    ),
    "awarded": _awarded,
    "turn": _turn,
    "part": _part,
    "pot": _pot,
    "passed_on": _with_amount(
        "前一资金来源所缺的 {}转由本来源承担。", "{} that the funder before it lacks is asked of this one."
    ),
    "cap": _with_amount("该来源最多承担 {}。", "This funder pays at most {}."),
    "room": _with_amount(
        "扣除奖学金和前面各部分后，学费范围内为 {}。",
        "Within the tuition that scholarships and the parts before it leave, it is {}.",
    ),
    "committed": _with_amount(
        "所属年度尚未开始：承诺 {}，届时核对后再占用该年度预算。",
        "Its fiscal year has not begun: {} is committed, and asked of that year's budget when it begins.",
    ),
    "asked_of_next": _with_amount(
        "所缺的 {}由下一资金来源承担。", "{} is lacking and asked of the next funder."
    ),
    "forgone": _with_amount("所缺的 {}予以放弃。", "{} is lacking and forgone, as the scheme says."),
    "course_completed": _with_amount(
        "已结业，预留的 {}转为批准。", "The course is completed; the {} that was reserved is granted."
    ),
    "completed": _with_amount(
        "已提前结业，后续年度的 {}不再需要。",
        "The course is completed before; the {} of a later year is not needed.",
    ),
    "not_completed": _with_amount(
        "办法规定的期限内未结业，预留的 {}释放。",
        "The course was not completed within the scheme's limit; the {} that was reserved is free again.",
    ),
    "year_begun": _with_amount(
        "所属年度已开始，仍在学：按原登记顺序安排承诺的 {}。",
        "Its fiscal year has begun and the worker studies: the {} that was committed is sought at its rank.",
    ),
    "completed_late": _with_amount(
        "逾期后结业，按原登记顺序重新安排 {}。",
        "The course was completed after the expiry; {} is sought again at the rank that it had.",
    ),
    "completion_voided": _with_amount(
        "结业已作废，{}恢复到结业之前的状态。",
        "The completion was voided; {} stands as it did before.",
    ),
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
    "expired": _with_amount(
        "期限内未收到院校确认，预留的 {}释放。",
        "No confirmation came in time; the {} that was reserved is free again.",
    ),
    "confirmed_late": _with_amount(
        "逾期后收到院校确认，按原登记顺序重新安排 {}。",
        "The confirmation came after the expiry; {} is sought again at the rank that it had.",
    ),
    "scholarship_voided": _with_amount(
        "支付学费的奖学金已作废或更正，按原登记顺序重新安排 {}。",
        "The scholarship that paid the tuition was voided or corrected; {} is sought again at the rank that it had.",
    ),
    "paid": _with_amount("支付金额为 {}。", "{} was paid."),
    "paid_early": _with_amount("批准之前已支付 {}。", "{} had been paid before it was granted."),
    "not_granted_yet": _with_amount(
        "补助尚未批准，{}保留待批准后入账。", "It is not granted yet; {} is kept and booked once it is."
    ),
    "granted": _with_amount(
        "其中 {}在已批准未支付的范围内，予以入账。",
        "{} of it is within what is granted and unpaid, and is booked.",
    ),
    "returned": _with_amount("支付退回 {}。", "{} of the payment has come back."),
    "clawed_back": _with_amount(
        "补助已终止，已支付的 {}应予追回。",
        "The award stands no more; the {} that was paid for it is to come back.",
    ),
    "netted": _with_amount(
        "以同一资金来源的应追回款抵扣 {}。",
        "{} is taken off what the worker owes to the same pot.",
    ),
    "written_off": _with_amount(
        "核销应追回款 {}，不再追索。", "{} that was owed is written off: nobody follows it any more."
    ),
    "restored": _with_amount(
        "补助恢复，此前已支付的 {}仍计为已支付。",
        "The award stands again; the {} that was paid for it before counts as paid.",
    ),
    "not_granted": _with_amount("没有已批准的补助，{}未入账。", "Nothing is granted; {} is not booked."),
    "other_pot": _with_amount(
        "批准所用的是其他预算，{}未入账。", "It was granted from another budget; {} is not booked."
    ),
    "exceeds_grant": _with_amount(
        "超出已批准未支付的金额，{}未入账。", "It exceeds what is granted and unpaid; {} is not booked."
    ),
    "exceeds_payment": _with_amount(
        "退回金额超出原支付，{}未入账。", "More has come back than was paid; {} is not booked."
    ),
    "not_owed": _with_amount("没有对应的应追回款，{}未入账。", "Nothing is owed for it; {} is not booked."),
    "lifetime_limit": _with_amount(
        "补录的历史数据已用完本人限次，候补的 {}退出队列。",
        "History that was reported has used up the person's limit; the {} that waited leaves its queue.",
    ),
    "entitled": _with_amount(
        "占用本人名额的其他注册已释放，按原登记顺序重新安排 {}。",
        "The enrollment that held the person's award has let it go; {} is sought again at the rank that it had.",
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
    subsidy.SUBSIDY_ADMITTED: Said("由待确认转入候补", "Taken into the queue"),
    subsidy.SUBSIDY_RELEASED: Said("释放补助", "Subsidy released"),
    subsidy.SUBSIDY_FORGONE: Said("放弃这一部分", "Part forgone"),
    subsidy.SUBSIDY_COMMITTED: Said("承诺后续年度补助", "Subsidy of a later year committed"),
    subsidy.SUBSIDY_COMMITMENT_ENDED: Said("后续年度承诺终止", "Commitment of a later year ended"),
    subsidy.SUBSIDY_REFUSED: Said("不予补助", "Subsidy refused"),
    subsidy.SUBSIDY_VOIDED: Said("补助作废", "Subsidy voided"),
    subsidy.SUBSIDY_GRANT_REVERSED: Said("撤回批准，恢复预留", "Grant reversed, reserved again"),
    subsidy.SUBSIDY_DISBURSED: Said("补助支付", "Subsidy paid"),
    subsidy.SUBSIDY_RETURNED: Said("支付退回", "Payment returned"),
    subsidy.SUBSIDY_CLAWED_BACK: Said("追回补助", "Subsidy clawed back"),
    subsidy.CLAWBACK_REPAID: Said("追回款到账", "Clawback settled"),
    subsidy.CLAWBACK_WRITTEN_OFF: Said("追回款核销", "Debt written off"),
    subsidy.PAYMENT_UNMATCHED: Said("支付未入账", "Payment not booked"),
    subsidy.SCHEME_ADOPTED: Said("补助办法生效", "Scheme in force"),
    subsidy.SCHEME_REFUSED: Said("补助办法未生效", "Scheme not in force"),
    subsidy.BUDGET_INCREASED: Said("追加预算", "Budget increased"),
    subsidy.BUDGET_REDUCED: Said("核减预算", "Budget reduced"),
    subsidy.BUDGET_CHANGE_REFUSED: Said("预算调整未执行", "Change of a budget refused"),
    subsidy.CARRYOVER_BOOKED: Said("预算结转", "Budget carried over"),
    subsidy.SCHOLARSHIP_BOOKED: Said("奖学金入账", "Scholarship booked"),
    subsidy.SCHOLARSHIP_REVERSED: Said("奖学金撤回", "Scholarship reversed"),
    subsidy.SCHOLARSHIP_EXCEEDS_BUDGET: Said(
        "奖学金超出预算的部分未入账", "The part of a scholarship above its budget is not booked"
    ),
    subsidy.SCHOLARSHIP_EXCEEDS_TUITION: Said(
        "奖学金超出学费的部分未入账", "The part of a scholarship above tuition is not booked"
    ),
}
"""A heading for each decision that goes to the province, by the type of its event."""

_INPUTS: Final[Mapping[str, Said]] = {
    "lane": Said("出资省份", "funding province"),
    "start": Said("入学日期", "first day of study"),
    "today": Said("决定当日", "day of the decision"),
    "track": Said("培养类型", "track"),
    "categories": Said("工人类别", "worker's categories"),
    "tuition_fen": Said("学费", "tuition"),
    "whole_tuition_fen": Said("全部学费", "whole tuition"),
    "pots": Said("各部分的预算", "budgets of the parts"),
    "part": Said("第几部分", "number of the part"),
    "completed": Said("已结业", "course completed"),
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
    "disbursed_fen": Said("已支付", "paid so far"),
    "unpaid_fen": Said("已批准未支付", "granted and unpaid"),
    "paid_fen": Said("本次支付", "this payment"),
    "returned_fen": Said("本次退回", "this return"),
    "to_come": Said("该预算尚待批准", "still to be granted from that budget"),
    "first_moved": Said("资金首次变动", "its money moved first on"),
    "run_fen": Said("近 90 天使用", "used in the last 90 days"),
    "same_pot": Said("与批准的预算一致", "from the budget that granted it"),
    "asked_fen": Said("核销金额", "to be written off"),
    "open_fen": Said("尚待追回", "still owed"),
    "owed_for": Said("追回款所属注册", "owed for enrollment"),
    "lacking_fen": Said("尚需资金", "money still needed"),
    "ahead": Said("前面候补人数", "waiting before it"),
    "level": Said("限次的层次", "level that is limited"),
    "held_by": Said("占用名额的注册（省份/编号）", "held by enrollments (lane/number)"),
    "scheme": Said("补助办法", "scheme"),
    "version": Said("版本", "version"),
    "in_force": Said("此前适用的办法", "schemes in force before"),
    "outside_cap_fen": Said("外省报送未确认的上限", "cap on what other provinces report, unconfirmed"),
    "outside_fen": Said("外省报送未确认已占用", "taken by what other provinces report, unconfirmed"),
    "held_back": Said("前面待确认人数", "held back before it"),
    "limit": Said("每人限次", "awards a person may have"),
}
"""A label for each input of a decision."""

"""What a province reads about a decision: what happened, why and what to do now, in Chinese and English."""

from collections.abc import Mapping
from typing import Final

from services.subsidy.domain.expecting import NotKnown
from services.subsidy.domain.judging import RefusalCode
from shared.contracts import subsidy

REFUSED: Final[Mapping[RefusalCode, tuple[str, str]]] = {
    "no_scheme": (
        "该入学日期和培养类型没有适用的补助办法，无需处理。如填写有误，请更正后重新报送。",
        "No scheme covers this first day and track; nothing is paid. If they are wrong, send a correction.",
    ),
    "not_eligible": (
        "该工人的类别不在补助办法范围内，不予补助。如类别有误，请先更正工人信息。",
        "The scheme does not cover the worker's categories, so nothing is paid. Correct them if wrong.",
    ),
    "nothing_to_pay": (
        "学费为零，无需补助。如学费有误，请更正后重新报送。",
        "There is no tuition to pay, so nothing is awarded. If the tuition is wrong, send a correction.",
    ),
    "lifetime_limit": (
        (
            "省份 {lane} 的注册 {enrollment_no} 已占用该工人本层次的补助（每人限 {limit} 次），不予补助。"
            "无需重报：该补助释放后，本注册自动按原登记顺序安排。"
        ),
        (
            "Enrollment {enrollment_no} of lane {lane} has the worker's award at this level (limit for life: {limit}). "
            "Send nothing again: once that is let go, this one follows by itself, at its rank."
        ),
    ),
}
HELD_BACK: Final = (
    "该注册由外省报送，本预算中外省报送而未确认的补助已达上限，本项待出资省份确认。请出资省份报送确认，随后按原登记顺序安排。",
    "Other provinces' reports have reached their share of the budget: it waits until the funding one confirms.",
)
"""Why an award that another province has caused is held back."""
DATE_NOT_KNOWN: Final[Mapping[NotKnown, tuple[str, str]]] = {
    "no_day": ("本省尚无日期记录", "no day has begun on the lane"),
    "too_short": ("该资金来源尚无完整月份的记录", "the pot has no whole month behind it yet"),
    "nothing_came": ("近 12 个完整月份没有资金到位", "no money has come in the last whole months"),
    "nothing_used": ("近 90 天没有使用资金", "no money was used in the last 90 days"),
    "too_far": ("推算超过十年", "it would be more than ten years away"),
}
"""Why there is no date for a place in a queue, or for the end of a budget."""
FORGONE: Final[Mapping[str, tuple[str, str]]] = {
    "exhausted": (
        "该资金来源的预算不能承担这一部分，按补助办法由下一资金来源承担或予以放弃，无需处理。",
        "Its budget carries nothing of this part: the next one is asked, or it is forgone. Nothing is to be done.",
    ),
    "tuition_covered": (
        "学费已由前面各部分和奖学金支付，这一部分无需支付，无需处理。如学费有误，请更正后重新报送。",
        "The parts before it and scholarships pay the tuition. If the tuition is wrong, correct it.",
    ),
}
"""Why nothing comes of a part of an award."""
EXCEEDS: Final[Mapping[str, tuple[str, str]]] = {
    subsidy.SCHOLARSHIP_EXCEEDS_BUDGET: (
        "奖学金超出该资金来源的可用预算，超出部分未入账。请追加拨款或调整奖学金。",
        "The scholarship exceeds what its pot has free; the rest is not booked. Allocate more or change it.",
    ),
    subsidy.SCHOLARSHIP_EXCEEDS_TUITION: (
        "补助与奖学金合计超过学费，超出部分未入账。请核对学费和奖学金金额。",
        "Subsidy and scholarships together exceed tuition; the rest is not booked. Check both amounts.",
    ),
}
"""The part of a scholarship that is not booked, by the type of event that says so."""
SCHEME_REFUSED: Final[Mapping[str, tuple[str, str]]] = {
    "scheme_differs": (
        "{name} 第 {version} 版已生效且内容不同，本次未生效。请以新的版本号启用。",
        "{name} version {version} is in force with other content. Activate it under a new version number.",
    ),
    "scheme_overlaps": (
        "该办法与 {name} 第 {version} 版适用于相同的注册，未生效。请修改适用范围或日期后，以新的版本号启用。",
        "It covers the same enrollments as {name} version {version}. Change whom or when, under a new version.",
    ),
}
"""Why a scheme that was activated is not in force."""
NOT_CUT: Final = (
    "预算中已有资金预留、发放、支付或待追回，只核减了可用部分。如需继续核减，请先释放占用的资金，再用新文号报送调整。",
    "The rest is reserved, granted, paid or owed: only free money was cut. Free more, then send a new document.",
)
NOT_CARRIED: Final = (
    "原年度预算中已有资金被占用，只结转了可用部分。占用的资金释放后，请用新文号报送结转。",
    "The rest is committed: only free money was carried over. Once more is free, send a new document.",
)
CHANGE_REFUSED: Final[Mapping[str, tuple[str, str]]] = {
    "not_open": (
        "该年度和资金来源的预算尚未开立，未作任何变动。请先报送拨款，再用新文号报送调整或结转。",
        "No such budget is open, so nothing was changed. Send its allocation first, then a new document.",
    ),
    "committed": (
        "该预算没有足够的可用资金，未作任何变动。请核对余额，待资金释放后用新文号重新报送。",
        "The budget has too little free money, so nothing was changed. Once money is free, send a new document.",
    ),
    "too_large": (
        "该预算总额将超过可精确记账的上限，未作任何变动。请核对金额，用新文号重新报送。",
        "The budget would exceed what can be booked exactly; nothing was changed. Check it and send a new document.",
    ),
}
"""Why a budget was not changed."""
NOT_OWED: Final = (
    "该注册在此年度和资金来源下应追回的金额少于核销金额，多出部分未核销。请核对应追回余额。",
    "Less is owed for the enrollment to that budget: the rest is not written off. Check what is owed.",
)
"""What a province reads where it writes off what nobody owes."""
CLAWED_BACK: Final[Mapping[str, tuple[str, str]]] = {
    "ended": (
        "该补助已支付，但不再有效，须追回。款项收回后请报送 payment.returned；未收回部分将从该工人以后的补助中抵扣。",
        "What was paid must come back: collect it and send payment.returned. What is owed is cut from later awards.",
    ),
    "corrected": (
        "注册信息已更正，原补助已支付的金额将计入更正后的补助，暂不需处理；余额以后续决定为准。",
        "The enrollment was corrected: what was paid counts towards the new award. Wait for the decision that follows.",
    ),
}
UNMATCHED: Final[Mapping[str, tuple[str, str]]] = {
    "not_granted": (
        "该注册目前没有已发放的补助，支付未入账。请收回款项并报送 payment.returned，待补助发放后以新的批次行号支付。",
        "Nothing is granted: the payment is not booked. Send payment.returned; pay in a new line once it is granted.",
    ),
    "not_granted_yet": (
        "支付早于批准：已保留，补助批准后自动入账，无需处理。如属误付，请收回并报送 payment.returned。",
        "Paid before it is granted: it is kept, and booked once it is. If it was a mistake, send payment.returned.",
    ),
    "other_pot": (
        "该注册的补助不由此年度和资金来源支付，支付未入账。请报送 payment.returned，再按决定中的年度和资金来源支付。",
        "The award has another year or fund source. Send payment.returned, then pay from that in the decision.",
    ),
    "exceeds_grant": (
        "支付金额超过尚未支付的补助，超出部分未入账。请收回超出部分并报送 payment.returned。",
        "The payment exceeds what is granted and unpaid; the rest is not booked. Collect it and send payment.returned.",
    ),
    "exceeds_payment": (
        "退回金额超过该笔支付，超出部分未入账。请核对批次、行号和金额。",
        "More came back than was paid in this line; the rest is not booked. Check batch, line and amount.",
    ),
    "not_owed": (
        "该金额此前已从该工人的其他补助中抵扣，账上已计为支付。请直接支付给该工人，无需报送 payment.settled。",
        "It was taken off another award of the worker and counts as paid: pay it out, without a payment.settled.",
    ),
}
"""Why a payment, or what came back of it, is not booked."""

"""What a province reads about a decision: what happened, why and what to do now, in Chinese and English."""

from collections.abc import Mapping
from typing import Final

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
}
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
}
"""Why a budget was not changed."""

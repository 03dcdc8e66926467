"""Everything that crosses a boundary, in one list: each kind of message, who publishes it, on which streams."""

from collections.abc import Container
from dataclasses import dataclass
from typing import Any, Final, Union

from pydantic import BaseModel

from shared.contracts import enrollment, provinces, reporting, subsidy
from shared.contracts.envelope import Fact, ProvinceEvent
from shared.contracts.topics import (
    ENROLLMENT_EVENTS,
    PROVINCE_CONTACTS,
    PROVINCE_DECISIONS,
    PROVINCE_EVENTS,
    PROVINCE_RECEIPTS,
    REPORTING_CHANGES,
    REPORTING_STATISTICS,
    SUBSIDY_EVENTS,
    Stream,
)

CONTACT: Final = "contact.v1"
"""The record on a province's contacts; it is no event and has no envelope."""
STATISTIC: Final = "statistic.v1"
"""The record on reporting's statistics: the state of one cell, no event either."""
BARE: Final = frozenset({CONTACT, STATISTIC})
"""Records without an envelope."""


@dataclass(frozen=True, slots=True)
class Message:
    """One kind of message of one publisher.

    `model` is the whole record as published, `data` what is particular to this kind: the model inside the envelope.
    """

    publisher: str
    name: str
    name_zh: str
    model: type[BaseModel]
    data: type[BaseModel]
    streams: tuple[Stream, ...]

    @property
    def open(self) -> bool:
        """Whether a reader must pass over fields that it does not know; provinces' unknown fields are refused."""
        return self.publisher != "provinces"


NAMES_ZH: Final = {
    provinces.WORKER_REGISTERED: "工人登记",
    provinces.WORKER_ENROLLED: "工人注册入学",
    provinces.ENROLLMENT_CONFIRMED: "院校确认在读",
    provinces.ENROLLMENT_WITHDRAWN: "工人退学",
    provinces.DEGREE_COMPLETED: "工人毕业",
    provinces.SCHOLARSHIP_AWARDED: "授予奖学金",
    provinces.PLAN_DECLARED: "发布资金计划",
    provinces.BUDGET_ALLOCATED: "拨款到位",
    provinces.PROJECT_ESTABLISHED: "设立项目",
    provinces.WORKER_CHANGED: "工人信息变更",
    provinces.ENROLLMENT_SUSPENDED: "工人休学",
    provinces.ENROLLMENT_RESUMED: "工人复学",
    provinces.TRAINING_COMPLETED: "完成培训",
    provinces.CERTIFICATE_EARNED: "取得证书",
    provinces.TITLE_AWARDED: "取得职称",
    provinces.PROMOTION_RECORDED: "岗位晋升",
    provinces.TUTORS_PAIRED: "双导师结对",
    provinces.BUDGET_ADJUSTED: "预算调整",
    provinces.BUDGET_CARRIED_OVER: "预算结转",
    provinces.PAYMENT_SETTLED: "支付完成",
    provinces.PAYMENT_RETURNED: "支付退回",
    provinces.DEBT_WRITTEN_OFF: "追回款核销",
    provinces.BALANCE_OPENED: "登记期初数",
    provinces.INSTITUTION_JOINED: "院校加入",
    provinces.ALLIANCE_FORMED: "成立联盟",
    provinces.ALLIANCE_REPORTED: "联盟报告成果",
    provinces.CONTROL_TOTALS_DECLARED: "申报控制总数",
    provinces.EVENT_VOIDED: "作废事件",
    provinces.SCHEME_ACTIVATED: "启用补助办法",
    provinces.TARGET_SET: "设定目标",
    enrollment.ENROLLMENT_OVERLAPPED: "注册入学重叠",
    enrollment.REGISTRATION_BECAME_FIRST: "成为首次登记",
    enrollment.DAY_BEGAN: "新的一天开始",
    enrollment.VERDICTS_TALLIED: "当日处理结果汇总",
    enrollment.COMPLETENESS_MEASURED: "完整性核对",
    enrollment.RECEIPT_ISSUED: "回执",
    subsidy.SUBSIDY_RESERVED: "预留补助",
    subsidy.SUBSIDY_GRANTED: "发放补助",
    subsidy.SUBSIDY_WAITLISTED: "补助进入候补",
    subsidy.SUBSIDY_ADMITTED: "补助由待确认转入候补",
    subsidy.SUBSIDY_RELEASED: "补助释放",
    subsidy.SUBSIDY_FORGONE: "放弃一部分补助",
    subsidy.SUBSIDY_COMMITTED: "承诺后续年度补助",
    subsidy.SUBSIDY_COMMITMENT_ENDED: "后续年度补助承诺终止",
    subsidy.SUBSIDY_REFUSED: "不予补助",
    subsidy.SUBSIDY_VOIDED: "补助作废",
    subsidy.SUBSIDY_GRANT_REVERSED: "补助发放冲回",
    subsidy.SCHOLARSHIP_REVERSED: "奖学金冲回",
    subsidy.SUBSIDY_DISBURSED: "补助支付入账",
    subsidy.SUBSIDY_RETURNED: "补助支付退回入账",
    subsidy.SUBSIDY_CLAWED_BACK: "补助追回",
    subsidy.CLAWBACK_REPAID: "追回款收回",
    subsidy.CLAWBACK_WRITTEN_OFF: "追回款已核销",
    subsidy.PAYMENT_UNMATCHED: "支付未匹配",
    subsidy.SCHEME_ADOPTED: "补助办法生效",
    subsidy.SCHEME_REFUSED: "补助办法未生效",
    subsidy.BUDGET_OPENED: "预算入账",
    subsidy.BUDGET_INCREASED: "预算追加入账",
    subsidy.BUDGET_REDUCED: "预算核减入账",
    subsidy.BUDGET_CHANGE_REFUSED: "预算变动未执行",
    subsidy.CARRYOVER_BOOKED: "结转入账",
    subsidy.BUDGET_EXHAUSTED: "预算用尽",
    subsidy.BUDGET_RECOVERED: "预算恢复",
    subsidy.BUDGET_THRESHOLD_REACHED: "预算使用达到预警线",
    subsidy.BUDGET_THRESHOLD_CLEARED: "预算使用回落",
    subsidy.SCHOLARSHIP_BOOKED: "奖学金入账",
    subsidy.SCHOLARSHIP_EXCEEDS_BUDGET: "奖学金超出预算",
    subsidy.SCHOLARSHIP_EXCEEDS_TUITION: "奖学金超出学费",
    subsidy.LEDGER_TOTALLED: "账目当日余额",
    reporting.STATISTICS_CHANGED: "统计数字变动",
    reporting.STATISTICS_REBUILT: "统计数字重算",
    STATISTIC: "统计数字",
    CONTACT: "联系方式",
}
"""What a clerk calls each kind of message."""


def _facts(publisher: str, models: dict[str, type[BaseModel]], *streams: Stream) -> list[Message]:
    return [
        Message(publisher, name, NAMES_ZH[name], Fact[data], data, streams)  # type: ignore[valid-type]
        for name, data in models.items()
    ]


def _of_subsidy() -> list[Message]:
    decisions = {name: data for name, data in subsidy.FACT_MODELS.items() if name in subsidy.DECISIONS}
    budgets = {name: data for name, data in subsidy.FACT_MODELS.items() if name not in subsidy.DECISIONS}
    return [
        *_facts("subsidy", decisions, SUBSIDY_EVENTS, PROVINCE_DECISIONS),
        *_facts("subsidy", budgets, SUBSIDY_EVENTS),
    ]


MESSAGES: Final[tuple[Message, ...]] = (
    *(
        Message("provinces", name, NAMES_ZH[name], ProvinceEvent[data], data, (PROVINCE_EVENTS,))  # type: ignore[valid-type]
        for name, data in provinces.DATA_MODELS.items()
    ),
    Message(
        "provinces",
        CONTACT,
        NAMES_ZH[CONTACT],
        provinces.Contact,
        provinces.Contact,
        (PROVINCE_CONTACTS,),
    ),
    *_facts("enrollment", enrollment.FACT_MODELS, ENROLLMENT_EVENTS),
    *_facts("enrollment", {enrollment.RECEIPT_ISSUED: enrollment.ReceiptIssued}, PROVINCE_RECEIPTS),
    *_of_subsidy(),
    *_facts("reporting", reporting.FACT_MODELS, REPORTING_CHANGES),
    Message(
        "reporting",
        STATISTIC,
        NAMES_ZH[STATISTIC],
        reporting.Statistic,
        reporting.Statistic,
        (REPORTING_STATISTICS,),
    ),
)
"""In the order in which a reader meets them: from the province to the decision."""


def on_stream(stream: Stream) -> tuple[Message, ...]:
    """The kinds of message that `stream` carries."""
    return tuple(message for message in MESSAGES if stream in message.streams)


def batch_of(*streams: Stream, only: Container[str] | None = None) -> Any:
    """The type of a batch from `streams` as documents name it; `only` leaves out what the reader passes over."""
    messages = [message for stream in streams for message in on_stream(stream)]
    kinds = tuple(message.model for message in messages if only is None or message.name in only)
    return list[Union[kinds]]  # type: ignore[valid-type]  # noqa: UP007 - made from a tuple

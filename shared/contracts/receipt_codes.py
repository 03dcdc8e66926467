"""The catalogue of codes that a receipt can carry, with what happened and what to do now, in both languages."""

from dataclasses import dataclass
from typing import Final

PARKED_MAX_DAYS: Final = 90
"""An event whose prerequisite has not come for so many days is refused when the next day of its lane begins."""


@dataclass(frozen=True, slots=True)
class Code:
    """One reason, as a clerk reads it; `{field}` and `{detail}` are filled in where it says more than its name."""

    code: str
    zh: str
    """What happened and why, in Chinese."""
    do_zh: str
    """What to do now; the same for every event with this code, so nothing is filled in."""
    en: str
    do_en: str


_ALL: Final = (
    Code(
        "duplicate",
        "该事件此前已收到，内容相同。",
        "无需再次发送。",
        "This event was received before with the same content.",
        "Nothing to do.",
    ),
    Code(
        "duplicate_waiting",
        "该事件此前已收到，内容相同，仍在等待：{detail}。",
        "请勿重复发送，请发送它所等待的事件。",
        "This event was received before with the same content, and still waits for {detail}.",
        "Do not send it again: send what it waits for.",
    ),
    Code(
        "conflict",
        "该事件编号此前已用于不同的内容，本次未采用。",
        "如需更改，请使用新的事件编号。",
        "This event id was used before for other content, so this one was not taken.",
        "Use a new id for a change.",
    ),
    Code(
        "unreadable",
        "无法读取该记录（{detail}），原始内容已封存。",
        "请修正后重新发送。",
        "The record cannot be read ({detail}). Its bytes are kept.",
        "Mend it and send it again.",
    ),
    Code(
        "too_large",
        "事件超过 1 MiB 上限。",
        "请拆分或删减后重新发送。",
        "The event is larger than 1 MiB.",
        "Split or shorten it and send it again.",
    ),
    Code(
        "empty",
        "记录没有内容。",
        "请发送完整事件。",
        "The record has no value.",
        "Send a whole event.",
    ),
    Code(
        "unknown_type",
        "不认识事件类型“{detail}”。",
        "请对照合同文档中的类型列表。",
        "The event type “{detail}” is not known.",
        "Compare the list of types in the contract.",
    ),
    Code(
        "unknown_version",
        "不支持事件类型“{detail}”的这一版本。",
        "请使用文档中列出的版本。",
        "This version of the event type “{detail}” is not supported.",
        "Use a version that the contract lists.",
    ),
    Code(
        "foreign_province",
        "事件自称来自其他省份（{detail}），而本通道只属于贵省。",
        "请通过本省通道发送本省的事件。",
        "The event names another province ({detail}) as its own; a province's topic is its identity.",
        "Send each province's events on its own topic.",
    ),
    Code(
        "invalid",
        "字段“{field}”不符合要求：{detail}。",
        "请修正后用同一编号重新发送。",
        "Field “{field}” is not valid: {detail}.",
        "Mend it and send it again under the same id.",
    ),
    Code(
        "unknown_field",
        "不认识字段“{field}”。",
        "请删除或改正后重新发送。",
        "Field “{field}” is not known.",
        "Remove or rename it and send the event again.",
    ),
    Code(
        "missing_field",
        "缺少字段“{field}”。",
        "请补充后重新发送。",
        "Field “{field}” is missing.",
        "Add it and send the event again.",
    ),
    Code(
        "already_recorded",
        "同一事项已由事件 {detail} 登记，本次未重复计入。",
        "无需再次发送；如需更正，请先核对已登记的事件。",
        "The same matter was recorded by event {detail}; it is not counted again.",
        "Nothing to do, unless the first one was wrong: then compare it.",
    ),
    Code(
        "nation_only",
        "该类事件对全国有效，只有全国通道（00）可以发送。",
        "请联系全国管理方发送。",
        "An event of this type holds for the whole nation; only lane 00 may send it.",
        "Ask the national operator to send it.",
    ),
    Code(
        "not_the_funder",
        "只有资助省份（{detail}）可以发送此事件。",
        "请由该省发送。",
        "Only the province that funds ({detail}) may send this event.",
        "Have that province send it.",
    ),
    Code(
        "unknown_event",
        "没有以编号“{detail}”采用的贵省事件。",
        "请核对编号和来源；未被采用的事件无需作废。",
        "No event of yours was accepted under the id “{detail}”.",
        "Compare the id and its source; what was not accepted need not be voided.",
    ),
    Code(
        "already_voided",
        "该事件已由事件 {detail} 作废或更正。",
        "如需再次更正，请针对最新的事件。",
        "That event was voided or corrected by event {detail} already.",
        "To correct again, name the latest one.",
    ),
    Code(
        "still_waiting",
        "事件 {detail} 仍在等待，尚未采用，不能更正。",
        "请先作废它，再用新的编号发送正确的事件。",
        "Event {detail} still waits and is not accepted, so it cannot be corrected.",
        "Void it, then send the right one under a new id.",
    ),
    Code(
        "has_dependants",
        "其他事件以该事件为基础：{detail}。",
        "请先作废这些事件，或者发送更正（supersedes）而不是作废。",
        "Other events build on this one: {detail}.",
        "Void those first, or send a correction (supersedes) instead of a void.",
    ),
    Code(
        "cycle",
        "事件不能作废或更正它自己。",
        "请填写要作废或更正的那个事件的编号。",
        "An event cannot void or correct itself.",
        "Name the event that is to be voided or corrected.",
    ),
    Code(
        "not_voidable",
        "这类事件不能作废或更正：{detail}。",
        "请按此说明发送相应的事件。",
        "Events of this kind are neither voided nor corrected: {detail}.",
        "Send the event that does it instead.",
    ),
    Code(
        "corrects_other",
        "更正的类型、工人和编号必须与原事件相同（字段“{field}”不同）。",
        "请作废原事件，再用新的编号发送。",
        "A correction has the type, the worker and the numbers of what it corrects; “{field}” differs.",
        "Void the old event, then send the new one under a new id.",
    ),
    Code(
        "nothing_to_build_on",
        "更正所依据的{detail}尚未登记；更正不会等待。",
        "请先发送它，再用同一编号重新发送更正。",
        "The correction builds on {detail}, which has not come; a correction does not wait.",
        "Send that first, then the correction again under the same id.",
    ),
    Code(
        "voided_while_waiting",
        "该事件在等待期间被贵省作废，现不再等待。",
        "无需处理；可用同一编号重新发送。",
        "You voided this event while it waited; it waits no longer.",
        "Nothing to do; under its id it may be sent again.",
    ),
    Code(
        "other_funder",
        "该注册编号此前属于由 {detail} 资助的注册，不能改由其他省份资助。",
        "请使用新的注册编号。",
        "This number belonged to an enrollment that {detail} funds, and stays with that province.",
        "Use a new enrollment number.",
    ),
    Code(
        "wrong_state",
        "该注册当前状态为“{detail}”，不能进行此操作。",
        "请核对注册编号和事件顺序。",
        "The enrollment's state is “{detail}”, which does not allow this.",
        "Check the number and the order of events.",
    ),
    Code(
        "subject_mismatch",
        "事件主体与注册编号所属工人不一致。",
        "请核对后重新发送。",
        "The subject is not the worker of this enrollment.",
        "Check both and send it again.",
    ),
    Code(
        "waits_for",
        "该事件需等待{detail}的登记，到达后将自动处理。",
        "无需重发；请确认所等待的事件会发送。",
        "The event waits for the registration of {detail}; it goes on by itself when that comes.",
        "Nothing to send again; make sure that what it waits for is sent.",
    ),
    Code(
        "prerequisite_missing",
        f"该事件等待{{detail}}已达 {PARKED_MAX_DAYS} 天，前置事件仍未到达，现不再等待。",
        "请先发送所缺的前置事件，再用同一编号重新发送本事件。",
        f"The event has waited {PARKED_MAX_DAYS} days for {{detail}}, which has not come; it waits no longer.",
        "Send what is missing first, then this event again under the same id.",
    ),
    Code(
        "set_aside",
        "本系统处理该事件时发生内部错误，并非贵方之过。原始内容已封存。",
        "我方修复并通知后，请用同一编号重新发送。",
        "Our own system failed on this event; it is not your mistake. Its bytes are kept.",
        "Once the fault is mended and you are told, send it again under the same id.",
    ),
    Code(
        "too_many_waiting",
        "等待前置事件的记录过多，暂不接收。",
        "请先发送缺少的事件，再重新发送本事件。",
        "Too many events of this lane wait for others.",
        "Send what they wait for first, then this event again.",
    ),
)

STATUSES: Final = {
    "accepted": ("已采用", "accepted"),
    "duplicate": ("重复", "duplicate"),
    "conflict": ("内容冲突", "conflict"),
    "rejected": ("未采用", "rejected"),
    "parked": ("等待中", "waiting"),
}
"""The verdicts of receipts, as a clerk reads them in Chinese and English."""
FIELD_MAX_CHARS: Final = 120
"""So much of a field's path stands in a receipt: its name is the sender's, and as long as he likes."""
CODES: Final = {code.code: code for code in _ALL}
STATUS_OF: Final = {
    "duplicate": "duplicate",
    "duplicate_waiting": "duplicate",
    "conflict": "conflict",
    "waits_for": "parked",
}
"""The verdict of a receipt with this code; with any other it is `rejected`."""


def sentences(code: str, *, field: str | None = None, detail: str | None = None) -> tuple[str, str]:
    """What happened and what to do now in Chinese and English, with `field` and `detail` filled in.

    A detail that differs by language is given as `中文 / English`.
    """
    entry = CODES[code]
    zh, _, en = (detail or "").partition(" / ")
    return (
        entry.zh.format(field=field or "", detail=zh) + entry.do_zh,
        f"{entry.en.format(field=field or '', detail=en or zh)} {entry.do_en}",
    )

"""Why the HTTP door takes nothing of a request or has no answer yet, with what to do now, in both languages."""

from dataclasses import dataclass
from typing import Final

from shared.contracts.receipt_codes import CODES, Code


@dataclass(frozen=True, slots=True)
class DoorCode(Code):
    """A reason and the HTTP status that goes with it."""

    status: int


_OWN: Final = (
    DoorCode(
        "unreadable",
        "无法读取请求中的事件（{detail}），整个请求均未写入。",
        "请修正后重新发送整个请求。",
        "An event of the request cannot be read ({detail}); nothing of the request was written.",
        "Mend it and send the whole request again.",
        400,
    ),
    DoorCode(
        "wrong_content_type",
        "请求的内容类型不受支持。",
        "请使用 application/cloudevents+json（单个事件）、application/cloudevents-batch+json（一批事件），"
        "或带 ce- 请求头的 application/json，编码为 UTF-8。",
        "The request's content type is not supported.",
        "Send application/cloudevents+json (one event), application/cloudevents-batch+json (several), "
        "or application/json with ce- headers, in UTF-8.",
        415,
    ),
    DoorCode(
        "request_too_large",
        "请求超过 {detail} 字节上限。",
        "请分成较小的批次发送。",
        "The request is larger than {detail} bytes.",
        "Send it in smaller batches.",
        413,
    ),
    DoorCode(
        "too_many_events",
        "一个批次最多 {detail} 个事件。",
        "请分成较小的批次发送。",
        "One batch holds at most {detail} events.",
        "Send it in smaller batches.",
        413,
    ),
    DoorCode(
        "too_slow",
        "请求内容在 {detail} 秒内未传完。",
        "请检查网络后重新发送，或分成较小的批次。",
        "The request's body did not come within {detail} seconds.",
        "Check the network and send it again, or send smaller batches.",
        408,
    ),
    DoorCode(
        "too_often",
        "本省发送过于频繁。",
        "请等待 Retry-After 所示秒数后重新发送。",
        "This province sends too much too fast.",
        "Wait for the seconds that Retry-After gives, then send it again.",
        429,
    ),
    DoorCode(
        "too_many_at_once",
        "同时进行的请求过多。",
        "请等待先前的请求完成；Retry-After 所示秒数后重新发送。",
        "Too many requests are under way at once.",
        "Let earlier ones end; send it again after the seconds that Retry-After gives.",
        429,
    ),
    DoorCode(
        "not_written",
        "消息系统暂时不可用。事件列表注明各事件是否可能已写入（no 未写入，unknown 不确定）。",
        "请在 Retry-After 所示秒数后用相同编号重新发送全部事件，不会重复计入。",
        "Kafka cannot be reached. The list of events says of each whether it may have been written (no, or unknown).",
        "Send all of them again under the same ids after the seconds that Retry-After gives: nothing counts twice.",
        503,
    ),
    DoorCode(
        "another_province",
        "该令牌属于其他省份。",
        "请使用本省的令牌访问本省的地址。",
        "This token belongs to another province.",
        "Use your own province's token and address.",
        403,
    ),
    DoorCode(
        "no_receipt_yet",
        "该编号尚无回执：事件还未处理，或从未收到。",
        "请在 Retry-After 所示秒数后再次查询；若长时间没有回执，请重新发送该事件。",
        "There is no receipt under this id: the event is not judged yet, or never came.",
        "Ask again after the seconds that Retry-After gives; if none comes, send the event again.",
        404,
    ),
    DoorCode(
        "no_journey",
        "没有可供查询的该工人记录：尚未登记，或与本省无关。",
        "请核对工人代号；本省登记、上报或资助过的工人方可查询。",
        "There is no such worker to be looked up: not recorded yet, or none of your province's.",
        "Check the worker_ref; a province sees workers whom it has registered, reported on or funded.",
        404,
    ),
)
_STATUS_IN_CATALOGUE: Final = {"empty": 400, "too_large": 413}
"""Codes of receipts that the HTTP door gives before Kafka, since without a readable id no receipt could be named."""

DOOR_CODES: Final[dict[str, DoorCode]] = {
    **{
        name: DoorCode(name, CODES[name].zh, CODES[name].do_zh, CODES[name].en, CODES[name].do_en, status)
        for name, status in _STATUS_IN_CATALOGUE.items()
    },
    **{code.code: code for code in _OWN},
}


def door_sentences(code: str, detail: str = "") -> tuple[str, str]:
    """What happened and what to do now, in Chinese and English; a detail as `中文 / English`."""
    entry = DOOR_CODES[code]
    zh, _, en = detail.partition(" / ")
    return (
        entry.zh.format(detail=zh) + entry.do_zh,
        f"{entry.en.format(detail=en or zh)} {entry.do_en}",
    )

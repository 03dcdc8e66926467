"""The page `docs/publishing.md`: how a province publishes its own file, with every column and every word it may use."""

import json

from console.province.columns import CHINESE, IDENTITY_NUMBER, WORKER_REF, Column, accepted_words, columns
from shared.contracts.catalogue import on_stream
from shared.contracts.door_codes import DOOR_CODES, door_sentences
from shared.contracts.examples import example
from shared.contracts.lanes import LANES
from shared.contracts.provinces import DATA_MODELS, WORKER_REGISTERED
from shared.contracts.topics import PROVINCE_EVENTS

HEAD = """# Publishing a province's own file (发送本省文件)

<!-- Written by `make schemas`; do not edit. -->

    dreams publish --template worker.enrolled              # an empty file with the right headers and an example
    dreams publish --province 32 --type worker.enrolled 注册.csv --dry-run
    dreams publish --province 32 --type worker.enrolled 注册.csv

- **Files**: tables (CSV; UTF-8 with or without byte order mark, GB18030, UTF-16; comma, semicolon or tab), JSON Lines
  (English names, nested or with dots), CloudEvents (structured: one a line, one file, or an array).
- **Headers** in Chinese or English, in any order. A column that is not known is named and not sent.
- **Identity numbers** (身份证号) become pseudonyms on this machine, with the key file that `--key-file` or
  DREAMS_WORKER_KEY_FILE names; they go no further. An identity number in any other column stops its row.
- **Ids** (事件编号): where the column is empty the id is made of the row's content, so a file may be sent again: what
  is known is `duplicate` and counts once. To correct a refused row, mend it and send the whole file again.
- **Time** (发生时间) may be left out where the row has a day of its own; without an offset it is Shanghai's.
- **Money** in yuan (元, at most two decimals) or in fen (分), one of the two.
- **Receipts** are followed to the end. What was refused is shown and written beside the file as `<file>.refused.csv`.
- **Exit status**: 0 if every row is accepted or was known, 1 if not, 2 if the call or the file as a whole is wrong.
- **Connection**: the local stack, or DREAMS_KAFKA_BOOTSTRAP, DREAMS_KAFKA_PASSWORD_FILE and, where they differ from
  the defaults, DREAMS_KAFKA_USERNAME, DREAMS_KAFKA_TLS, DREAMS_KAFKA_CA_FILE, DREAMS_NAMESPACE.
"""


_HTTP = """## Without Kafka: by HTTP (没有 Kafka 时使用 HTTP)

A province's system posts its events to enrollment's API with the province's own token. They go to the same topic and
are judged by the same code as those that come by Kafka; nothing else decides on this way.

```sh
curl -sS --fail-with-body "$DREAMS_API_ENROLLMENT/v1/provinces/32/events?wait=2s" \\
    -H "Authorization: Bearer $(cat "$DREAMS_API_TOKEN_FILE")" \\
    -H "Content-Type: application/cloudevents-batch+json" \\
    --data-binary @- <<'EVENTS'
[{example}]
EVENTS
```

- **Content types**: `application/cloudevents+json` for one event, `application/cloudevents-batch+json` for up to 1,000,
  or `application/json` with the attributes in `ce-` headers (percent-encoded where they are not ASCII). On Kafka one
  record holds one event: a batch there is refused as `unreadable`.
- **Answer**: `202` once Kafka has acknowledged, with a link to the receipt of each event. `?wait=2s` (at most `10s`)
  waits and answers with the receipts that are final by then. A request is written whole or not at all.
- **No `Idempotency-Key`**: an event's `id` is one. After a lost answer, a `429` or a `503` send the same events again
  after the seconds that `Retry-After` gives: what was written already gets the receipt `duplicate` and counts once.
- **Limits**: 4 MiB a request, 1 MiB an event, four requests at once; 5,000 events at once and 500 a second in the long
  run, where the deployment has not set others.
- **Receipts**: `GET /v1/provinces/32/receipts?day=2026-03-01&status=rejected`, page by page (`after`), as JSON or, with
  `Accept: text/csv`, as a table with Chinese and English headers and what to do now. Without `day`, `after` alone
  follows new ones. By command:

      dreams receipts --province 32 --day 2026-03-01 --status rejected --csv 回执.csv
      dreams receipts --province 32 --id EVENT_ID

- **Tokens** are made by the operator, one or more for each province. One ends on its day (`not_after`); the next is
  given out before, and both are taken until then.

What is refused before anything is written, as `application/problem+json` with both languages:

| Status | Code | 说明与处理办法 | What it means, what to do |
|---|---|---|---|
{codes}"""


def _by_http() -> str:
    codes = (
        (
            str(code.status),
            f"`{code.code}`",
            *(said.replace("|", "\\|") for said in door_sentences(code.code, "…")),
        )
        for code in DOOR_CODES.values()
    )
    sent = next(one for one in on_stream(PROVINCE_EVENTS) if one.name == WORKER_REGISTERED)
    body = json.dumps(example(sent), ensure_ascii=False)
    return _HTTP.replace("{example}", body).replace(
        "{codes}", "".join(f"| {' | '.join(row)} |\n" for row in codes)
    )


def guide() -> str:
    """The whole page."""
    return (
        "\n".join([HEAD, _by_http(), *(_of_type(name) for name in DATA_MODELS), _sectors(), _provinces()])
        + "\n"
    )


def _of_type(name: str) -> str:
    short = name.removeprefix("dreams.").rpartition(".v")[0]
    lines = [f"## {short}", "", "| Column 列 | English | Needed 必填 | Values 取值 |", "|---|---|---|---|"]
    lines += [
        f"| {column.zh} | `{column.en}` | {_needed(column)} | {_values(column)} |" for column in columns(name)
    ]
    return "\n".join(lines) + "\n"


def _needed(column: Column) -> str:
    if column.path in {IDENTITY_NUMBER, WORKER_REF}:
        return "one of the two 二选一"
    if column.kind == "fen" and column.required:
        return "in yuan or in fen 元或分"
    return "yes 是" if column.required else ""


def _values(column: Column) -> str:
    if "A" in column.choices:
        return "see sectors 见行业门类"
    if "11" in column.choices:
        return "see provinces 见省份"
    if not column.choices:
        return _KINDS[column.kind]
    several = "several, with 、 between: " if column.kind == "choices" else ""
    return several + "; ".join(f"`{v}` {'/'.join(accepted_words(v, column))}" for v in column.choices)


_KINDS = {
    "text": "text 文本",
    "number": "whole number 整数",
    "fen": "amount 金额",
    "day": "date 日期, 2026-03-01 or 2026/3/1 or 2026年3月1日",
    "time": "time 时间, 2026-03-01 08:30",
    "flag": "是/否, yes/no",
}


def _sectors() -> str:
    rows = [f"| `{code}` | {CHINESE[code][0]} |" for code in "ABCDEFGHIJKLMNOPQRST"]
    return "\n".join(["## Sectors 行业门类 (GB/T 4754)", "", "| Code | Name |", "|---|---|", *rows]) + "\n"


def _provinces() -> str:
    rows = [f"| `{lane.code}` | {lane.name_zh} | {lane.name_en} |" for lane in LANES]
    return "\n".join(["## Provinces 省份", "", "| Code | 名称 | Name |", "|---|---|---|", *rows])

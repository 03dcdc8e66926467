"""The page `docs/publishing.md`: how a province publishes, with every column of a table and every word it may use."""

import json

from console.province.columns import CHINESE, IDENTITY_NUMBER, WORKER_REF, Column, accepted_words, columns
from shared.contracts.catalogue import on_stream
from shared.contracts.door_codes import DOOR_CODES, door_sentences
from shared.contracts.examples import example
from shared.contracts.lanes import LANES
from shared.contracts.provinces import DATA_MODELS, WORKER_REGISTERED
from shared.contracts.topics import PROVINCE_EVENTS

HEAD = """# Publishing as a province (各省发送事件)

<!-- Written by `make schemas`; do not edit. -->

Three ways, all to the same door: a file by `dreams publish`, a system of your own on the publisher kit, and plain
[Kafka](contracts/README.md). `dreams certify` is the rehearsal for a system.

## A file (发送文件)

    dreams publish --template worker.enrolled              # an empty workbook with an example row
    dreams publish --province 32 --dry-run 注册.xlsx        # check everything, send nothing
    dreams publish --province 32 注册.xlsx

- **Files**: Excel (`.xlsx`), tables (CSV; UTF-8 with or without byte order mark, GB18030, UTF-16; comma, semicolon
  or tab), JSON Lines (English names, nested or with dots), CloudEvents (structured: one a line, one file, or an
  array).
- **Templates** are `.xlsx`, or `.csv` where the file to write is named so. In Excel codes are text, so that no zero
  in front is lost, and enumerations are lists to choose from; their Chinese words are accepted in every format.
- **Headers** in Chinese or English, in any order, in one of the first ten lines: titles may stand above. A column
  that is not known is named and not sent.
- **Type** (事件类型): what a table holds is seen from its headers, or from a sheet's name (工人登记,
  `worker.registered`), and said. Where headers fit several types, `--type` decides. A column 事件类型 lets each row
  say its own. Each sheet of a workbook is a table of its own; those without known headers are named and passed
  over.
- **Identity numbers** (身份证号) become pseudonyms on this machine, with the key file that `--key-file` or
  DREAMS_WORKER_KEY_FILE names; they go no further. An identity number in any other column stops its row.
- **Ids** (事件编号): where the column is empty the id is made of the row's content, so a file may be sent again:
  what is known is `duplicate` and counts once. To correct a refused row, mend it and send the whole file again.
- **After an interruption** (Ctrl-C, power, network) the same command goes on: `<file>.progress` beside the file
  keeps what was sent and answered until every row has its final receipt. Rows that were mended meanwhile are sent
  as they are now.
- **Dry run** reads each row as the door does and shows the same table. What only the register knows (an enrollment
  that does not exist, a number that was used before) comes with the receipts.
- **Time** (发生时间) may be left out where the row has a day of its own; without an offset it is Shanghai's.
- **Money** in yuan (元, at most two decimals) or in fen (分), one of the two.
- **Order** does not matter: what comes before the event on which it builds (a worker, an enrollment, a project, the
  institution of a shared course, an alliance, a payment) waits for it, and goes on by itself.
  What has not come after 90 days is waited for no longer: the event is refused (`prerequisite_missing`, naming what was
  missing); send that first, then the event again under its id.
- **Completeness**: declare with `control_totals.declared` how many events of some types you have sent in a period.
  `GET /v1/provinces/32/completeness?month=2027-03` shows what was accepted beside it, the difference, and the days of
  the month on which nothing happened.
- **Several values** in one cell stand with 、 between; several entries, each of several values, with ；between them
  and ：between the values of each.
- **Receipts** are followed to the end. What was refused is shown and written beside the file as
  `<file>.refused.csv`.
- **Exit status**: 0 if every row is accepted or was known, 1 if not, 2 if the call or the file as a whole is wrong,
  130 if interrupted.
- **Connection**: the local stack, or DREAMS_KAFKA_BOOTSTRAP, DREAMS_KAFKA_PASSWORD_FILE and, where they differ from
  the defaults, DREAMS_KAFKA_USERNAME, DREAMS_KAFKA_TLS, DREAMS_KAFKA_CA_FILE, DREAMS_NAMESPACE.

## A system of your own: the publisher kit (发送组件)

```python
import asyncio
from pathlib import Path

from console.province.publisher import InvalidEventError, ProvincePublisher

WORKER = {
    "categories": ["migrant", "front_line"],
    "education_level": "senior_high",
    "origin_province": "34",
    "work_province": "32",
}


async def main() -> None:
    async with ProvincePublisher.from_environment("32", Path("outbox.db"), system="hr") as publisher:
        try:
            sent = await publisher.send(
                "worker.registered", WORKER, identity_number="999901199001011013", time="2026-03-01T08:30:00+08:00"
            )
        except InvalidEventError as wrong:
            print("not sent:", wrong.refused.field, wrong.zh, wrong.en)
            return
        receipt = await sent.receipt()
        print(sent.id, receipt.status, receipt.code or "", receipt.message_zh or "")


asyncio.run(main())
```

- `send` checks the event as the door does, makes id and pseudonym, and returns once it is **on disk** in the
  outbox. From there it goes to Kafka, in order, with retries that slow down, for as long as Kafka is away;
  `publisher.trouble` says why.
- **After a crash** the same outbox goes on where it stood: receipts that came meanwhile are read first, then
  everything without one is sent again. What Kafka had already is a `duplicate`, and the first final receipt is the
  one that counts.
- **Receipts** by `await sent.receipt()`, or for all events by `on_receipt=`, which hears each at least once, after
  it is on disk. A `parked` event has no final receipt yet: bound the wait with `asyncio.timeout`.
- **Ids** are made of the content, so an event that your system makes twice is one event. Give `id=` where your
  system has ids. A rejected id may be sent again with mended data; other content under an id without a receipt is
  refused.
- One process for one outbox; the memory it takes does not grow with what waits.

## Something was wrong: corrections (作废与更正)
- **It should never have been sent**: send `event.voided` (作废事件) with the id of the event and why; its subject is
  that event's worker, where it has one. As a file: `dreams publish --template event.voided`.
- **It was wrong in part**: send the same event with its right content under a **new id**, and the old id in the
  attribute `supersedes` (add a column 更正的事件编号 or `supersedes` to your table). What was built on the old one
  stays: a corrected enrollment keeps its confirmation, its scholarships and its place in the queue.
- A scholarship that is voided or corrected leaves tuition to pay again: an award that it had covered is sought again
  at its old rank, and one that waits for less waits for all of it. What is reserved or granted stays as it is.
- Only your own events, only accepted ones, each once; type, worker and numbers stay as they were. Where other events
  build on it, the receipt says `has_dependants` and lists them: void those first, the last one first.
- Budgets and payments are never voided: send `budget.adjusted` or `payment.returned`.
- The old receipt stays `accepted` and shows `voided_by`; `dreams journey` shows what counts now, and with
  `--as-known-on` what was believed before.

误发的事件请发送 `event.voided`，填写事件编号和原因。
内容有误的，请以**新编号**重新发送正确的事件，并在“更正的事件编号”一栏填写原编号。
其他事件以其为基础时不能作废（`has_dependants`），请先作废后面的事件，或改用更正。
奖学金作废或更正后，因其覆盖学费而释放的补助按原登记顺序重新安排。
预算和支付不能作废，请用 `budget.adjusted` 或 `payment.returned`。

## Money: what comes back on `provinces.<code>.decisions` (资金决定)
- **A reservation** names the day on which it expires (`expires_on`): confirm the enrollment before. After it the
  money goes to those who wait; confirmed late, the award has money again if that is free, otherwise its old place
  in the queue.
- **What another province reports** for your money takes a share of each budget only until you confirm it. Above that
  it waits (`subsidy.waitlisted` with `waits_for` `confirmation`): your `enrollment.confirmed` gives it its turn.
- **A payment** (`payment.settled`) counts against what is granted from the year and fund source that it names. What
  is paid without a grant, from another pot or above it comes back as `payment.unmatched`, with what to do. Paid
  before the grant, it waits and is booked with it (`not_granted_yet`); `dreams payments unmatched` lists what is open.
  `payment.returned` is booked for the enrollment for which that batch and line was paid.
- **What is to be paid**: `dreams payments due --province 32 --out 待支付.csv` writes what is granted and not paid, with
  control sums in its last line, for the finance office (`--format xml` for its system; how to check it:
  [operating](operating.md)). Once it has paid, fill in 支付日期, delete the lines that were not paid, leave the rest as
  it is, and send the same file by `dreams publish`. Do so before you draw up the next one: until then the same awards
  stand in it again. The file holds no names: whoever pays finds the worker by the enrollment.
- **Withdrawn after it was paid**: `subsidy.clawed_back` says what must come back. Send `payment.returned` for it; what
  is still owed is taken off the worker's later awards from the same fund source (`clawback.repaid`): pay that much
  less. What will not come back is written off by `debt.written_off`: it stays spent, and nothing more is taken off.
- **A cut or a carry-over** takes only what is free: `budget.reduced` and `carryover.booked` say what was refused.
  Nothing is changed for a budget that was never allocated: `budget.change_refused`.

预留的补助注明到期日，请在此之前确认在读；到期后资金转给候补者，补确认的有资金则重新预留，否则按原顺序候补。
待支付清单由 `dreams payments due` 生成：财务支付后只需填写“支付日期”，删去未支付的行，
用 `dreams publish` 发送同一文件；发送前请勿生成下一份清单，以免重复支付。清单不含姓名，按注册编号查找本人。
支付按年度和资金来源与已发放的补助核对，不符的部分以 `payment.unmatched` 退回并说明处理办法；
早于批准的支付予以保留，批准后自动入账。
他省报送、由本省出资的注册，在本省确认之前只能占用预算的一定份额，超出的待确认（`waits_for`）：请及时报送确认。
已支付后退学的，`subsidy.clawed_back` 说明须追回的金额；收回后请报送 `payment.returned`，未收回部分从以后的补助中抵扣。
确实无法收回的，请报送 `debt.written_off` 核销：该款项计为已支出，不再抵扣。
核减和结转只动用可用资金，其余以决定告知。

## The rehearsal (联调认证)

    dreams certify --province 32 --type degree.completed --type scholarship.awarded
    dreams certify --province 32 --type all --events 1000 --json

The command makes a trial of its own beside the running stack (topics, database, the same code), says how to connect
and writes that to `certification-32.env` in the stack's folder (`source` it, then start your system, or `dreams
publish`). It shows live what is fulfilled and what to do for the rest: each type accepted, an event that waits and
is then accepted, a duplicate, a rejected event mended under its id, a conflict noticed, so many events in a row
without a fault, times with their zone, pseudonyms of one key. Exit status 0 only if all is fulfilled. At the end
the trial is deleted.

# Columns of each type (各类事件的列)
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

- **Look-ups**: `GET /v1/workers/{worker_ref}/journey?as_known_on=2026-03-01` tells the path of a worker whom the
  province has registered, reported on or funds: what other provinces reported is there without its details.
  `GET /v1/projects?search=…`, `/v1/institutions` and `/v1/alliances` list what events name by number. Each look-up is
  recorded.

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
    if column.parts:
        return "several, with ；between, each 每项: " + "：".join(f"{c.zh} `{c.en}`" for c in column.parts)
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
    "list": "texts 文本, several with 、 between",
    "person": "身份证号 (becomes a pseudonym 转为代号) or worker_ref",
}


def _sectors() -> str:
    rows = [f"| `{code}` | {CHINESE[code][0]} |" for code in "ABCDEFGHIJKLMNOPQRST"]
    return "\n".join(["## Sectors 行业门类 (GB/T 4754)", "", "| Code | Name |", "|---|---|", *rows]) + "\n"


def _provinces() -> str:
    rows = [f"| `{lane.code}` | {lane.name_zh} | {lane.name_en} |" for lane in LANES]
    return "\n".join(["## Provinces 省份", "", "| Code | 名称 | Name |", "|---|---|---|", *rows])

"""The page `docs/publishing.md`: how a province publishes its own file, with every column and every word it may use."""

from console.province.columns import CHINESE, IDENTITY_NUMBER, WORKER_REF, Column, accepted_words, columns
from shared.contracts.lanes import LANES
from shared.contracts.provinces import DATA_MODELS

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


def guide() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(_of_type(name) for name in DATA_MODELS), _sectors(), _provinces()]) + "\n"


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

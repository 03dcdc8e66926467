"""Writes docs/contracts and docs/publishing.md from the contracts (`make schemas`); `--check` says what is stale."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from console.province.guide import guide
from scripts.contract_asyncapi import CHANNELS, SERVICES, document, key_of
from scripts.contract_lifecycles import lifecycles
from scripts.contract_schemas import incompatibilities, schema_of
from shared.contracts.access import Principal, principals
from shared.contracts.catalogue import MESSAGES, Message
from shared.contracts.envelope import EVENT_MAX_BYTES
from shared.contracts.lanes import LANE_CODES
from shared.contracts.receipt_codes import CODES, STATUS_OF
from shared.contracts.topics import REPLAYED, STREAMS, Stream, replays_of, topics

DOCS: Final = Path(__file__).resolve().parent.parent / "docs"
FOLDER: Final = DOCS / "contracts"
PROVINCES_PAGE: Final = "publishing.md"
GENERATED: Final = "<!-- Written by `make schemas`; do not edit. -->\n"
PUBLISHERS_ZH: Final = {
    "provinces": "各省",
    "enrollment": "注册服务",
    "subsidy": "补助服务",
    "reporting": "统计服务",
}


def main(arguments: list[str] | None = None, docs: Path = DOCS) -> int:
    """Write the documents, or with `--check` only look; 1 for stale documents or a change that is refused."""
    parser = argparse.ArgumentParser(prog="contract_documents", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 and name what is stale")
    fresh, folder, page = documents(), docs / FOLDER.name, docs / PROVINCES_PAGE
    if parser.parse_args(arguments).check:
        return _say(stale(fresh, folder) + _stale_page(page), "run `make schemas` and commit docs")
    refused = breaking(folder)
    if refused:
        return _say(
            refused,
            "within a major version only optional fields are added: give the type a new major, "
            "or delete its files if it was never released",
        )
    for name, text in fresh.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    page.write_text(guide(), encoding="utf-8")
    return _say(stale(fresh, folder), "delete them if their type has been retired for good")


def _stale_page(page: Path) -> list[str]:
    if page.exists() and page.read_text(encoding="utf-8") == guide():
        return []
    return [f"{page.name} is not what the contracts say now"]


def _say(wrong: list[str], what_to_do: str) -> int:
    for line in wrong:
        print(line)
    if wrong:
        print(f"What to do: {what_to_do}.")
    return 1 if wrong else 0


def documents() -> dict[str, str]:
    """Every document by its path within the folder; equal contracts give equal bytes."""
    return {
        **{path_of(message): _json(schema_of(message)) for message in MESSAGES},
        **{f"asyncapi/{name}.json": _json(document(name)) for name in SERVICES},
        "README.md": _index(),
        "codes.md": _codes(),
        "topics.md": _topics(),
        "lifecycles.md": GENERATED + lifecycles(),
    }


def path_of(message: Message) -> str:
    """Where a message's schema stands within the folder."""
    return f"{message.publisher}/{message.name}.json"


def stale(fresh: Mapping[str, str], folder: Path) -> list[str]:
    """What is missing, differs or belongs to nothing any more, one sentence each."""
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    found = [f"{name} belongs to no contract" for name in sorted(there - fresh.keys())]
    found += [f"{name} is missing" for name in sorted(fresh.keys() - there)]
    differ = (n for n in sorted(fresh.keys() & there) if (folder / n).read_text(encoding="utf-8") != fresh[n])
    return found + [f"{name} is not what the contracts say now" for name in differ]


def breaking(folder: Path) -> list[str]:
    """Changes of the contracts that the committed schemas in `folder` do not allow."""
    return [
        f"{path_of(message)}: {why}"
        for message in MESSAGES
        if (folder / path_of(message)).exists()
        for why in incompatibilities(
            json.loads((folder / path_of(message)).read_text(encoding="utf-8")),
            schema_of(message),
            is_open=message.open,
        )
    ]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def _index() -> str:
    parts = [GENERATED, _INDEX_HEAD]
    for publisher, name_zh in PUBLISHERS_ZH.items():
        rows = [
            (
                f"[`{message.name}`]({path_of(message)})",
                message.name_zh,
                " ".join((message.data.__doc__ or "").split()),
                ", ".join(f"`{stream.pattern}`" for stream in message.streams),
            )
            for message in MESSAGES
            if message.publisher == publisher
        ]
        parts.append(f"\n## Published by {publisher} · {name_zh}\n\n")
        parts.append(_table(("Type", "名称", "Meaning", "Topics"), rows))
    return "".join(parts) + _INDEX_TAIL


_INDEX_HEAD: Final = f"""# Contracts · 数据合同

What crosses a boundary: one JSON Schema (2020-12) for each type and publisher, of the whole record as it stands on
Kafka, with one valid example. Titles are the Chinese names, also accepted as headers of a province's tables.

- **Provinces** send structured or binary CloudEvents 1.0 to their own topic. Unknown fields are refused with their
  name, so that a misspelt one is not lost. At most {EVENT_MAX_BYTES:,} bytes an event.
- **Services** publish structured CloudEvents. Readers pass over fields that they do not know: within a major version
  optional fields are added, and nothing else changes. What breaks this does not pass the gates.
- Money is integer fen (分, 1 yuan = 100 fen), at most 2⁵³−1. Instants carry their offset, days are days in
  Asia/Shanghai; both lie between 1950-01-01 and 2099-12-31, which the schemas cannot say.
- People are a `worker_ref`, never a name or an identity number; contacts alone say how to reach a worker.
- What else a receipt may refuse (order of events, documents recorded before, another province's lane):
  [codes.md](codes.md). The states of an enrollment: [lifecycles.md](lifecycles.md). Topics and who may use them:
  [topics.md](topics.md).
- By service, as AsyncAPI 3.0: {", ".join(f"[{name}](asyncapi/{name}.json)" for name in SERVICES)}.

各省以 CloudEvents 1.0 向本省主题发送事件；未知字段会被拒绝并指明名称。同一主版本内只增加可选字段。金额一律为整数“分”。
工人只以 worker_ref（密钥版本与身份证号的密钥散列）表示。回执中的代码见 [codes.md](codes.md)。
"""

_INDEX_TAIL: Final = """
## How a contract changes

`make schemas` writes this folder and refuses what would break a reader or a sender within a major version: a field
removed, required where it was optional, narrowed, or of another type, pattern or format. Such a change is a new type
with the next major (`dreams.worker.enrolled.v2`), published beside the old one until nobody reads that.
"""


def _codes() -> str:
    rows = [
        (
            f"`{code.code}`",
            f"`{STATUS_OF.get(code.code, 'rejected')}`",
            *(code.zh, code.do_zh, code.en, code.do_en),
        )
        for code in CODES.values()
    ]
    return (
        GENERATED
        + _CODES_HEAD
        + _table(("Code", "Status", "说明", "现在怎么办", "What it means", "What to do now"), rows)
    )


_CODES_HEAD: Final = """# Codes of receipts · 回执代码

Every record on a province's topic gets exactly one final receipt: `accepted`, `duplicate`, `conflict` or `rejected`;
`parked` may come before it. A rejected id may be sent again and is judged afresh; an id that was accepted never is.
`{field}` and `{detail}` are filled in by each receipt. Software should look at the code, people at the sentence.

每条记录必有一份最终回执：`accepted`（接受）、`duplicate`（重复）、`conflict`（冲突）或 `rejected`（拒绝）；此前可能先有
`parked`（等待）。被拒绝的编号修正后可用原编号重新发送；已接受的编号不再受理。

"""


def _topics() -> str:
    specs = {spec.name: spec for spec in topics()}
    users = principals()
    rows = []
    for stream in STREAMS:
        spec = specs[stream.topics("")[0]]
        config = ", ".join(f"`{name}={value}`" for name, value in spec.config.items())
        count = f"{len(LANE_CODES)} topics of 1" if stream.per_lane else f"1 topic of {spec.partitions}"
        writers, readers = _names(users, stream, "write"), _names(users, stream, "read")
        rows.append((f"`{stream.pattern}`", count, config, writers, readers, CHANNELS[key_of(stream)]))
    head = ("Topic", "Partitions", "Settings", "May write", "May read", "What it carries")
    groups = [
        (f"`{user.name}`", ", ".join(f"`{prefix}`…" for prefix in user.group_prefixes))
        for user in _once(users)
    ]
    return (
        GENERATED
        + _TOPICS_HEAD
        + _table(head, rows)
        + "\n## Users and their consumer groups\n\n"
        + _table(("User", "Groups that begin with"), groups)
        + "\n## Replays\n\n"
        + _REPLAYS
        + _table(("Topics that begin with", "Made, written and deleted by", "May read"), _replays(users))
        + "\n## Lanes\n\nPartition of each lane in the shared topics: "
        + ", ".join(f"`{code}` {place}" for place, code in enumerate(LANE_CODES))
        + ".\n"
    )


_TOPICS_HEAD: Final = """# Topics · 主题

`{lane}` is a province's two digits (`00` the nation, `66` the Corps): such a stream has a topic for each lane, with one
partition. A shared topic has one partition for each lane, in the order of the lanes' list, chosen explicitly and never
by hash. A deployment may put a namespace in front of all names. The user `province-{lane}` reaches its own lane only.

"""


_REPLAYS: Final = """Where Kafka no longer holds what an event stream began with, its publisher sends its log once more,
on a topic that is made for it with the same partitions and deleted afterwards: `dreams rebuild reporting --from-logs`.

"""


def _replays(users: tuple[Principal, ...]) -> list[tuple[str, ...]]:
    """For each stream that can be sent again: its topics, who makes them and who reads them."""
    rows: list[tuple[str, ...]] = []
    for stream in REPLAYED:
        prefix = replays_of(stream, "")
        makes = [f"`{user.name}`" for user in users if prefix in user.made_prefixes]
        reads = [f"`{user.name}`" for user in users if prefix in user.read_prefixes]
        rows.append((f"`{prefix}`", ", ".join(makes), ", ".join(reads)))
    return rows


def _names(users: tuple[Principal, ...], stream: Stream, right: str) -> str:
    """Who has `right` on all or part of `stream`, all provinces as one."""
    there = set(stream.topics(""))
    names = (_general(user.name) for user in users if there & set(getattr(user, right)))
    return ", ".join(f"`{name}`" for name in dict.fromkeys(names)) or "nobody"


def _once(users: tuple[Principal, ...]) -> list[Principal]:
    """Every kind of user once: the first province stands for all."""
    found: dict[str, Principal] = {}
    for user in users:
        prefixes = tuple(prefix.replace(user.name, _general(user.name)) for prefix in user.group_prefixes)
        found.setdefault(_general(user.name), Principal(_general(user.name), (), (), prefixes))
    return list(found.values())


def _general(name: str) -> str:
    return "province-{lane}" if name.startswith("province-") else name


if __name__ == "__main__":
    sys.exit(main())

"""Read how numbers change and how they stand, from reporting's two topics: an example for those who keep a copy.

    python statistics_reader.py --bootstrap broker:9092 --user operator --password-file password [--json]

It needs aiokafka and nothing else. It reads both topics to their present end, once; a reader that goes on keeps its
sums and its place (`seq` of each lane) in one transaction of its own database, and begins behind it.
"""

import argparse
import asyncio
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer

CHANGED = "dreams.statistics.changed.v1"
REBUILT = "dreams.statistics.rebuilt.v1"


@dataclass
class Changes:
    """Adds up what has changed, lane by lane, and notices what is missing."""

    totals: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Lane → measure → sum over all time."""
    nation: Counter[str] = field(default_factory=Counter)
    """What counts once in the whole country: only the sum over all lanes has a meaning."""
    cells: Counter[str] = field(default_factory=Counter)
    """Key of a cell → sum over all days of recording."""
    counted: dict[tuple[str, str], int] = field(default_factory=dict)
    """(lane, stream) → number of the last fact that is in the sums."""
    seq: dict[str, int] = field(default_factory=dict)
    """Lane → number of the last record."""
    begin_anew: set[str] = field(default_factory=set)
    """Lanes whose numbers were counted anew: how they stand is to be taken from the other topic."""

    def add(self, record: dict[str, Any]) -> None:
        """Add one record; one that came before is passed over, as every reader of such a topic must."""
        lane, seq, last = record["lane"], record["seq"], self.seq.get(record["lane"], 0)
        if seq <= last:
            return
        if seq > last + 1:
            raise LookupError(f"lane {lane}: {last + 1} is missing before {seq}; ask the operator to publish it again")
        self.seq[lane] = seq
        if record["type"] == REBUILT:
            self.begin_anew.add(lane)
        if record["type"] != CHANGED:
            return  # a type that came later
        for facts in record["data"]["facts"]:
            place = lane, facts["stream"]
            before = self.counted.get(place, 0)
            if facts["first_seq"] <= before != facts["last_seq"]:
                self.begin_anew.add(lane)
            self.counted[place] = facts["last_seq"]
        self.totals[lane].update(record["data"]["totals"])
        self.nation.update(record["data"]["nation"])
        for of_a_day in record["data"]["cells"]:
            self.cells.update(of_a_day["changes"])


async def to_the_end(options: argparse.Namespace, topic: str) -> list[Any]:
    """All records of a topic that are there now, each lane's in order."""
    reader = AIOKafkaConsumer(  # without a group it is given all partitions
        topic,
        bootstrap_servers=options.bootstrap,
        security_protocol=options.protocol,
        sasl_mechanism="SCRAM-SHA-512",
        sasl_plain_username=options.user,
        sasl_plain_password=options.password_file.read_text().strip(),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await reader.start()
    try:
        places = sorted(reader.assignment())
        if not places:
            raise LookupError(f"there is no topic {topic}, or {options.user} may not read it")
        await reader.seek_to_beginning(*places)
        ends, records = await reader.end_offsets(places), []
        while any([await reader.position(place) < end for place, end in ends.items()]):
            for some in (await reader.getmany(timeout_ms=500)).values():
                records += some
        return records
    finally:
        await reader.stop()


async def read(options: argparse.Namespace) -> tuple[Changes, dict[str, dict[str, Any]]]:
    """What changes add up to, and how each cell stands by its key; a record without a value erases its cell."""
    changes = Changes()
    for record in await to_the_end(options, f"{options.namespace}reporting.changes"):
        changes.add(json.loads(record.value))
    cells: dict[str, dict[str, Any]] = {}
    for record in await to_the_end(options, f"{options.namespace}reporting.statistics"):
        name = record.key.decode()
        if record.value is None:
            cells.pop(name, None)
        else:
            cells[name] = json.loads(record.value)
    return changes, cells


def main() -> None:
    """Read once, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bootstrap", required=True, help="host:port of the broker")
    parser.add_argument("--user", default="operator", help="a user who may read reporting's topics")
    parser.add_argument("--password-file", type=Path, required=True)
    parser.add_argument("--protocol", default="SASL_SSL", choices=("SASL_SSL", "SASL_PLAINTEXT"))
    parser.add_argument("--namespace", default="", help="what the deployment puts in front of its topics")
    parser.add_argument("--json", action="store_true", help="everything, as JSON")
    changes, cells = asyncio.run(read(parser.parse_args()))
    if parser.parse_args().json:
        told = {
            "totals": changes.totals,
            "nation": changes.nation,
            "seq": changes.seq,
            "changed": {key: total for key, total in changes.cells.items() if total},
            "begin_anew": sorted(changes.begin_anew),
            "cells": cells,
        }
        print(json.dumps(told, ensure_ascii=False))
        return
    for lane, totals in sorted(changes.totals.items()):
        print(lane, "  ".join(f"{measure} {total:,}" for measure, total in sorted(totals.items()) if total))
    print(f"{sum(changes.seq.values()):,} records of changes, {len(cells):,} cells")


if __name__ == "__main__":
    main()

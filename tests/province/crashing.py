"""A province's program that a test kills: it keeps events through the kit and says how far it is.

Arguments: a folder with `settings.json` (bootstrap, namespace, user, password), and the number of events.
"""

import asyncio
import json
import sys
from pathlib import Path

from console.province.producer import Broker
from console.province.publisher import ProvincePublisher


def registration(serial: int) -> dict[str, object]:
    """One worker's registration; the pseudonym is invented."""
    return {
        "worker_ref": "k1." + f"{serial:052d}".translate(str.maketrans("0189", "ABCD")),
        "categories": ["migrant"],
        "education_level": "senior_high",
        "origin_province": "34",
        "work_province": "32",
    }


async def main(folder: Path, number: int) -> None:
    """Keep `number` events, say `kept`, and stay until all have their receipts, then say `settled`."""
    settings = json.loads((folder / "settings.json").read_text())
    login = (settings["user"], settings["password"])
    broker = Broker(settings["bootstrap"], settings["namespace"], lambda _: login)
    async with ProvincePublisher(broker, "32", folder / "outbox.db", system="payroll") as publisher:
        for serial in range(number):
            await publisher.send("worker.registered", registration(serial), time="2026-02-01T09:00:00+08:00")
            _say(f"kept {serial + 1}")
        await publisher.drained()
        _say(f"settled {dict(await publisher.counts())}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))

"""What services have said in their logs."""

from typing import Any

import orjson

from console.stack.stack import Stack


def said_by(stack: Stack) -> list[dict[str, Any]]:
    """All lines that the services of a stack have logged, parsed."""
    return [
        orjson.loads(line)
        for process in stack.services.values()
        for line in process.log.read_text().splitlines()
        if line.startswith("{")
    ]

"""Chooses loopback ports: the configured ones, those of the last run, or free ones."""

import random
import socket
from collections import deque
from collections.abc import Mapping, Sequence

from console.stack.failures import StackError

LOOPBACK = "127.0.0.1"
# Below the range that systems use for outgoing connections: a chosen port stays free until it is used.
FIRST_PORT, LAST_PORT = 20000, 31999
ATTEMPTS = 1000
HELD_MAX = 64
"""So many ports that were chosen last are held: those chosen before have long been listened on."""
_held: deque[socket.socket] = deque()


def choose_ports(names: Sequence[str], base: int | None, last: Mapping[str, int]) -> dict[str, int]:
    """Give each name a port.

    With `base` these are base, base + 1, …, and a taken one is refused by a StackError; otherwise the port of
    the last run where it is still free, or any free one.
    """
    if base is not None:
        return {name: _configured(name, base + place) for place, name in enumerate(names)}
    chosen: dict[str, int] = {}
    for name in names:
        port = last.get(name)
        if port is None or port in chosen.values() or not is_free(port):
            port = _any_free(set(chosen.values()) | set(last.values()))
        chosen[name] = port
    return chosen


def free_port() -> int:
    """Return one free loopback port, which no other program that asks here is given before its server listens."""
    return _any_free(set())


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def answers(port: int) -> bool:
    """Tell whether something listens on this loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def _configured(name: str, port: int) -> int:
    if not is_free(port):
        raise StackError(
            f"Port {port}, meant for {name}, is taken by another program. "
            "Choose another --port-base, or leave it out to have free ports chosen."
        )
    return port


def _any_free(avoid: set[int]) -> int:
    for _ in range(ATTEMPTS):
        port = random.randint(FIRST_PORT, LAST_PORT)
        if port not in avoid and is_free(port) and _hold(port):
            return port
    raise StackError(
        f"No free port was found between {FIRST_PORT} and {LAST_PORT}. Choose one with --port-base."
    )


def _hold(port: int) -> bool:
    """Hold a port's number for whoever will listen on it; False where somebody does already.

    It is held by a datagram socket, beside which a server may listen for connections: until a service has started,
    nothing else says that its port is taken, and several stacks may start at a time.
    """
    holder = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        holder.bind((LOOPBACK, port))
    except OSError:
        holder.close()
        return False
    _held.append(holder)
    if len(_held) > HELD_MAX:
        _held.popleft().close()
    return True

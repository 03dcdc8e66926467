"""A port that was chosen is nobody else's, though nothing listens on it yet."""

import socket
import subprocess
import sys

import pytest

from console.stack import ports
from console.stack.failures import StackError

ANOTHER = """
from console.stack import ports
from console.stack.failures import StackError
ports.FIRST_PORT = ports.LAST_PORT = {port}
try:
    print(ports.free_port())
except StackError:
    print("none")
"""


def other_process_gets(port: int) -> str:
    done = subprocess.run(
        [sys.executable, "-c", ANOTHER.format(port=port)], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_a_port_is_given_once_by_this_process_or_another_until_its_server_listens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = ports.free_port()
    monkeypatch.setattr(ports, "FIRST_PORT", port)
    monkeypatch.setattr(ports, "LAST_PORT", port)
    with pytest.raises(StackError, match="No free port"):
        ports.free_port()
    assert other_process_gets(port) == "none"
    with socket.create_server((ports.LOOPBACK, port)):
        assert ports.answers(port), "a server listens beside what holds its port"


def test_what_was_chosen_long_ago_is_held_no_more() -> None:
    first = ports.free_port()
    for _ in range(ports.HELD_MAX):
        ports.free_port()
    assert other_process_gets(first) == str(first)
    assert len(ports._held) == ports.HELD_MAX

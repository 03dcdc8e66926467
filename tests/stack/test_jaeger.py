"""`dreams up --tracing` uses the Jaeger it finds, closed to the world, or says how to get one."""

import sys
from pathlib import Path

import pytest

from console.stack import jaeger
from console.stack.failures import StackError
from console.stack.processes import Spawner
from console.stack.stack import Stack

# Stands for Jaeger: says how it was started and ends when told.
STAND_IN = f"""#!{sys.executable}
import os, signal, sys
print(*sys.argv[1:], os.environ["BADGER_DIRECTORY_VALUE"], flush=True)
signal.pause()
"""


async def test_every_address_it_opens_is_on_the_loopback_and_spans_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "all-in-one"
    program.write_text(STAND_IN)
    program.chmod(0o700)
    monkeypatch.setenv("JAEGER_BIN", str(program))
    monkeypatch.setenv("JAEGER_UI", "/page")
    spawner = Spawner(tmp_path / "logs", tmp_path / "run")
    process = jaeger.start_jaeger(tmp_path / "spans", spawner, {"jaeger": 20001, "otlp": 20002})
    while not process.tail():
        assert process.running
        await process.wait(0.05)
    said = process.tail().split()
    await process.stop()
    addresses = [word.split("=")[1] for word in said if "host-port" in word]
    assert len(addresses) == 7
    assert all(address.startswith("127.0.0.1:") for address in addresses)
    assert {"127.0.0.1:20001", "127.0.0.1:20002"} < set(addresses)
    assert "--query.static-files=/page" in said
    assert said[-1] == str(tmp_path / "spans" / "values")


async def test_without_a_jaeger_nothing_starts_and_the_sentence_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAEGER_BIN", "/nowhere/jaeger")
    with pytest.raises(StackError, match=r"/nowhere/jaeger \(JAEGER_BIN\) was not found\. Download one"):
        await Stack.start(tmp_path / "data", tracing=True)
    assert not (tmp_path / "data").exists()

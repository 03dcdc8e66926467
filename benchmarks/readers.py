"""Many open live pages in one process that costs little: reads what each is sent, as a browser would ask for it.

`python -m benchmarks.readers PORT PAGES` prints a line when each page has its first picture. For each number of facts
that it reads it prints, once every page has a picture of so many, the fewest pictures that one was sent.
"""

import selectors
import socket
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

READ_BYTES: Final = 262_144
ASK: Final = b"GET /live HTTP/1.1\r\nHost: reporting\r\nAccept-Encoding: gzip\r\n\r\n"
PICTURE: Final = b"event: nation"
FACTS: Final = b'"facts":'


@dataclass(slots=True)
class Reader:
    """One page: the bytes of its last pictures are unpacked only when it is asked for."""

    end: socket.socket
    pictures: int = 0
    facts: int = -1
    rest: bytes = b""
    unpacker: "zlib._Decompress" = field(default_factory=lambda: zlib.decompressobj(wbits=31))

    def read(self) -> None:
        """Take what has come."""
        came = self.end.recv(READ_BYTES)
        if not came:
            raise ConnectionError("the service has closed a page")
        self.rest += came
        if b"\r\n\r\n" in self.rest and self.rest.startswith(b"HTTP/"):
            self.rest = self.rest.partition(b"\r\n\r\n")[2]
        while (chunk := self._chunk()) is not None:
            text = self.unpacker.decompress(chunk)
            if PICTURE in text:
                self.pictures += 1
                self.facts = int(text.partition(FACTS)[2].partition(b",")[0])

    def _chunk(self) -> bytes | None:
        head, found, body = self.rest.partition(b"\r\n")
        if not found or head.startswith(b"HTTP/"):
            return None
        size = int(head, 16)
        if len(body) < size + 2:
            return None
        self.rest = body[size + 2 :]
        return body[:size]


def main() -> None:
    """Read until standard input ends."""
    port, pages = int(sys.argv[1]), int(sys.argv[2])
    selector = selectors.DefaultSelector()
    opened = [_open(port) for _ in range(pages)]
    for reader in opened:
        selector.register(reader.end, selectors.EVENT_READ, reader)
    _read_until(selector, lambda: all(reader.pictures for reader in opened))
    print("open", flush=True)
    selector.register(sys.stdin, selectors.EVENT_READ)
    wanted: list[int] = []
    while True:
        for key, _ in selector.select(1):
            if key.data is None:
                line = sys.stdin.readline()
                if not line:
                    return
                wanted.append(int(line))
            else:
                key.data.read()
        if wanted and all(reader.facts >= wanted[0] for reader in opened):
            print(min(reader.pictures for reader in opened), flush=True)
            wanted.pop(0)


def _open(port: int) -> Reader:
    end = socket.create_connection(("127.0.0.1", port))
    end.sendall(ASK)
    return Reader(end)


def _read_until(selector: selectors.BaseSelector, done: Callable[[], bool]) -> None:
    while not done():
        for key, _ in selector.select(1):
            key.data.read()


if __name__ == "__main__":
    main()

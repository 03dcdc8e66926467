"""Stands where a service would, to test what starts it: ready at once, or ending at once if told to."""

import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Ready(BaseHTTPRequestHandler):
    """Answers every GET with 200."""

    def do_GET(self) -> None:  # the name http.server calls
        """Answer."""
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its parameter's name
        """Say nothing."""


if __name__ == "__main__":
    if os.environ.get("DUMMY_ENDS"):
        sys.exit(3)
    HTTPServer((os.environ["DREAMS_HTTP_HOST"], int(os.environ["DREAMS_HTTP_PORT"])), Ready).serve_forever()

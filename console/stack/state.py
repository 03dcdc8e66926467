"""What a running stack tells other commands: a private file beside its data."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from console.stack.failures import StackError
from console.stack.private_files import write_private
from console.stack.processes import Identity
from console.stack.tokens import plain_token

FILE = "stack.json"


class ServiceState(BaseModel, frozen=True):
    """One service process."""

    address: str
    pid: int
    log: Path
    dsn_file: Path


class StackState(BaseModel, frozen=True):
    """A stack as its supervisor last described it."""

    state: Literal["running", "stopping"]
    pid: int
    started_s: float
    data: Path
    namespace: str = ""
    kafka_bootstrap: str = ""
    postgres_port: int = 0
    smtp_port: int = 0
    mail_file: Path | None = None
    jaeger: str = ""
    otlp_endpoint: str = ""
    services: dict[str, ServiceState] = {}

    def alive(self) -> bool:
        """Tell whether its supervisor still runs."""
        return Identity(self.pid, self.started_s).alive()

    def token(self, name: str) -> str:
        """A token for the services' APIs: `operator`, `official`, `auditor` or `province-32`."""
        return plain_token(self.data / "secrets", name)

    def kafka_credentials(self, principal: str) -> tuple[str, str]:
        """User name and password of a broker's user, such as `province-32`."""
        return principal, (self.data / "secrets" / "kafka" / principal).read_text().strip()

    def write(self) -> None:
        """Replace the state file."""
        write_private(self.data / FILE, self.model_dump_json(indent=1))


def read_state(data: Path) -> StackState | None:
    """The stack over `data` if it is up; None if it is not, or not yet."""
    try:
        state = StackState.model_validate_json((data.resolve() / FILE).read_text())
    except (OSError, ValueError):
        return None
    return state if state.alive() else None


def running_stack(data: Path) -> StackState:
    """The stack over `data`, ready for use; a StackError if it is not."""
    state = read_state(data)
    if state is None:
        raise StackError(f"Nothing is running over {data.resolve()}. `dreams up -d` starts the stack.")
    if state.state != "running":
        raise StackError(
            f"The stack over {data.resolve()} is {state.state}. `dreams status` shows when it is up."
        )
    return state

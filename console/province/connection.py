"""How a province's commands reach Kafka: as the environment says, otherwise through the local stack."""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from console.province.identity import WorkerKey, kept_key, read_key
from console.province.producer import Broker, Credentials
from console.province.said_error import SaidError
from console.stack.private_files import make_private_folder
from console.stack.state import StackState, read_state
from shared.contracts.access import province_principal

KEY_FILE: Final = Path("secrets") / "worker-ref.key"
"""In the stack's data: the key of a laptop, made on first use."""


class ConnectionMissingError(SaidError):
    """What is said about where Kafka is, and as whom to log in, does not suffice."""


@dataclass(frozen=True)
class Connection:
    """A broker, and where traces go (nowhere if empty)."""

    broker: Broker
    otlp_endpoint: str = ""


def find_connection(lane: str, data: Path, environment: Mapping[str, str] = os.environ) -> Connection:
    """What DREAMS_KAFKA_BOOTSTRAP and its kin name, otherwise the stack over `data`.

    DREAMS_KAFKA_USERNAME is `province-<lane>` where left out; DREAMS_KAFKA_PASSWORD_FILE must be there;
    DREAMS_KAFKA_TLS=true and DREAMS_KAFKA_CA_FILE turn TLS on; DREAMS_NAMESPACE is the prefix of topics.
    Raises ConnectionMissingError.
    """
    bootstrap = environment.get("DREAMS_KAFKA_BOOTSTRAP", "")
    if bootstrap:
        return Connection(
            _outer_broker(bootstrap, lane, environment), environment.get("DREAMS_OTLP_ENDPOINT", "")
        )
    state = read_state(data)
    if state is None or state.state != "running":
        raise ConnectionMissingError(
            f"{data.resolve()} 上没有运行中的系统。请先运行 `dreams up -d`，或设置 DREAMS_KAFKA_BOOTSTRAP。",
            f"Nothing is running over {data.resolve()}. Start it by `dreams up -d`, or set "
            "DREAMS_KAFKA_BOOTSTRAP.",
        )
    return stack_connection(state)


def stack_connection(state: StackState) -> Connection:
    """The local stack's broker, for any province."""
    return Connection(
        Broker(state.kafka_bootstrap, state.namespace, state.kafka_credentials), state.otlp_endpoint
    )


def find_key(named: Path | None, data: Path) -> WorkerKey | None:
    """The key in the file that was named, otherwise the local stack's; None where there is neither."""
    if named is not None:
        return read_key(named)
    if not data.is_dir():
        return None
    make_private_folder(data / KEY_FILE.parent)
    return kept_key(data / KEY_FILE)


def _outer_broker(bootstrap: str, lane: str, environment: Mapping[str, str]) -> Broker:
    tls = None
    if environment.get("DREAMS_KAFKA_TLS", "").lower() in {"1", "true", "yes"}:
        tls = ssl.create_default_context(cafile=environment.get("DREAMS_KAFKA_CA_FILE"))
    username = environment.get("DREAMS_KAFKA_USERNAME") or province_principal(lane)
    if username.startswith(province_principal("")) and username != province_principal(lane):
        raise ConnectionMissingError(
            f"用户 {username} 属于其他省份，不能以 {lane} 发送。请核对 --province 与 DREAMS_KAFKA_USERNAME。",
            f"The user {username} belongs to another province than {lane}. Compare --province and "
            "DREAMS_KAFKA_USERNAME.",
        )
    return Broker(
        bootstrap, environment.get("DREAMS_NAMESPACE", ""), _credentials(username, environment), tls
    )


def _credentials(username: str, environment: Mapping[str, str]) -> Credentials:
    name = environment.get("DREAMS_KAFKA_PASSWORD_FILE")
    try:
        password = Path(name).read_text(encoding="utf-8").strip() if name else ""
    except OSError as error:
        raise ConnectionMissingError(
            f"无法读取密码文件 {name}（{error.strerror}）。",
            f"The password file {name} cannot be read ({error.strerror}).",
        ) from error
    if not password:
        raise ConnectionMissingError(
            "请用 DREAMS_KAFKA_PASSWORD_FILE 指定密码文件。",
            "Name the password file by DREAMS_KAFKA_PASSWORD_FILE.",
        )
    return lambda _: (username, password)

"""AsyncAPI documents of the four services: what their FastStream subscribers read, what their lane groups write."""

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel

import services.enrollment.config
import services.enrollment.main
import services.notification.config
import services.notification.main
import services.reporting.config
import services.reporting.main
import services.subsidy.config
import services.subsidy.main
from scripts.contract_schemas import schema_of
from shared.contracts.catalogue import BARE, CONTACT, MESSAGES, Message, on_stream
from shared.contracts.envelope import WORKER_REF_PATTERN
from shared.contracts.lanes import LANE_CODES
from shared.contracts.topics import REPORTING_STATISTICS, STREAMS, Stream, topics
from shared.plumbing.metrics import Metrics
from shared.plumbing.service import Definition, asyncapi
from shared.plumbing.settings import ServiceSettings

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Service:
    """How to put a service together without running it, and what a stranger is told about it."""

    settings: type[ServiceSettings]
    definition: Callable[[Any], Definition]
    own_settings: Mapping[str, Any]
    description: str
    states: tuple[Stream, ...] = ()
    """Written beside the lane groups: states that follow from what they publish."""


SERVICES: Final = {
    "enrollment": Service(
        services.enrollment.config.Settings,
        services.enrollment.main.definition,
        {"door_password_file": Path("none")},
        "The provinces' door and the register. A province writes its events to its own topic; each record gets "
        "exactly one final receipt, and what was accepted is published as a fact. An id may be sent again after "
        "`rejected`; after `accepted` it is a `duplicate`.\n\n"
        "各省向本省主题发送事件；每条记录必有一份最终回执，被接受的事件作为事实发布。",
    ),
    "subsidy": Service(
        services.subsidy.config.Settings,
        services.subsidy.main.definition,
        {},
        "Budgets and awards, in integer fen. It reads enrollment's facts, decides, and publishes its decisions; those "
        "about a province's awards and scholarships go back to the province on its own topic.\n\n"
        "以分为单位管理预算与补助：读取注册事实，作出决定并发布；涉及某省的决定同时发回该省。",
    ),
    "notification": Service(
        services.notification.config.Settings,
        services.notification.main.definition,
        {"smtp_host": "relay.invalid", "smtp_port": 25},
        "Tells workers what concerns them, once for each cause. How to reach a worker comes from the provinces' "
        "contacts, which it alone reads. It publishes nothing.\n\n"
        "就每个事由向工人发送一次通知；联系方式只来自各省的联系方式主题，且只有本服务读取。本服务不发布事件。",
    ),
    "reporting": Service(
        services.reporting.config.Settings,
        services.reporting.main.definition,
        {},
        "National truth in numbers: it reads all facts of enrollment and subsidy and serves statistics over HTTP. How "
        "numbers change it publishes in order; how each of them stands now, on a compacted topic.\n\n"
        "读取全部事实并通过 HTTP 提供全国统计；数字的变动按顺序发布，每个数字的现值发布在压缩主题上。",
        (REPORTING_STATISTICS,),
    ),
}

CHANNELS: Final = {
    "provinces.events": "A province's events; the topic is its identity. 各省上报的事件；主题即身份。",
    "provinces.contacts": "How to reach workers: key is the worker_ref, a null value erases. 工人联系方式。",
    "provinces.receipts": "One final receipt for each record that the province sent. 每条记录的回执。",
    "provinces.decisions": "Decisions about the province's awards and scholarships. 发给各省的补助决定。",
    "enrollment.events": "Accepted facts; one partition per lane. 已接受的事实，每条通道一个分区。",
    "reporting.changes": "How numbers change, in order; one partition per lane. 统计数字的变动，每条通道一个分区。",
    "reporting.statistics": "How each number stands now: the key is its cell. 每个统计数字的现值，以单元为键。",
    "subsidy.events": "Budgets, awards, scholarships; one partition per lane. 预算与补助，每条通道一个分区。",
}


def document(name: str) -> Json:
    """The AsyncAPI document of one service, made without connecting anywhere; equal input gives equal bytes."""
    with tempfile.TemporaryDirectory() as folder:
        secret = Path(folder, "none")
        secret.write_text("none")
        settings = _settings(SERVICES[name], name, secret)
        definition = SERVICES[name].definition(settings)
        made = json.loads(asyncapi(definition, settings, SERVICES[name].description))
    groups = definition.groups(Metrics())
    reads = {group.name: _by_stream(made, group.name, group.reads) for group in groups}
    writes = [stream for group in groups for stream in group.writes] + [*SERVICES[name].states]
    used = [s for s in STREAMS if s in writes or any(s in streams for streams in reads.values())]
    operations = {
        f"{group.name}.reads.{key_of(stream)}": _receive(group.name, stream, definition.payloads[group.name])
        for group in groups
        for stream in reads[group.name]
    }
    operations |= {f"{name}.writes.{key_of(stream)}": _send(stream) for stream in writes}
    carried = [message for message in MESSAGES if any(stream in used for stream in message.streams)]
    return {
        "asyncapi": made["asyncapi"],
        "info": {**made["info"], "license": {"name": "Apache-2.0"}},
        "defaultContentType": "application/json",
        "servers": _servers(made),
        "channels": {key_of(stream): _channel(stream) for stream in used},
        "operations": operations,
        "components": {
            "messages": {_key(message): _message(message) for message in carried},
            "schemas": {key: part for message in carried for key, part in _schemas(message).items()},
            "securitySchemes": made["components"]["securitySchemes"],
        },
    }


def key_of(stream: Stream) -> str:
    """A stream's name in documents: its topic without the lane."""
    return stream.pattern.replace("{lane}.", "")


def _settings(service: Service, name: str, secret: Path) -> ServiceSettings:
    """Settings that lead nowhere; the namespace is given so that no environment leaks into a document."""
    return service.settings(
        namespace="",
        kafka_bootstrap="broker.invalid:9093",
        kafka_username=name,
        kafka_password_file=secret,
        kafka_tls=True,
        database_dsn_file=secret,
        http_port=1,
        tokens_file=secret,
        seal_key_file=secret,
        **service.own_settings,
    )


def _by_stream(made: Json, group: str, streams: tuple[Stream, ...]) -> list[Stream]:
    """The streams whose topics the subscriber of `group` reads; LookupError if it reads part of one or another."""
    topics = {
        channel["address"]
        for key, channel in made["channels"].items()
        if key == group or key.startswith(f"{group}:")
    }
    found = [stream for stream in streams if set(stream.topics("")) <= topics]
    if {topic for stream in found for topic in stream.topics("")} != topics:
        raise LookupError(f"the subscriber {group} reads topics that are no whole streams: {sorted(topics)}")
    return found


def _servers(made: Json) -> Json:
    (server,) = made["servers"].values()
    return {
        "broker": {
            "host": server["host"],
            "protocol": "kafka-secure",
            "description": "The deployment's broker: ask the operator for address, user and certificate authority. "
            "A deployment may put a namespace in front of every topic.",
            "security": server["security"],
        }
    }


def _channel(stream: Stream) -> Json:
    spec = next(spec for spec in topics() if spec.name in stream.topics(""))
    kafka = {
        "partitions": spec.partitions,
        "topicConfiguration": {
            name: [value]
            if name == "cleanup.policy"
            else int(value)
            if value.lstrip("-").isdigit()
            else value
            for name, value in spec.config.items()
        },
        "bindingVersion": "0.5.0",
    }
    channel: Json = {
        "address": stream.pattern,
        "description": CHANNELS[key_of(stream)],
        "servers": [{"$ref": "#/servers/broker"}],
        "messages": {
            message.name: {"$ref": f"#/components/messages/{_key(message)}"} for message in on_stream(stream)
        },
        "bindings": {"kafka": kafka},
    }
    if stream.per_lane:
        channel["parameters"] = {
            "lane": {
                "description": "Two digits of GB/T 2260; `00` the nation, `66` the Corps. 省级代码。",
                "enum": list(LANE_CODES),
                "examples": ["32"],
            }
        }
    return channel


def _receive(group: str, stream: Stream, payload: Any) -> Json:
    models = _models(payload)
    read = [message for message in on_stream(stream) if message.model in models]
    return {
        "action": "receive",
        "channel": {"$ref": f"#/channels/{key_of(stream)}"},
        "summary": f"The group {group} reads {stream.pattern}; what is not listed here it passes over.",
        "messages": [_on_channel(stream, message) for message in read],
        "bindings": {
            "kafka": {"groupId": {"type": "string", "const": group}, "bindingVersion": "0.5.0"},
        },
    }


def _send(stream: Stream) -> Json:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{key_of(stream)}"},
        "summary": f"Publishes {stream.pattern}: no other service does.",
        "messages": [_on_channel(stream, message) for message in on_stream(stream)],
    }


def _on_channel(stream: Stream, message: Message) -> Json:
    return {"$ref": f"#/channels/{key_of(stream)}/messages/{message.name}"}


def _models(payload: Any) -> set[type[BaseModel]]:
    """The models in a subscriber's payload type, however it lists them."""
    if isinstance(payload, type) and issubclass(payload, BaseModel):
        return {payload}
    return {model for part in get_args(payload) for model in _models(part)}


def _key(message: Message) -> str:
    return f"{message.publisher}.{message.name}"


def _message(message: Message) -> Json:
    schema = schema_of(message)
    bare = message.name in BARE
    described: Json = {
        "name": message.name,
        "title": message.name_zh,
        "summary": schema["description"],
        "contentType": "application/json" if bare else "application/cloudevents+json",
        "payload": {"$ref": f"#/components/schemas/{_key(message)}"},
        "examples": [{"name": message.name_zh, "payload": example} for example in schema["examples"]],
    }
    if bare:
        key = _CONTACTS_KEY if message.name == CONTACT else _CELLS_KEY
        described["bindings"] = {"kafka": {"key": key, "bindingVersion": "0.5.0"}}
        return described
    described["headers"] = {
        "type": "object",
        "properties": {"traceparent": {"type": "string", "description": "W3C trace context, where traced."}},
    }
    described["correlationId"] = {
        "description": "The id of the province's event at the start.",
        "location": "$message.payload#/correlationid" if message.open else "$message.payload#/id",
    }
    return described


_CONTACTS_KEY: Final = {"type": "string", "pattern": WORKER_REF_PATTERN, "description": "The worker_ref."}
_CELLS_KEY: Final = {
    "type": "string",
    "description": "The cell: cube, lane, period, two facets and measure with `/` between; in a name `/` is `%2F`, "
    "`%` is `%25`.",
}


def _schemas(message: Message) -> Json:
    """The message's schema and its parts under names of their own: a provinces' Employer is closed, a fact's open."""
    schema = schema_of(message)
    parts = {message.name: schema, **schema.pop("$defs", {})}
    for name in ("$schema", "$id", "examples"):
        schema.pop(name)
    return {f"{message.publisher}.{name}": _moved(part, message.publisher) for name, part in parts.items()}


def _moved(part: Any, publisher: str) -> Any:
    if isinstance(part, list):
        return [_moved(one, publisher) for one in part]
    if not isinstance(part, dict):
        return part
    moved = {key: _moved(value, publisher) for key, value in part.items()}
    if isinstance(target := moved.get("$ref"), str):
        moved["$ref"] = target.replace("#/$defs/", f"#/components/schemas/{publisher}.")
    return moved

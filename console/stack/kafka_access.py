"""Gives Kafka its users, access rights and topics, in the order in which they come into force fastest."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # its stub does not re-export them
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialUpsertion,
)

from console.stack.failures import StackError
from console.stack.private_files import kept_secret
from shared.contracts.access import Principal
from shared.contracts.topics import TopicSpec

LOGIN_LIMIT_S = 30.0
REQUEST_LIMIT_S = 30.0
IN_FORCE_LIMIT_S = 30.0
POLL_S = 0.05
SCRAM_ITERATIONS = 4096
OFFSETS_TOPIC = "__consumer_offsets"
OFFSETS_PARTITIONS = 5
_MAKES = (AclOperation.CREATE, AclOperation.WRITE, AclOperation.DELETE)


@dataclass
class KafkaAccess:
    """The broker as its administrator sees it; every call may be repeated."""

    bootstrap: str
    admin: str
    secrets: Path
    _known_users: set[str] = field(default_factory=set)

    def credentials(self, principal: str) -> tuple[str, str]:
        """Return user name and password; the password is made on first use."""
        return principal, kept_secret(self.secrets / principal)

    def until_login_works(self) -> None:
        """Wait until the broker answers the administrator, or raise a StackError."""
        deadline = time.monotonic() + LOGIN_LIMIT_S
        while True:
            try:
                self.client.list_topics(timeout=2)
            except KafkaException as error:
                if time.monotonic() > deadline:
                    raise StackError(
                        f"Kafka runs but refused its administrator for {LOGIN_LIMIT_S:.0f} s ({error}). If "
                        "its data folder comes from another place, `dreams reset` starts with an empty one."
                    ) from error
                time.sleep(POLL_S)
            else:
                return

    def wake_groups(self) -> None:
        """Make the broker's own topic of group offsets, which the first group to join would wait for.

        Not by a question about some group: one that is answered after its time limit, as on a machine that is busy,
        leaves librdkafka in a state in which the client can never be given back.
        """
        settings = {"cleanup.policy": "compact", "compression.type": "producer", "segment.bytes": "104857600"}
        topic = NewTopic(OFFSETS_TOPIC, OFFSETS_PARTITIONS, replication_factor=1, config=settings)
        made = self.client.create_topics([topic], request_timeout=REQUEST_LIMIT_S)
        _wait(made.values(), but=KafkaError.TOPIC_ALREADY_EXISTS)

    async def declare(self, principals: Sequence[Principal], topics: Sequence[TopicSpec]) -> None:
        """Create what is missing of users, rights and topics, and wait until all are in force."""
        await asyncio.to_thread(self._declare, principals, topics)

    async def delete(self, topics: Sequence[str], principals: Sequence[Principal] = ()) -> None:
        """Delete topics, and the rights that these principals were given; users stay."""
        await asyncio.to_thread(self._delete, topics, principals)

    @cached_property
    def client(self) -> AdminClient:
        """A client with the administrator's rights."""
        return self.client_of(self.admin)

    def close(self) -> None:
        """Let the administrator's client go, while its broker lives: librdkafka may wait for ever for one that is gone.

        <https://github.com/confluentinc/librdkafka/issues/4519>
        """
        self.__dict__.pop("client", None)

    def client_of(self, principal: str) -> AdminClient:
        """A client with the rights of one principal."""
        return AdminClient(self.settings_of(principal))

    def settings_of(self, principal: str) -> dict[str, Any]:
        """confluent-kafka's settings to connect as one principal."""
        user, password = self.credentials(principal)
        return {
            "bootstrap.servers": self.bootstrap,
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": user,
            "sasl.password": password,
            "reconnect.backoff.max.ms": 500,
            "log_level": 0,  # what fails is raised; librdkafka would also print it
        }

    def _declare(self, principals: Sequence[Principal], topics: Sequence[TopicSpec]) -> None:
        self._declare_users([p.name for p in principals if p.name not in self._known_users])
        self._declare_rights(principals)
        self._declare_topics(topics)
        self._until_in_force(principals, topics)

    def _declare_users(self, names: Sequence[str]) -> None:
        if not names:
            return
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, SCRAM_ITERATIONS)
        changes: list[UserScramCredentialAlteration] = [
            UserScramCredentialUpsertion(name, info, self.credentials(name)[1].encode()) for name in names
        ]
        _wait(self.client.alter_user_scram_credentials(changes, request_timeout=REQUEST_LIMIT_S).values())
        self._known_users.update(names)

    def _declare_rights(self, principals: Sequence[Principal]) -> None:
        rights = [right for principal in principals for right in _rights(principal)]
        if rights:
            _wait(self.client.create_acls(rights, request_timeout=REQUEST_LIMIT_S).values())

    def _declare_topics(self, topics: Sequence[TopicSpec]) -> None:
        if not topics:
            return
        new = [
            NewTopic(t.name, num_partitions=t.partitions, replication_factor=1, config=dict(t.config))
            for t in topics
        ]
        _wait(
            self.client.create_topics(new, request_timeout=REQUEST_LIMIT_S).values(),
            but=KafkaError.TOPIC_ALREADY_EXISTS,
        )

    def _until_in_force(self, principals: Sequence[Principal], topics: Sequence[TopicSpec]) -> None:
        """Changes apply in order: once a user sees the last topic it has a right to, all are in force."""
        names = [topic.name for topic in topics]
        seen_by = [(p, name) for p in principals for name in names if name in p.read or name in p.write]
        if not seen_by:
            return
        principal, last = max(seen_by, key=lambda pair: names.index(pair[1]))
        client = self.client_of(principal.name)
        deadline = time.monotonic() + IN_FORCE_LIMIT_S
        while not _sees(client, last):
            if time.monotonic() > deadline:
                raise StackError(
                    f"Kafka took users and rights but they are not in force after {IN_FORCE_LIMIT_S:.0f} s: "
                    f"{principal.name} does not see {last}. The machine may be overloaded: try again."
                )
            time.sleep(POLL_S)

    def _delete(self, topics: Sequence[str], principals: Sequence[Principal]) -> None:
        if topics:
            futures = self.client.delete_topics(list(topics), request_timeout=REQUEST_LIMIT_S).values()
            _wait(futures, but=KafkaError.UNKNOWN_TOPIC_OR_PART)
        rights = [right for principal in principals for right in _rights(principal)]
        if rights:
            filters = [_exactly(right) for right in rights]
            _wait(self.client.delete_acls(filters, request_timeout=REQUEST_LIMIT_S).values())


def _rights(principal: Principal) -> list[AclBinding]:
    rights = [_right(principal, ResourceType.TOPIC, name, AclOperation.READ) for name in principal.read]
    rights += [_right(principal, ResourceType.TOPIC, name, AclOperation.WRITE) for name in principal.write]
    rights += [
        _right(principal, ResourceType.GROUP, f"{name}*", AclOperation.READ)
        for name in principal.group_prefixes
    ]
    topics = [(prefix, operation) for prefix in principal.made_prefixes for operation in _MAKES]
    topics += [(prefix, AclOperation.READ) for prefix in principal.read_prefixes]
    rights += [_right(principal, ResourceType.TOPIC, f"{name}*", operation) for name, operation in topics]
    return rights


def _right(principal: Principal, kind: ResourceType, name: str, operation: AclOperation) -> AclBinding:
    """READ, WRITE and DELETE each include DESCRIBE."""
    pattern = ResourcePatternType.PREFIXED if name.endswith("*") else ResourcePatternType.LITERAL
    user = f"User:{principal.name}"
    return AclBinding(kind, name.removesuffix("*"), pattern, user, "*", operation, AclPermissionType.ALLOW)


def _exactly(right: AclBinding) -> AclBindingFilter:
    return AclBindingFilter(
        right.restype,
        right.name,
        right.resource_pattern_type,
        right.principal,
        right.host,
        right.operation,
        right.permission_type,
    )


def _wait(futures: "Iterable[Future[Any]]", but: int | None = None) -> None:
    for future in futures:
        try:
            future.result(REQUEST_LIMIT_S)
        except KafkaException as error:
            if but is None or error.args[0].code() != but:
                raise


def _sees(client: AdminClient, topic: str) -> bool:
    try:
        found = client.list_topics(timeout=2).topics.get(topic)
    except KafkaException:
        return False
    return found is not None and found.error is None and len(found.partitions) > 0

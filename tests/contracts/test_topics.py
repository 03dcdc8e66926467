"""Topics carry lanes explicitly, and each user of the broker has the least rights."""

import pytest

from shared.contracts.access import HTTP_DOOR, principals, province_principal
from shared.contracts.lanes import LANE_CODES, partition_of
from shared.contracts.topics import (
    ENROLLMENT_EVENTS,
    PROVINCE_CONTACTS,
    PROVINCE_DECISIONS,
    PROVINCE_EVENTS,
    PROVINCE_RECEIPTS,
    REPLAYED,
    REPORTING_CHANGES,
    REPORTING_STATISTICS,
    SERVICES,
    STREAMS,
    SUBSIDY_EVENTS,
    Stream,
    replay_of,
    replay_topic,
    topics,
)
from tests.contracts.naming import stream_name

NAMESPACES = ("", "t1.")
USERS = {user.name: user for user in principals()}

# (write, read): whatever is not in this table is denied.
RIGHTS: dict[str, tuple[set[Stream], set[Stream]]] = {
    "enrollment": (
        {ENROLLMENT_EVENTS, PROVINCE_RECEIPTS},
        {PROVINCE_EVENTS, ENROLLMENT_EVENTS, PROVINCE_RECEIPTS},
    ),
    "subsidy": (
        {SUBSIDY_EVENTS, PROVINCE_DECISIONS},
        {ENROLLMENT_EVENTS, SUBSIDY_EVENTS, PROVINCE_DECISIONS},
    ),
    "notification": (set(), {ENROLLMENT_EVENTS, SUBSIDY_EVENTS, PROVINCE_CONTACTS}),
    "reporting": (
        {REPORTING_CHANGES, REPORTING_STATISTICS},
        {ENROLLMENT_EVENTS, SUBSIDY_EVENTS, REPORTING_CHANGES},
    ),
    "http-door": ({PROVINCE_EVENTS}, set()),
    "operator": (set(), set(STREAMS) - {PROVINCE_CONTACTS}),
}


@pytest.mark.parametrize("namespace", NAMESPACES)
@pytest.mark.parametrize("stream", STREAMS, ids=stream_name)
def test_topic_and_partition_name_exactly_one_lane(stream: Stream, namespace: str) -> None:
    places = [(stream.topic(namespace, lane), stream.partition(lane)) for lane in LANE_CODES]
    assert len(set(places)) == len(LANE_CODES)
    assert [stream.lane_of(namespace, topic, place) for topic, place in places] == list(LANE_CODES)
    assert list(dict.fromkeys(topic for topic, _ in places)) == list(stream.topics(namespace))


@pytest.mark.parametrize("stream", STREAMS, ids=stream_name)
def test_a_shared_topic_has_a_lane_in_its_own_partition_and_a_lanes_own_topic_has_one(stream: Stream) -> None:
    expected = [0] * len(LANE_CODES) if stream.per_lane else [partition_of(lane) for lane in LANE_CODES]
    assert [stream.partition(lane) for lane in LANE_CODES] == expected


@pytest.mark.parametrize("stream", [s for s in STREAMS if s.per_lane], ids=stream_name)
def test_a_topic_of_no_lane_is_an_error(stream: Stream) -> None:
    with pytest.raises(LookupError):
        stream.lane_of("", stream.pattern.replace("{lane}", "99"), 0)


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_every_topic_is_made_once_with_a_partition_for_each_lane_it_carries(namespace: str) -> None:
    specs = {spec.name: spec for spec in topics(namespace)}
    assert len(specs) == len(topics(namespace)) == 4 * len(LANE_CODES) + 4
    assert all(name.startswith(namespace) for name in specs)
    assert specs[f"{namespace}enrollment.events"].partitions == len(LANE_CODES)
    assert specs[f"{namespace}provinces.32.events"].partitions == 1


def test_only_contacts_and_states_are_compacted_and_no_log_expires() -> None:
    for spec in topics():
        compacted = spec.name.endswith((".contacts", ".statistics"))
        assert spec.config.get("cleanup.policy") == ("compact" if compacted else None)
        assert compacted or spec.config["retention.ms"] == "-1"


def test_provinces_cannot_make_the_broker_keep_compressed_batches() -> None:
    for spec in topics():
        if spec.name.endswith((".contacts", ".events")) and spec.name.startswith("provinces."):
            assert spec.config["compression.type"] == "uncompressed"


@pytest.mark.parametrize("name", RIGHTS)
def test_a_user_may_do_what_the_table_says_and_nothing_else(name: str) -> None:
    writes, reads = RIGHTS[name]
    assert set(USERS[name].write) == {topic for stream in writes for topic in stream.topics("")}
    assert set(USERS[name].read) == {topic for stream in reads for topic in stream.topics("")}


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_a_replay_is_made_by_the_publisher_of_its_stream_and_read_by_reporting(namespace: str) -> None:
    users = principals(namespace)
    for stream in REPLAYED:
        topic = replay_topic(stream, "a1b2c3d4", namespace).name
        assert topic == replay_of(stream, "a1b2c3d4").topic(namespace, "32")
        makers = [user.name for user in users if topic.startswith(user.made_prefixes)]
        assert makers == [user.name for user in users if stream.topic(namespace, "32") in user.write]
        assert [user.name for user in users if topic.startswith(user.read_prefixes)] == ["reporting"]
    standing = {spec.name for spec in topics(namespace)}
    made = {prefix for user in users for prefix in user.made_prefixes}
    assert not [name for name in standing if name.startswith(tuple(made))], (
        "no topic that stays may be deleted"
    )


def test_what_nobody_deletes_of_a_replay_kafka_forgets() -> None:
    spec = replay_topic(ENROLLMENT_EVENTS, "a1b2c3d4", "")
    assert spec.partitions == len(LANE_CODES)
    assert 0 < int(spec.config["retention.ms"]) <= 7 * 24 * 3600 * 1000


@pytest.mark.parametrize("lane", LANE_CODES)
def test_a_province_reaches_its_own_topics_only(lane: str) -> None:
    user = USERS[province_principal(lane)]
    assert set(user.write) == {f"provinces.{lane}.events", f"provinces.{lane}.contacts"}
    assert set(user.read) == {f"provinces.{lane}.receipts", f"provinces.{lane}.decisions"}


def test_the_table_names_every_user_there_is() -> None:
    assert set(USERS) == {*RIGHTS, *(province_principal(lane) for lane in LANE_CODES)}
    assert set(SERVICES) < set(RIGHTS)


@pytest.mark.parametrize(
    "stream",
    [
        ENROLLMENT_EVENTS,
        SUBSIDY_EVENTS,
        PROVINCE_RECEIPTS,
        PROVINCE_DECISIONS,
        REPORTING_CHANGES,
        REPORTING_STATISTICS,
    ],
    ids=stream_name,
)
def test_an_inner_topic_has_one_writer(stream: Stream) -> None:
    for topic in stream.topics(""):
        assert len([user for user in USERS.values() if topic in user.write]) == 1


@pytest.mark.parametrize("lane", LANE_CODES)
def test_a_provinces_topic_is_written_by_the_province_and_the_http_door_only(lane: str) -> None:
    writers = {user.name for user in USERS.values() if f"provinces.{lane}.events" in user.write}
    assert writers == {province_principal(lane), HTTP_DOOR}


def test_nobody_may_join_the_group_of_another() -> None:
    names = [(user.name, prefix) for user in USERS.values() for prefix in user.group_prefixes]
    for name, prefix in names:
        assert not [other for other, theirs in names if other != name and theirs.startswith(prefix)]

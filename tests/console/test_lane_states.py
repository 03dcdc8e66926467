"""What services say of their lanes becomes one picture: states, lag against the publisher, what is unpublished."""

from typing import Any

from console.lane_states import lane_states, publisher_of, streams_published, summed


def cursor(stream: str, lane: str, last_seq: int = 0, **changes: Any) -> dict[str, Any]:
    row = {"stream": stream, "lane": lane, "last_seq": last_seq, "next_offset": 0, "stopped": None}
    return {**row, "stopped_at": None, "waiting_since": None, "draining": False, **changes}


def outbound(stream: str, lane: str, seq: int, published_seq: int) -> dict[str, Any]:
    row = {"stream": stream, "lane": lane, "seq": seq, "published_seq": published_seq}
    return {**row, "republish_from": None}


ANSWERS: dict[str, Any] = {
    "enrollment": {
        "cursors": [
            cursor("provinces.{lane}.events", "32", next_offset=9),
            cursor("provinces.{lane}.events", "11"),
        ],
        "outbound": [
            outbound("enrollment.events", "32", 8, 7),
            outbound("enrollment.events", "11", 0, 0),
            outbound("provinces.{lane}.receipts", "32", 9, 9),
        ],
    },
    "subsidy": {
        "cursors": [
            cursor("enrollment.events", "11"),
            cursor("enrollment.events", "32", 5, stopped="poison", stopped_at="2026-11-24T00:00:00Z"),
        ],
        "outbound": [],
    },
    "reporting": {
        "cursors": [cursor("enrollment.events", "32", 6, waiting_since="2026-11-24T00:00:00Z")],
        "outbound": [],
    },
}


def test_lag_is_what_the_publisher_has_logged_beyond_the_cursor() -> None:
    by_place = {(one.service, one.lane): one for one in lane_states(ANSWERS)}
    assert by_place["subsidy", "32"].lag == 3
    assert by_place["reporting", "32"].lag == 2
    assert by_place["subsidy", "11"].lag == 0


def test_lag_is_unknown_where_no_service_publishes() -> None:
    door = lane_states(ANSWERS)[1]
    assert (door.service, door.lane, door.lag) == ("enrollment", "32", None)
    assert door.reads[0].at == 9


def test_a_lane_shows_the_worst_of_what_it_reads() -> None:
    by_place = {(one.service, one.lane): one for one in lane_states(ANSWERS)}
    assert by_place["subsidy", "32"].state == "stopped"
    assert by_place["reporting", "32"].state == "waiting"
    assert by_place["enrollment", "32"].state == "going"
    draining = {"subsidy": {"cursors": [cursor("x", "32", draining=True)], "outbound": []}}
    assert lane_states(draining)[0].state == "draining"


def test_an_unpublished_event_keeps_a_lane_from_being_at_rest() -> None:
    lanes = {one.lane: one for one in lane_states(ANSWERS) if one.service == "enrollment"}
    assert lanes["32"].unpublished == 1
    assert not lanes["32"].at_rest
    assert lanes["11"].at_rest
    assert not lanes["11"].used


def test_sums_count_every_lane_once() -> None:
    counts = summed(lane_states(ANSWERS), "subsidy")
    assert (counts["lanes"], counts["going"], counts["stopped"], counts["lag"]) == (2, 1, 1, 3)


def test_an_operator_may_name_a_stream_in_short_or_by_its_topic() -> None:
    wanted = ("enrollment", "provinces.{lane}.receipts")
    assert publisher_of("receipts", ANSWERS) == wanted
    assert publisher_of("provinces.32.receipts", ANSWERS) == wanted
    assert publisher_of("enrollment.events", ANSWERS) == ("enrollment", "enrollment.events")
    assert publisher_of("nothing.known", ANSWERS) is None
    assert streams_published(ANSWERS) == ["enrollment.events", "provinces.{lane}.receipts"]

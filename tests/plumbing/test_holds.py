"""A lane is carried by one part or tick at a time; others go on meanwhile."""

import asyncio

from shared.plumbing.holds import Holds


async def test_a_lane_is_held_by_one_at_a_time_and_others_are_not_kept_waiting() -> None:
    holds = Holds()
    await holds.take({"32", "33"})
    second = asyncio.create_task(holds.take({"33", "34"}))
    await asyncio.sleep(0)  # it begins
    await holds.take({"50"})
    assert not second.done()
    assert holds.held.keys() == {"32", "33", "50"}, (
        "who waits for one lane holds none of the others meanwhile"
    )
    holds.release({"32", "33"})
    await asyncio.wait_for(second, 1)
    assert holds.held.keys() == {"33", "34", "50"}


async def test_giving_lanes_up_waits_until_none_is_held() -> None:
    holds = Holds()
    await holds.take({"32"})
    await holds.take({"33"})
    none = asyncio.create_task(holds.none())
    holds.release({"32"})
    await asyncio.sleep(0)
    assert not none.done()
    holds.release({"33"})
    await asyncio.wait_for(none, 1)

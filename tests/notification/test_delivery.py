"""Promises about delivery: never twice for one cause, never lost, nothing personal in what is said of it."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
import structlog

from services.notification import domain, gateway, handlers, store
from services.notification.domain import message_key
from services.notification.gateway import RelayUnreachableError
from services.notification.store import Messages
from shared.contracts.provinces import Contact
from shared.plumbing.seal import Seal
from tests.notification.world import ADDRESS, NAME, WORKER, Relay, World, award

DEADLINE_S = 30


async def _due_again(world: World) -> None:
    await world.pool.execute("UPDATE message SET due_at = clock_timestamp() WHERE state = 'pending'")


async def _one_due(world: World) -> None:
    await world.take(world.contact())
    await world.take(world.fact("subsidy.granted", award()))


async def test_a_due_message_is_sent_once(world: World, relay: Relay) -> None:
    await _one_due(world)
    sender = world.sender(relay.port)
    assert await sender.round()
    assert not await sender.round()
    (message,) = relay.taken
    (row,) = await world.rows()
    assert relay.recipients == [ADDRESS]
    assert message["To"] == ADDRESS
    assert message["Message-ID"] == f"<{message_key(row['cause_event_id'])}@dreams.invalid>"
    assert NAME in message.get_content()
    assert "1,000.50元" in message.get_content()
    assert (row["state"], row["tries"], row["code"]) == ("sent", 1, None)


async def test_two_senders_never_hold_the_same_message(world: World, relay: Relay) -> None:
    await world.take(world.contact())
    await world.take(*(world.fact("subsidy.granted", award()) for _ in range(60)))
    senders = [world.sender(relay.port), world.sender(relay.port)]

    async def until_idle(sender: handlers.Sender) -> None:
        while await sender.round():
            pass

    await asyncio.gather(*(until_idle(sender) for sender in senders))
    keys = [message["Message-ID"] for message in relay.taken]
    assert len(keys) == len(set(keys)) == 60
    assert set(await world.states()) == {"sent"}


async def test_a_worker_without_contact_is_set_aside_until_one_comes(world: World, relay: Relay) -> None:
    await world.take(*(world.fact("subsidy.granted", award()) for _ in range(25)))
    sender = world.sender(relay.port)
    while await sender.round():
        pass
    assert set(await world.states()) == {"no_contact"}
    await world.take(world.contact())
    while await sender.round():
        pass
    assert set(await world.states()) == {"sent"}
    assert len(relay.taken) == 25


async def test_an_erased_contact_gets_nothing(world: World, relay: Relay) -> None:
    await _one_due(world)
    await world.take(world.erasure())
    await world.sender(relay.port).round()
    assert relay.taken == []
    assert await world.states() == ["no_contact"]


async def test_erasure_reaches_what_was_sent(world: World, relay: Relay) -> None:
    await _one_due(world)
    await world.sender(relay.port).round()
    assert (await world.rows())[0]["recipient_sealed"] is not None
    await world.take(world.erasure())
    assert (await world.rows())[0]["recipient_sealed"] is None
    assert await world.states() == ["sent"]


async def test_a_contact_that_comes_while_none_was_found_is_not_missed(world: World, relay: Relay) -> None:
    await world.take(world.fact("subsidy.granted", award()))
    sender = world.sender(relay.port)
    await asyncio.gather(sender.round(), world.take(world.contact()))
    await sender.round()
    assert await world.states() == ["sent"]


@pytest.mark.parametrize("answer", ["451 later", "421 closing"])
async def test_a_temporary_refusal_is_tried_again_later(world: World, relay: Relay, answer: str) -> None:
    relay.answers = [answer]
    await _one_due(world)
    sender = world.sender(relay.port)
    await sender.round()
    (row,) = await world.rows()
    assert (row["state"], row["code"]) == ("pending", f"smtp_{answer[:3]}")
    assert timedelta(seconds=29) < row["due_at"] - row["state_at"] < timedelta(seconds=31)
    assert not await sender.round()
    await _due_again(world)
    await sender.round()
    assert await world.states() == ["sent"]
    assert len(relay.taken) == 1


async def test_a_refused_recipient_fails_and_the_next_is_served(world: World, relay: Relay) -> None:
    relay.recipient_answers = [f"550 no such user {ADDRESS}"]
    await world.take(world.contact())
    await world.take(world.fact("subsidy.granted", award()), world.fact("subsidy.granted", award()))
    await world.sender(relay.port).round()
    assert sorted(await world.states()) == ["failed", "sent"]
    assert {row["code"] for row in await world.rows()} == {"smtp_550", None}
    assert len(relay.taken) == 1


@pytest.mark.parametrize(
    ("answer", "code"), [("550 you may not", "smtp_550"), ("hang up", "SMTPServerDisconnected")]
)
async def test_a_relay_that_refuses_ourselves_costs_no_message(
    world: World, relay: Relay, answer: str, code: str
) -> None:
    relay.sender_answers = [answer]
    await _one_due(world)
    sender = world.sender(relay.port)
    await sender.round()
    assert [(row["state"], row["code"]) for row in await world.rows()] == [("pending", code)]
    await _due_again(world)
    await sender.round()
    assert await world.states() == ["sent"]


async def test_a_relay_that_cannot_serve_an_address_in_chinese_says_so(world: World, relay: Relay) -> None:
    relay.knows_utf8 = False
    await world.take(world.contact({"name": NAME, "email": "张伟@example.cn"}))
    await world.take(world.fact("subsidy.granted", award()))
    await world.sender(relay.port).round()
    assert [(row["state"], row["code"]) for row in await world.rows()] == [("failed", "no_smtputf8")]


async def test_a_temporarily_refused_recipient_waits(world: World, relay: Relay) -> None:
    relay.recipient_answers = ["450 greylisted"]
    await _one_due(world)
    await world.sender(relay.port).round()
    assert [(row["state"], row["code"]) for row in await world.rows()] == [("pending", "smtp_450")]


async def test_a_connection_lost_after_the_letter_leaves_it_unknown_and_unsent(
    world: World, relay: Relay
) -> None:
    relay.answers = ["hang up"]
    await world.take(world.contact())
    await world.take(world.fact("subsidy.granted", award()), world.fact("subsidy.granted", award()))
    sender = world.sender(relay.port)
    await sender.round()
    assert sorted(await world.states()) == ["pending", "unknown"]
    while await sender.round():
        pass
    assert sorted(await world.states()) == ["sent", "unknown"]
    assert len(relay.taken) == 1


async def test_what_was_under_way_when_its_sender_vanished_is_never_resent(
    world: World, relay: Relay
) -> None:
    await _one_due(world)
    assert len(await Messages(world.pool).take(10, 10)) == 1  # and then its process was gone
    another = world.sender(relay.port)
    assert not await another.round()
    assert await world.states() == ["sending"]
    await world.pool.execute("UPDATE message SET state_at = state_at - $1::interval", handlers.LEASE)
    assert not await another.round()
    assert not await another.round()
    (row,) = await world.rows()
    assert (row["state"], row["code"], relay.taken) == ("unknown", "interrupted", [])


async def test_a_contact_on_its_way_is_waited_for(world: World, relay: Relay) -> None:
    await world.take(world.fact("subsidy.granted", award()))
    sealed = world.seal.close(Contact(name=NAME, email=ADDRESS).model_dump_json().encode())
    async with world.pool.acquire() as db, db.transaction():
        now = (await world.rows())[0]["claimed_at"]
        await store.keep_contacts(db, [(WORKER, "32", sealed)], now, domain.CONTACT_WAIT)
        looking = asyncio.ensure_future(world.sender(relay.port).round())
        async with asyncio.timeout(DEADLINE_S):
            while not await _somebody_waits(world):  # noqa: ASYNC110 - what is waited for lies in the database
                await asyncio.sleep(0.01)
        assert not looking.done()
    await looking
    assert await world.states() == ["sent"]


async def _somebody_waits(world: World) -> bool:
    return bool(await world.pool.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))


async def test_a_sender_told_to_stop_does_not_wait_for_a_relay_that_is_silent(
    world: World, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "LAST_LETTER_S", 0.05)
    monkeypatch.setattr(gateway, "LEAVE_S", 0.05)
    await world.take(world.contact())
    await world.take(world.fact("subsidy.granted", award()), world.fact("subsidy.granted", award()))
    relay.frozen = asyncio.Event()
    running = asyncio.ensure_future(world.sender(relay.port).run())
    async with asyncio.timeout(DEADLINE_S):
        await relay.arrived.wait()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        while sorted(await world.states()) != ["pending", "unknown"]:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)


async def test_a_sender_told_to_stop_finishes_its_letter_and_puts_the_others_back(
    world: World, relay: Relay
) -> None:
    await world.take(world.contact())
    await world.take(*(world.fact("subsidy.granted", award()) for _ in range(5)))
    relay.frozen = asyncio.Event()
    running = asyncio.ensure_future(world.sender(relay.port).run())
    async with asyncio.timeout(DEADLINE_S):
        await relay.arrived.wait()
    running.cancel()
    await asyncio.sleep(0)
    relay.frozen.set()
    with suppress(asyncio.CancelledError):
        await running
    assert sorted(await world.states()) == ["pending"] * 4 + ["sent"]
    assert sorted(row["tries"] for row in await world.rows()) == [0, 0, 0, 0, 1]


async def test_a_sender_that_was_frozen_does_not_send_what_another_may_have_taken(
    world: World, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _one_due(world)
    monkeypatch.setattr(handlers, "ROUND_S", -1.0)
    await world.sender(relay.port).round()
    assert relay.taken == []
    assert await world.states() == ["pending"]


async def test_the_truth_that_it_was_sent_is_kept_even_if_it_comes_late(world: World) -> None:
    await _one_due(world)
    messages = Messages(world.pool)
    (due,) = await messages.take(10, 10)
    await messages.expire(timedelta(0))
    assert await world.states() == ["unknown"]
    assert await messages.settle(due, domain.Next("sent"))
    assert await world.states() == ["sent"]
    assert not await messages.settle(due, domain.Next("failed"))


async def test_an_unreachable_relay_costs_no_attempt(world: World, relay: Relay) -> None:
    await _one_due(world)
    with pytest.raises(RelayUnreachableError):
        await world.sender(1).round()
    (row,) = await world.rows()
    assert (row["state"], row["tries"]) == ("pending", 0)
    assert row["due_at"] > row["state_at"]
    await _due_again(world)
    await world.sender(relay.port).round()
    assert await world.states() == ["sent"]


async def test_the_sender_outlives_whatever_fails(
    world: World, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "BACKOFF_MAX_S", 0.01)
    monkeypatch.setattr(handlers, "IDLE_S", 0.01)
    await _one_due(world)
    sender = world.sender(relay.port)
    real, failures = sender.round, [ValueError(ADDRESS), OSError(ADDRESS)]

    async def failing() -> bool:
        if failures:
            raise failures.pop()
        return await real()

    monkeypatch.setattr(sender, "round", failing)
    running = asyncio.ensure_future(sender.run())
    async with asyncio.timeout(DEADLINE_S):
        await relay.arrived.wait()
        while await world.states() != ["sent"]:  # noqa: ASYNC110 - what is waited for lies in the database
            await asyncio.sleep(0.01)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_a_database_that_fails_for_a_moment_loses_no_outcome(
    world: World, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "SETTLE_AGAIN_S", 0.0)
    await _one_due(world)
    sender = world.sender(relay.port)
    real, failures = Messages.settle, [OSError(), OSError()]

    async def failing(self: Messages, *arguments: Any) -> bool:
        if failures:
            raise failures.pop()
        return await real(self, *arguments)

    monkeypatch.setattr(Messages, "settle", failing)
    await sender.round()
    assert await world.states() == ["sent"]


async def test_a_database_that_stays_away_leaves_the_message_for_the_lease(
    world: World, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "SETTLE_AGAIN_S", 0.0)
    await _one_due(world)

    async def failing(self: Messages, *_: Any) -> bool:
        raise ConnectionResetError

    monkeypatch.setattr(Messages, "settle", failing)
    with pytest.raises(ConnectionResetError):
        await world.sender(relay.port).round()
    assert await world.states() == ["sending"]


async def test_an_address_in_chinese_is_served(world: World, relay: Relay) -> None:
    await world.take(world.contact({"name": NAME, "email": "张伟@example.cn", "language": "en"}))
    await world.take(world.fact("subsidy.granted", award()))
    await world.sender(relay.port).round()
    assert relay.recipients == ["张伟@example.cn"]
    assert relay.taken[0]["Subject"] == "Your tuition subsidy is granted"


async def test_a_contact_sealed_with_another_key_waits_to_be_mended(world: World, relay: Relay) -> None:
    await _one_due(world)
    sender = world.sender(relay.port)
    sender._seal = Seal(bytes(32))
    await sender.round()
    assert [(row["state"], row["code"]) for row in await world.rows()] == [("pending", "contact_unreadable")]


async def test_a_broken_template_of_ours_waits_to_be_mended(
    world: World, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _one_due(world)
    monkeypatch.setattr(gateway.Mailer, "compose", lambda *_: 1 // 0)
    await world.sender(relay.port).round()
    assert [(row["state"], row["code"]) for row in await world.rows()] == [("pending", "not_composed")]


async def test_nothing_personal_is_in_logs_metrics_or_tables(
    world: World, relay: Relay, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    caplog.set_level("CRITICAL", "mail.log")  # the relay's own, which is the outside world
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    try:
        relay.recipient_answers = [f"550 <{ADDRESS}> unknown", f"451 <{ADDRESS}>"]
        relay.answers = [f"554 {NAME} {ADDRESS}", "hang up"]
        await world.take(
            world.contact(), world.contact({"name": NAME, "email": ADDRESS, "x": ADDRESS}), world.contact()
        )
        await world.take(*(world.fact("subsidy.granted", award()) for _ in range(6)))
        sender = world.sender(relay.port)
        while await sender.round():
            pass
        await _due_again(world)
        with pytest.raises(RelayUnreachableError):
            await world.sender(1).round()
        await world.take(world.fact("subsidy.granted", award(amount_fen=ADDRESS)))
        assert world.causes.stopped == {"32"}
    finally:
        structlog.reset_defaults()
    said = capfd.readouterr()
    seen = [said.out, said.err, caplog.text]
    seen += [str(list(metric.collect())) for metric in (world.counts.messages, world.counts.contacts)]
    for table in ("message", "contact", "quarantine", "cursor", "operator_act"):
        rows = await world.pool.fetch(f"SELECT * FROM {table}")  # noqa: S608 - one of the names above
        seen.append(str([tuple(row.values()) for row in rows]))
    for text in seen:
        for canary in (ADDRESS, NAME, ADDRESS.partition("@")[0]):
            assert canary not in text
    assert WORKER in seen[-5]


async def test_series_of_metrics_do_not_grow_with_workers(world: World, relay: Relay) -> None:
    await world.take(
        *(world.fact("subsidy.granted", award(), subject=f"k{n}." + "C" * 52) for n in range(300))
    )
    sender = world.sender(relay.port)
    while await sender.round():
        pass
    (metric,) = world.counts.messages.collect()
    assert {tuple(sorted(s.labels.items())) for s in metric.samples} == {
        (("cause", "subsidy.granted"), ("state", "pending")),
        (("cause", "subsidy.granted"), ("state", "no_contact")),
    }

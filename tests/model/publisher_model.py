"""Searches every interleaving of a lane's two processes, to prove or break the publisher's rule.

One lane of one topic: its row (`seq`, `published_seq`), its partition, and two processes that may both
believe that the lane is theirs. The partition itself is not kept, only what a consumer makes of it (`last`,
`highest`): a fold over the records as they were appended. The two processes stand in the state by role (whom
the group gave the lane, and the other), which halves the search; a trace names them A and B.

What is one step here, and why that leaves nothing out:
- lock, read, write, COMMIT: the row's lock keeps the other out, and the process looks at its memory again
  when the answer comes. A rollback is as if nothing had begun.
- send, append, acknowledge: a request can be given up instead and arrive at any later time, often, or never;
  and a transaction may write less to published_seq than is acknowledged, as if that were still on its way.
- losing the lane by a crash: a crash and a reassignment.
"""

from collections.abc import Iterator
from enum import Enum
from functools import cache
from itertools import pairwise, product
from typing import NamedTuple

Run = tuple[int, int]  # first and last seq of consecutive records, both included


class Rule(Enum):
    """The publisher's rule as stated, as built, and ways to get it wrong."""

    STATED = "in every batch and tick compares seq, read under the lock, with what it queued itself"
    BUILT = "the same, but goes on after what it queued itself, a part of the log at a time"
    AT_ASSIGNMENT = "compares only when it is given the lane, or after a doubt of its own"
    IN_FIRST_BATCH = "compares only in its first batch with the lane, or after a doubt of its own"
    FROM_MEMORY = "publishes from memory after a COMMIT whose answer was lost"
    CARRIES_ON = "after a COMMIT whose answer was lost carries on as if that batch had been queued"
    PUBLISHED_WHEN_QUEUED = "moves published_seq over what is queued, not what is acknowledged"
    NO_SECOND_LOOK = "compares inside the transaction and does not look again after COMMIT"
    REPUBLISHES_ANYWHERE = "as built, and an operator's `republish from n` may skip what was never queued"
    DROPS_THE_WISH = "as built, and an operator's wish is met once it is queued, not once it is acknowledged"


class Finding(Enum):
    """What a search can hold against a rule."""

    LOSS = "all is calm, and the consumer has not reached seq"
    WAITING = "all is calm, and the consumer waits for a gap to close"
    INVENTED = "the partition holds a record that the log does not"
    GAP = "a record was appended before its predecessor, though the gap may close"
    OVERCLAIMED = "published_seq is beyond what a consumer can reach, and no operator's wish says so"


class Fault(Enum):
    """What may go wrong, any number of times."""

    REASSIGNMENT = "the group moves the lane; the process that had it does not know yet"
    CRASH = "a process loses its memory"
    LOST_ANSWER = "COMMIT's answer does not come, whether it succeeded or not"
    FAILED_SEND = "a request is given up, whether it arrives later or not"
    REPUBLISH = "an operator asks the owner to publish again from some seq (as built only)"
    FORGETTING = (
        "a consumer loses what it had from some seq on, an operator asks for it (as built only, once)"
    )


class Bounds(NamedTuple):
    """What makes the search finite: events stamped, runs of records waiting in one FIFO, faults allowed."""

    events: int
    fifo_runs: int
    faults: frozenset[Fault] = frozenset(Fault)


class Verdict(NamedTuple):
    """How many states a search visited, how many of them were calm, what it found, the shortest way there."""

    states: int
    calm_states: int
    finding: Finding | None = None
    trace: tuple[str, ...] = ()


class Transaction(NamedTuple):
    """A batch or tick that the database has committed; the answer is on its way."""

    read_seq: int
    stamps: bool  # one new event, read_seq + 1
    rows: Run | None  # what it loaded of the log, to catch up
    queued_then: int | None  # `queued` when it loaded that
    wish: int = 0  # what it left of an operator's wish, 0 for none


class Process(NamedTuple):
    """What one process remembers of the lane; any prefix of the FIFO's head may be its request in flight."""

    owns: bool = False  # so it believes
    queued: int | None = None
    fifo: tuple[Run, ...] = ()
    acked: int = 0
    wish: int = 0  # the operator's wish that it has begun with
    tx: Transaction | None = None


class Lane(NamedTuple):
    """The lane's row, and how far a consumer comes with the partition as it is."""

    seq: int = 0
    published: int = 0
    last: int = 0
    highest: int = 0
    wish: int = 0  # the row's republish_from, 0 for none
    forgotten: bool = False


class State(NamedTuple):
    """Everything there is to know between two steps."""

    lane: Lane
    late: tuple[Run, ...]  # requests nobody waits for any more, which may still arrive
    owner: Process
    other: Process


class Step(NamedTuple):
    """What one process, its database session or its request can do next."""

    name: str
    process: Process
    commits: tuple[int, int, int] | None = None  # seq, published_seq and what is left of a wish
    arrives: Run | None = None
    abandons: Run | None = None
    fault: Fault | None = None


class Move(NamedTuple):
    """A step of the whole; `actor` as in the state before it: 0 the owner, 1 the other, None the wire."""

    name: str
    actor: int | None
    state: State
    swaps: bool = False


AS_BUILT = (Rule.BUILT, Rule.REPUBLISHES_ANYWHERE, Rule.DROPS_THE_WISH)
TRUSTING = (Rule.AT_ASSIGNMENT, Rule.IN_FIRST_BATCH)


class PublisherNeverComesToRestError(Exception):
    """From this state on, without any further fault, the owner's ticks would go on changing things."""


def search(rule: Rule, bounds: Bounds, against: frozenset[Finding]) -> Verdict:
    """Visit every state, nearest first; stop at the first finding of the kinds given in `against`."""
    start = State(Lane(), (), _assigned(rule, Lane(), Process()), Process())
    came_from: dict[State, State | None] = {start: None}
    frontier = [start]
    calm_states = 0
    while frontier:
        reached: list[State] = []
        for state in frontier:
            for move in moves(rule, bounds, state):
                if move.state in came_from:
                    continue
                came_from[move.state] = state
                reached.append(move.state)
                calm = is_calm(rule, move.state)
                calm_states += calm
                finding = next((each for each in findings(move.state, calm=calm) if each in against), None)
                if finding:
                    return Verdict(
                        len(came_from), calm_states, finding, _told(rule, bounds, move.state, came_from)
                    )
        frontier = reached
    _demand_rest(rule, bounds, came_from)
    return Verdict(len(came_from), calm_states)


def findings(state: State, *, calm: bool) -> Iterator[Finding]:
    """Whatever speaks against the rule in this one state."""
    seq, published, last, highest, wish, _ = state.lane
    if highest > seq:
        yield Finding.INVENTED
    if calm and highest > last:
        yield Finding.WAITING
    if calm and last != seq:
        yield Finding.LOSS
    if highest > last:
        yield Finding.GAP
    if min(published, wish - 1 if wish else published) > last:
        yield Finding.OVERCLAIMED


def is_calm(rule: Rule, state: State) -> bool:
    """Nothing is under way except late packets, the other process knows, and a tick would change nothing."""
    owner, other = state.owner, state.other
    if other != Process() or owner.tx or owner.fifo:
        return False
    lane = state.lane
    return _tick(rule, owner, lane) == (owner, lane.seq, lane.published, lane.wish)


# ---------------------------------------------------------------- two processes, the group, the wire


def moves(rule: Rule, bounds: Bounds, state: State) -> Iterator[Move]:
    """Every step that can come next."""
    lane, late, owner, other = state
    for actor, process in ((0, owner), (1, other)):
        for step in _steps(rule, bounds, process, _row(lane), actor == 0):
            yield Move(step.name, actor, _after(rule, state, actor, step))
    if Fault.REASSIGNMENT in bounds.faults:
        yield _reassigned(rule, state)
    if Fault.CRASH in bounds.faults:
        yield from _crashes(rule, state)
    for told, wished in _wishes(rule, bounds, lane):
        yield Move(told, None, State(wished, _due(late, wished), owner, other))
    for run in late:
        reached = _consumed(lane, run)
        after = state._replace(lane=reached, late=_due(late, reached))
        yield Move(f"late packet {_words(run)} arrives", None, after)


def _row(lane: Lane) -> tuple[int, int, int]:
    """What a process reads under the lock."""
    return lane.seq, lane.published, lane.wish


def _wishes(rule: Rule, bounds: Bounds, lane: Lane) -> Iterator[tuple[str, Lane]]:
    """An operator asks, with or without a reason; an earlier wish that is still open is never raised."""
    if rule not in AS_BUILT:
        return
    if Fault.REPUBLISH in bounds.faults:
        for first in range(1, lane.seq + 1):
            wish = min(first, lane.wish or first)
            yield f"an operator asks for {first} again", lane._replace(wish=wish)
    if Fault.FORGETTING in bounds.faults and not lane.forgotten:
        for last in range(lane.last):
            wish = min(last + 1, lane.wish or last + 1)
            forgetful = lane._replace(last=last, highest=last, wish=wish, forgotten=True)
            yield f"the consumer forgets {last + 1} and what follows, an operator asks for it", forgetful


def _after(rule: Rule, state: State, actor: int, step: Step) -> State:
    lane, late, owner, other = state
    if step.commits:
        seq, published, wish = step.commits
        lane = lane._replace(seq=seq, published=published, wish=wish)
    if step.arrives:
        lane = _consumed(lane, step.arrives)
        late = _due(late, lane)
    if step.abandons:
        late = _due((*late, step.abandons), lane)
    owner, other = (owner, step.process) if actor else (step.process, other)
    if step.commits:
        owner, other = _forgets(rule, owner, *step.commits[:2]), _forgets(rule, other, *step.commits[:2])
    return State(lane, late, owner, other)


def _reassigned(rule: Rule, state: State) -> Move:
    """The group gives the lane to the other process, which may have missed that it had lost it before."""
    lane, late, owner, other = state
    gained = other if other.owns else _assigned(rule, lane, other)
    return Move("loses the lane, unawares", 0, State(lane, late, gained, owner), swaps=True)


def _crashes(rule: Rule, state: State) -> Iterator[Move]:
    """A process dies and starts again; its request may be on the wire."""
    lane, late, owner, other = state
    again = _assigned(rule, lane, Process())
    for run in _requests(owner) or (None,):
        yield Move(
            f"crashes{_while_sending(run)}, starts again with the lane",
            0,
            State(lane, _due((*late, run), lane) if run else late, again, other),
        )
    if other.tx and not other.owns:
        yield Move("crashes", 1, State(lane, late, owner, Process()))


@cache
def _consumed(lane: Lane, run: Run) -> Lane:
    """The consumer drops what it has and what is beyond a gap; it takes what comes next in order."""
    first, last = run
    reached = last if first <= lane.last + 1 <= last else lane.last
    return lane._replace(last=reached, highest=max(lane.highest, last))


@cache
def _due(late: tuple[Run, ...], lane: Lane) -> tuple[Run, ...]:
    """Late packets that can still make a difference to the consumer; each may arrive more than once."""
    return tuple(sorted({run for run in late if run[1] > lane.last}))


@cache
def _forgets(rule: Rule, process: Process, seq: int, published: int) -> Process:
    """Leave out what can make no difference any more, so that fewer states differ."""
    if 0 < process.acked <= published and not process.wish:
        process = process._replace(acked=0)
    queued, tx = process.queued, process.tx
    if rule in (Rule.STATED, Rule.BUILT) and tx and not tx.stamps and tx.rows is None:
        process = process._replace(tx=None)  # the answer to a tick that queues nothing
    elif rule is Rule.STATED and queued != seq and not (tx and tx.read_seq == queued):
        process = process._replace(queued=None)  # no seq that it will read can equal it again
    return process


# ---------------------------------------------------------------- one process


@cache
def _steps(
    rule: Rule, bounds: Bounds, process: Process, row: tuple[int, int, int], is_owner: bool
) -> tuple[Step, ...]:
    """What is under way comes first, so that the first step without a fault leads to rest."""
    steps = [*_sending_steps(process), *_answers(rule, process)]
    if process.owns and not is_owner:
        steps += _revocations(process)
    if process.owns and not process.tx:
        steps += _transactions(rule, process, row, row[0] < bounds.events)
    return tuple(
        step
        for step in steps
        if (step.fault is None or step.fault in bounds.faults) and len(step.process.fifo) <= bounds.fifo_runs
    )


def _transactions(rule: Rule, process: Process, row: tuple[int, int, int], may_stamp: bool) -> Iterator[Step]:
    """From lock to COMMIT: an idle tick or one new event."""
    seq = row[0]
    for stamps, acked in product((False, True)[: 1 + may_stamp], _acknowledged(rule, process)):
        told = f"commits {seq + 1}" if stamps else "commits a tick"
        settled, published, wish, left = _settled(rule, process, row, acked)
        for rows in _loads(rule, settled.queued, seq, published, wish):
            tx = Transaction(seq, stamps, rows, settled.queued if rule in AS_BUILT and rows else None, left)
            read = f"having read {seq}" + (f" and log {_words(rows)}" if rows and rows[0] <= rows[1] else "")
            after = settled._replace(tx=tx)
            yield Step(f"{told}, {read}", after, commits=(seq + stamps, published, left))
        tx = Transaction(seq, stamps, None, None)
        yield Step(f"nearly {told}, and does not know", _in_doubt(rule, process, tx), fault=Fault.LOST_ANSWER)


def _acknowledged(rule: Rule, process: Process) -> tuple[int, ...]:
    """How far it may know that it is acknowledged: all of it, or nothing while that is on its way."""
    known = process.queued or 0 if rule is Rule.PUBLISHED_WHEN_QUEUED else process.acked
    return (known, 0) if known else (0,)


def _settled(
    rule: Rule, process: Process, row: tuple[int, int, int], acked: int
) -> tuple[Process, int, int, int]:
    """The row moved over acknowledgements: published_seq, the wish to load from, what to leave of it."""
    seq, published, wish = row
    if wish and rule is Rule.DROPS_THE_WISH:
        return process._replace(queued=None), max(published, acked), wish, 0
    if wish and wish != process.wish:
        return process._replace(queued=None, wish=0), published, wish, wish
    if wish:
        wish = max(wish, acked + 1) if acked < seq else 0
    return process._replace(wish=wish), max(published, acked), wish, wish


def _loads(rule: Rule, queued: int | None, seq: int, published: int, wish: int) -> Iterator[Run | None]:
    """What of the log it may load in this transaction, the whole of what is missing first, nothing last."""
    catches_up = queued is None if rule in TRUSTING else queued != seq
    if rule not in AS_BUILT or not catches_up:
        yield (published + 1, seq) if catches_up else None
        return
    follows = (published if queued is None else queued) + 1
    if queued is None and wish:
        follows = wish if rule is Rule.REPUBLISHES_ANYWHERE else min(follows, wish)
    for last in range(seq, follows - 2, -1):
        yield (follows, last)


def _answers(rule: Rule, process: Process) -> Iterator[Step]:
    if process.tx:
        answered = _answered(rule, process, process.tx)
        begins_anew = process.owns and _begins_anew(rule, process, process.tx)
        for run in (begins_anew and _requests(process)) or (None,):
            yield Step(f"learns{_while_sending(run)} that COMMIT succeeded", answered, abandons=run)
        yield Step(
            "never gets COMMIT's answer", _in_doubt(rule, process, process.tx), fault=Fault.LOST_ANSWER
        )


def _answered(rule: Rule, process: Process, tx: Transaction) -> Process:
    """COMMIT has succeeded: queue the log that it loaded, then what it stamped, if nothing is missing."""
    process = process._replace(tx=None)
    if not process.owns:
        return process
    if _overtaken(rule, process, tx):
        return process._replace(queued=None)
    fifo, queued = process.fifo, tx.read_seq
    if tx.rows and _begins_anew(rule, process, tx):
        fifo, process = (), process._replace(acked=tx.rows[0] - 1, wish=tx.wish)
    if tx.rows:
        fifo, queued = _queue(fifo, tx.rows), tx.rows[1]
    if tx.stamps and queued != tx.read_seq:
        return process._replace(queued=queued if rule in AS_BUILT else None, fifo=fifo)
    if tx.stamps:
        queued = tx.read_seq + 1
        fifo = _queue(fifo, (queued, queued))
    return process._replace(queued=queued, fifo=fifo)


def _begins_anew(rule: Rule, process: Process, tx: Transaction) -> bool:
    """After a doubt it drops what it had queued; a request that is on the wire may still arrive."""
    return rule in AS_BUILT and tx.rows is not None and process.queued is None and tx.queued_then is None


def _overtaken(rule: Rule, process: Process, tx: Transaction) -> bool:
    """It is in doubt since it read, and the log that it now needs is not what it loaded."""
    if tx.rows:
        return rule in AS_BUILT and process.queued != tx.queued_then
    trusts = rule is Rule.NO_SECOND_LOOK or (rule in TRUSTING and process.queued is not None)
    return process.queued != tx.read_seq and not trusts


def _in_doubt(rule: Rule, process: Process, tx: Transaction) -> Process:
    """Committed or not, it does not know: queue nothing, remember nothing."""
    if rule is Rule.FROM_MEMORY:
        return _answered(rule, process, tx)
    if rule is Rule.CARRIES_ON and process.owns:
        return process._replace(tx=None, queued=tx.read_seq + tx.stamps)
    return process._replace(tx=None, queued=None)


def _sending_steps(process: Process) -> Iterator[Step]:
    failed = process._replace(fifo=(), queued=None, wish=0)
    for run in _requests(process):
        yield Step(f"sends {_words(run)}, acknowledged", _sent(process, run), arrives=run)
        yield Step(f"sends {_words(run)}, gives up on it", failed, abandons=run, fault=Fault.FAILED_SEND)
    if process.queued and not process.fifo:
        yield Step("gives up on what had been appended", failed, fault=Fault.FAILED_SEND)


def _requests(process: Process) -> tuple[Run, ...]:
    """What may be on the wire and not yet in the partition: any prefix of the FIFO's head."""
    if not process.fifo:
        return ()
    first, last = process.fifo[0]
    return tuple((first, end) for end in range(last, first - 1, -1))


def _sent(process: Process, run: Run) -> Process:
    last = process.fifo[0][1]
    rest = ((run[1] + 1, last),) if run[1] < last else ()
    return process._replace(fifo=rest + process.fifo[1:], acked=max(process.acked, run[1]))


def _revocations(process: Process) -> Iterator[Step]:
    """It drops memory and FIFO; an answer that is on its way will find it so."""
    for run in _requests(process) or (None,):
        told = f"learns{_while_sending(run)} that it has lost the lane"
        yield Step(told, Process(tx=process.tx), abandons=run)


def _assigned(rule: Rule, lane: Lane, process: Process) -> Process:
    """It is given the lane and knows nothing; only the rule that trusts this moment reads the row here."""
    if rule is Rule.AT_ASSIGNMENT:
        fifo = _queue((), (lane.published + 1, lane.seq))
        return Process(owns=True, queued=lane.seq, fifo=fifo, tx=process.tx)
    return Process(owns=True, tx=process.tx)


def _queue(fifo: tuple[Run, ...], run: Run) -> tuple[Run, ...]:
    """Append a run; consecutive runs become one, as any prefix of a run may be sent."""
    first, last = run
    if first > last:
        return fifo
    if fifo and fifo[-1][1] + 1 == first:
        return (*fifo[:-1], (fifo[-1][0], last))
    return (*fifo, run)


@cache
def _tick(rule: Rule, process: Process, lane: Lane) -> tuple[Process, int, int, int]:
    """The process, seq, published_seq and what is left of a wish after one undisturbed tick."""
    acked = _acknowledged(rule, process)[0]
    settled, published, wish, left = _settled(rule, process, _row(lane), acked)
    rows = next(_loads(rule, settled.queued, lane.seq, published, wish))
    tx = Transaction(lane.seq, False, rows, settled.queued if rule in AS_BUILT and rows else None, left)
    after = _answered(rule, settled, tx)
    return _forgets(rule, after, lane.seq, published), lane.seq, published, left


# ---------------------------------------------------------------- coming to rest, and telling how


def _demand_rest(rule: Rule, bounds: Bounds, states: dict[State, State | None]) -> None:
    """Without further faults and events every state comes to rest, and all states on the way were visited."""
    rests: set[State] = set()
    for state in states:
        way: dict[State, None] = {}
        here = state
        while here not in rests and not is_calm(rule, here):
            if here in way or here not in states:
                raise PublisherNeverComesToRestError(here)
            way[here] = None
            here = _undisturbed(rule, bounds, here)
        rests.update(way, (here,))


def _undisturbed(rule: Rule, bounds: Bounds, state: State) -> State:
    """The next state when nothing goes wrong any more: the other process finishes, then the owner."""
    lane, _, owner, other = state
    calm_bounds = bounds._replace(events=0, faults=frozenset())
    for actor, process in ((1, other), (0, owner)):
        for step in _steps(rule, calm_bounds, process, _row(lane), actor == 0):
            return _after(rule, state, actor, step)
    return state


def _told(rule: Rule, bounds: Bounds, end: State, came_from: dict[State, State | None]) -> tuple[str, ...]:
    """The way to a state as sentences, the processes under their own names."""
    way = [end]
    while (before := came_from[way[-1]]) is not None:
        way.append(before)
    way.reverse()
    names, told = "AB", list[str]()
    for here, then in pairwise(way):
        move = next(move for move in moves(rule, bounds, here) if move.state == then)
        told.append(move.name if move.actor is None else f"{names[move.actor]} {move.name}")
        names = names[::-1] if move.swaps else names
    return tuple(told)


def _while_sending(run: Run | None) -> str:
    return f" (with {_words(run)} on the wire)" if run else ""


def _words(run: Run) -> str:
    return str(run[0]) if run[0] == run[1] else f"{run[0]}..{run[1]}"

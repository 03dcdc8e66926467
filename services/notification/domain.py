"""Decides who is told what: which facts notify, in which words, what follows from an attempt to deliver."""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal

from pydantic import BaseModel

from shared.contracts import enrollment, provinces, subsidy
from shared.contracts.envelope import MONTHS_EN, Fact
from shared.contracts.provinces import Contact

LATE_AFTER: Final = timedelta(days=30)
"""A cause that was recorded longer ago is not told unasked: a log read again must not reach anybody."""
CONTACT_WAIT: Final = timedelta(days=14)
"""A contact that comes later than this after the cause does not revive the message."""
TRIES_MAX: Final = 100
"""With the delays below about four days, what RFC 5321 (4.5.4.1) asks of a sender."""
RETRY_FIRST_S: Final = 30
RETRY_MAX_S: Final = 3600
ADDRESS_MAX_BYTES: Final = 254
LOCAL_PART_MAX_BYTES: Final = 64

Language = Literal["zh", "en"]
State = Literal["pending", "sending", "sent", "failed", "unknown", "no_contact"]
Details = dict[str, str | int]
CHANNEL: Final = "mail"


@dataclass(frozen=True, slots=True)
class Claim:
    """The claim to tell one worker of one cause, once; `details` hold nothing personal."""

    cause_event_id: str
    cause: str
    lane: str
    worker_ref: str
    details: Details
    state: State
    code: str | None


def claim(fact: Fact[BaseModel], now: datetime) -> Claim | None:
    """What `fact` obliges us to tell, if anything. ValueError for a fact without its worker."""
    cause, details_of = CAUSES[fact.type]
    details = details_of(fact.data)
    if details is None:
        return None
    if fact.subject is None:
        raise ValueError(f"{fact.type} names no worker")
    late = now - fact.recordedtime > LATE_AFTER
    return Claim(
        fact.id,
        cause,
        fact.lane,
        fact.subject,
        details,
        "unknown" if late else "pending",
        "late_cause" if late else None,
    )


def _award(data: Any) -> Details:
    return {
        "enrollment_no": data.enrollment_no,
        "fiscal_year": data.fiscal_year,
        "amount_fen": data.amount_fen,
    }


def _waitlisted(data: Any) -> Details | None:
    """Who waits for a confirmation is told once that is there, and money is not."""
    return None if data.waits_for == "confirmation" else _admitted(data)


def _admitted(data: Any) -> Details:
    return _award(data) | {"position": data.position}


def _released(data: Any) -> Details:
    return _award(data) | {"was": data.was, "why": data.why}


def _voided(data: Any) -> Details | None:
    """Called back is what was told: a reservation never was."""
    return _award(data) | {"was": data.was} if data.was != "reserved" else None


def _reversed(data: Any) -> Details:
    return _award(data) | ({"expires_on": data.expires_on.isoformat()} if data.expires_on else {})


def _paid(data: Any) -> Details | None:
    """What was taken off a debt, or had been paid before, reaches nobody's account."""
    return _award(data) | {"paid_fen": data.paid_fen} if data.how == "paid" else None


def _returned(data: Any) -> Details:
    return _award(data) | {"returned_fen": data.returned_fen}


def _clawed_back(data: Any) -> Details:
    return _award(data) | {"open_fen": data.open_fen, "why": data.why}


def _scholarship(data: Any) -> Details:
    return {
        "scholarship_no": data.scholarship_no,
        "enrollment_no": data.enrollment_no,
        "amount_fen": data.amount_fen,
    }


def _booked(data: Any) -> Details:
    return _scholarship(data) | {"awarded_fen": data.awarded_fen}


def _completed(data: Any) -> Details | None:
    return None if data.enrollment.history else _degree(data.model_dump(mode="json"))


def _degree_voided(data: Any) -> Details | None:
    """Of voided events only a completed degree was told; history was not."""
    voided = data.voided
    if (
        data.voided_type != provinces.DEGREE_COMPLETED
        or voided is None
        or voided["enrollment"].get("history")
    ):
        return None
    return _degree(voided)


def _degree(data: Mapping[str, Any]) -> Details:
    return {name: data[name] for name in ("enrollment_no", "level", "completed_on")}


CAUSES: Final[Mapping[str, tuple[str, Callable[[Any], Details | None]]]] = {
    subsidy.SUBSIDY_GRANTED: ("subsidy.granted", _award),
    subsidy.SUBSIDY_WAITLISTED: ("subsidy.waitlisted", _waitlisted),
    subsidy.SUBSIDY_ADMITTED: ("subsidy.waitlisted", _admitted),
    subsidy.SUBSIDY_RELEASED: ("subsidy.released", _released),
    subsidy.SUBSIDY_VOIDED: ("subsidy.voided", _voided),
    subsidy.SUBSIDY_GRANT_REVERSED: ("subsidy.grant_reversed", _reversed),
    subsidy.SUBSIDY_DISBURSED: ("subsidy.disbursed", _paid),
    subsidy.SUBSIDY_RETURNED: ("subsidy.returned", _returned),
    subsidy.SUBSIDY_CLAWED_BACK: ("subsidy.clawed_back", _clawed_back),
    subsidy.SCHOLARSHIP_BOOKED: ("scholarship.booked", _booked),
    subsidy.SCHOLARSHIP_REVERSED: ("scholarship.reversed", _scholarship),
    provinces.DEGREE_COMPLETED: ("degree.completed", _completed),
    provinces.EVENT_VOIDED: ("degree.voided", _degree_voided),
}
"""The types that notify: name of the cause, and what its message needs of the fact; None where it tells nothing."""

FACTS_READ: Final[Mapping[str, type[BaseModel]]] = {
    name: model for name, model in {**subsidy.FACT_MODELS, **enrollment.FACT_MODELS}.items() if name in CAUSES
}

_LEVELS: Final[Mapping[str, tuple[str, str]]] = {
    "primary": ("小学", "primary school"),
    "junior_high": ("初中", "junior high school"),
    "senior_high": ("高中", "senior high school"),
    "secondary_vocational": ("中等职业教育", "secondary vocational education"),
    "associate": ("大学专科", "associate degree"),
    "bachelor": ("大学本科", "bachelor's degree"),
    "master": ("硕士", "master's degree"),
    "doctorate": ("博士", "doctorate"),
}


def phrases(details: Mapping[str, Any], language: Language) -> dict[str, str]:
    """The details of a message as its reader's language writes them."""
    said = {name: str(value) for name, value in details.items()}
    for name in ("amount", "awarded", "paid", "returned", "open"):
        if f"{name}_fen" in details:
            said[name] = yuan(details[f"{name}_fen"], language)
    if "position" in details:
        said["position"] = f"{details['position']:,}"
    if "level" in details:
        said["level"] = _LEVELS[details["level"]][language == "en"]
    for name in ("completed_on", "expires_on"):
        if name in details:
            said[name] = day(date.fromisoformat(details[name]), language)
    return said


def yuan(amount_fen: int, language: Language) -> str:
    """An amount in yuan, exact to the fen: `1,000元`, `1,000.05元`, `1,000.00 yuan`."""
    whole, fen = divmod(amount_fen, 100)
    if language == "en":
        return f"{whole:,}.{fen:02d} yuan"
    return f"{whole:,}.{fen:02d}元" if fen else f"{whole:,}元"


def day(value: date, language: Language) -> str:
    """A calendar day: `2026年9月1日`, `1 September 2026`."""
    if language == "en":
        return f"{value.day} {MONTHS_EN[value.month - 1]} {value.year}"
    return f"{value.year}年{value.month}月{value.day}日"


_ATOM: Final = r"[\w!#$%&'*+/=?^`{|}~-]+"
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS: Final = re.compile(rf"({_ATOM}(?:\.{_ATOM})*)@{_LABEL}(?:\.{_LABEL})+")


def unfit(contact: Contact) -> str | None:
    """Which field of a contact is unfit: not one address, or a name that could forge lines of a letter."""
    found = _ADDRESS.fullmatch(contact.email)
    if found is None or len(contact.email.encode()) > ADDRESS_MAX_BYTES:
        return "email"
    if len(found[1].encode()) > LOCAL_PART_MAX_BYTES:
        return "email"
    if any(
        unicodedata.category(sign)[0] == "C" or unicodedata.category(sign) in {"Zl", "Zp"}
        for sign in contact.name
    ):
        return "name"
    return None


def masked(address: str) -> str:
    """An address as operators see it: `z***@example.cn`."""
    local, _, domain = address.partition("@")
    return f"{local[:1] if len(local) > 1 else ''}***@{domain}"


def message_key(cause_event_id: str) -> str:
    """What names a message to mail servers: derived from its cause, so a second copy could be recognised."""
    return hashlib.sha256(f"{CHANNEL}\x1f{cause_event_id}".encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one attempt. `uncertain`: the letter was under way and no answer came."""

    kind: Literal["accepted", "temporary", "permanent", "uncertain"]
    code: str | None = None
    """Out of few: `smtp_451`, `connection` …; never a server's own words, which may name the recipient."""


@dataclass(frozen=True, slots=True)
class Next:
    """What a message becomes."""

    state: State
    code: str | None = None
    due_in_s: int = 0


def after(outcome: Outcome, tries: int) -> Next:
    """What a message becomes after attempt number `tries`: sent again only if it surely was not taken."""
    if outcome.kind == "accepted":
        return Next("sent")
    if outcome.kind == "uncertain":
        return Next("unknown", outcome.code)
    if outcome.kind == "permanent" or tries >= TRIES_MAX:
        return Next("failed", outcome.code)
    return Next("pending", outcome.code, min(RETRY_FIRST_S * 2 ** min(tries - 1, 20), RETRY_MAX_S))

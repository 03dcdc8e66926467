"""Lets Kafka in: facts that may notify somebody, and the provinces' contacts."""

import re
from collections.abc import Callable
from typing import Final

from aiokafka import ConsumerRecord
from pydantic import ValidationError

from services.notification import domain
from services.notification.handlers import ClaimCauses, ContactChange, Counts, KeepContacts
from shared.contracts.envelope import WORKER_REF_PATTERN
from shared.contracts.provinces import Contact
from shared.contracts.strict_json import parse_strict
from shared.contracts.topics import ENROLLMENT_EVENTS, PROVINCE_CONTACTS, SUBSIDY_EVENTS
from shared.plumbing.batch import LaneGroup
from shared.plumbing.decoding import Bad, Decoded, FactDecoder, explain
from shared.plumbing.metrics import Metrics
from shared.plumbing.seal import Seal

CAUSES: Final = "notification"
CONTACTS: Final = "notification-contacts"
CONTACT_MAX_BYTES: Final = 16 * 1024
_WORKER_REF: Final = re.compile(WORKER_REF_PATTERN.strip("^$"))


def lane_groups(metrics: Metrics, counts: Counts, seal: Callable[[], Seal]) -> tuple[LaneGroup, LaneGroup]:
    """Both groups; contacts have their own, since topics of one partition are shared out differently."""
    metrics.registry.register(counts.messages)
    metrics.registry.register(counts.contacts)
    return (
        LaneGroup(
            name=CAUSES,
            gather_ms=500,
            reads=(ENROLLMENT_EVENTS, SUBSIDY_EVENTS),
            writes=(),
            gate="seq",
            decode=FactDecoder(domain.FACTS_READ),
            handle=ClaimCauses(counts),
        ),
        LaneGroup(
            name=CONTACTS,
            gather_ms=500,
            reads=(PROVINCE_CONTACTS,),
            writes=(),
            gate="offset",
            decode=take_contact,
            handle=KeepContacts(counts, seal),
        ),
    )


def take_contact(record: ConsumerRecord) -> Decoded:
    """The change that a record on a province's contacts asks for, or what is wrong with it; never raises."""
    worker_ref = (record.key or b"").decode("ascii", "replace")
    if _WORKER_REF.fullmatch(worker_ref) is None:
        return None, Bad("invalid", "key"), 0, None
    if record.value is None:
        return ContactChange(worker_ref, None), None, 0, None
    if len(record.value) > CONTACT_MAX_BYTES:
        return None, Bad("too_large"), 0, None
    try:
        contact = Contact.model_validate(parse_strict(record.value), extra="forbid")
    except ValidationError as error:
        return None, explain(error), 0, None
    except (ValueError, RecursionError):
        return None, Bad("unreadable"), 0, None
    field = domain.unfit(contact)
    if field:
        return None, Bad("invalid", field), 0, None
    return ContactChange(worker_ref, contact), None, 0, None

"""Where limits for a life meet awards in parts: a scheme has one or the other, and an enrollment may change over."""

from datetime import date

import pytest
from pydantic import ValidationError

from services.subsidy.config import SchemeError
from services.subsidy.domain.schemes import Rules
from services.subsidy.scheme_file import activation
from shared.contracts.subsidy import FACT_MODELS
from tests.subsidy.facts import POT, YUAN_1000_FEN, Province, read, worker_ref
from tests.subsidy.histories import FIVE_PARTS, LIMITED, history_of_limits, scheme_in_parts
from tests.subsidy.shelf import Shelf

TWO_PARTS = (
    {"fund_source": POT, "share_percent": 50, "share_of": "base"},
    {"fund_source": POT, "share_percent": 50, "share_of": "base"},
)


def test_a_scheme_in_parts_that_names_a_limit_is_no_scheme() -> None:
    with pytest.raises(ValidationError, match="lifetime_awards_per_level: leave out one of them"):
        scheme_in_parts(*FIVE_PARTS, lifetime_awards_per_level=1)


def test_a_scheme_in_parts_is_put_in_force_by_its_file_only() -> None:
    with pytest.raises(SchemeError, match="not put in force by an event"):
        activation(scheme_in_parts(*FIVE_PARTS))


def test_an_enrollment_that_is_corrected_into_parts_leaves_the_award_to_who_asks_next() -> None:
    first, second = LIMITED.schemes
    ended = second.model_copy(update={"valid_until": date(2026, 3, 31)})
    in_parts = scheme_in_parts(*TWO_PARTS, valid_from=date(2026, 4, 1))
    shelf, js, zj = Shelf(Rules([first, ended, in_parts])), Province("32"), Province("33")
    facts = [lane.day("2026-03-01") for lane in (js, zj)]
    facts += [lane.allocated(3 * YUAN_1000_FEN) for lane in (js, zj)]
    wrong = js.enrolled(1, start="2026-03-01")
    facts += [wrong, zj.enrolled(2, start="2026-03-01") | {"subject": wrong["subject"]}]
    facts += [js.voided(wrong, superseded_by="right"), js.enrolled(1, start="2026-04-01")]
    for fact in facts:
        shelf.take([read(fact)])
        shelf.look_again()

    assert {key: award.state for key, award in sorted(shelf.awards.items())} == {
        "32-00001": "reserved",
        "32-00001/2": "reserved",
        "33-00002": "reserved",
    }
    (entitlement,) = shelf.entitlements.values()
    assert entitlement.held_by("") == ["33/33-00002"]


@pytest.mark.parametrize(("meanwhile", "state"), [(False, "reserved"), (True, "refused")])
def test_who_was_covered_when_corrected_asks_for_the_award_before_it_stands_again(
    meanwhile: bool, state: str
) -> None:
    shelf, js, zj = Shelf(LIMITED), Province("32"), Province("33")
    facts = [lane.day("2026-03-01") for lane in (js, zj)]
    facts += [lane.allocated(3 * YUAN_1000_FEN) for lane in (js, zj)]
    facts.append(js.allocated(50_000, pot="wuxi-merit", level="city"))
    wrong = js.enrolled(1, tuition_fen=500_000)
    given = js.scholarship(1, 50_000, tuition_fen=500_000)
    facts += [wrong, given, js.voided(wrong, superseded_by="right"), js.enrolled(1, tuition_fen=50_000)]
    if meanwhile:
        facts.append(zj.enrolled(2) | {"subject": worker_ref(1)})
    facts.append(js.voided(given))
    for fact in facts:
        shelf.take([read(fact)])
        shelf.look_again()

    assert shelf.awards["32-00001"].state == state
    assert len(next(iter(shelf.entitlements.values())).held_by("")) == 1


def test_what_is_said_of_limits_and_activated_schemes_follows_its_contract() -> None:
    for entry in history_of_limits().entries:
        FACT_MODELS[entry.type].model_validate(entry.data, strict=False, extra="forbid")

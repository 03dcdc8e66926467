"""What subsidy publishes: budgets, decisions about awards, and scholarships booked; decisions go to the provinces."""

from datetime import date
from typing import Final, Literal

from pydantic import BaseModel

from shared.contracts.envelope import Day, Value, event_type
from shared.contracts.provinces import Category, Track


class Award(Value):
    """One decision about one enrollment's subsidy. Subject: the worker_ref."""

    award_id: str
    """Derived from the enrollment: one award for each; of further parts with their number behind."""
    enrollment_no: str
    """The enrollment, as the province numbered it."""
    fiscal_year: int
    """Calendar year in Asia/Shanghai."""
    fund_source: str
    """The pot that pays, as the allocation names it."""
    amount_fen: int
    """Amount of the award in fen."""
    scheme: str
    """Name of the scheme that decided."""
    scheme_version: int
    """Version of that scheme."""
    categories: tuple[Category, ...]
    """Flags of the worker as of the enrollment's recorded date."""
    track: Track
    """Academic, skills, or combined."""
    part: int | None = None
    """Number of the part, where the award has several: each is drawn from a budget of its own and stands by itself."""
    due: Literal["confirmation", "completion"] | None = None
    """What grants the part, where the award has several: the institution's confirmation, or the completed course."""


class SubsidyReserved(Award):
    """Money is held for an accepted enrollment."""

    was_waitlisted: bool = False
    """Whether the award has waited and its turn has come."""
    expires_on: date | None = None
    """The day on which it expires without a confirmation; none where it is confirmed already."""
    lacking_fen: int = 0
    """What the budget could not carry of the part, in fen: asked of the next funder or forgone, as the scheme says."""


class SubsidyGranted(Award):
    """The institution has confirmed, or a part that was due then is completed: the money is granted."""


class SubsidyForgone(Award):
    """Nothing comes of a part of an award: its budget carries nothing of it, or nothing of the tuition is left."""

    lacking_fen: int
    """What the budget could not carry, in fen: asked of the next funder or forgone, as the scheme says."""
    message_zh: str
    """What happened, why and what to do now, in Chinese."""
    message_en: str
    """The same sentence in English."""


class SubsidyCommitted(Award):
    """A part of a later year of study: it holds no money until its fiscal year begins on the lane."""


class SubsidyCommitmentEnded(Award):
    """A part of a later year of study is not asked any more; it never held money."""

    why: Literal["withdrawn", "completed", "tuition_covered", "voided"]
    """The worker has left, or has completed the course before; scholarships pay the tuition; the enrollment is void."""


class SubsidyWaitlisted(Award):
    """The budget is used up: the award waits, ranked by recorded order."""

    position: int
    """Number in the queue when it was put there, or among those that wait for a confirmation; 1 is next."""
    waits_for: Literal["money", "confirmation"] = "money"
    """What it waits for. Confirmation: another province has reported it, and such awards have reached their share of
    the budget; once it is confirmed, or that share has room, it has money or is `subsidy.admitted` to the queue."""
    message_zh: str | None = None
    """Where it waits for a confirmation: what happened, why and what to do now, in Chinese."""
    message_en: str | None = None
    """The same sentence in English."""


class SubsidyAdmitted(Award):
    """An award that has waited for its confirmation waits for money from now on, at the rank that it had."""

    position: int
    """Number in the queue when it was put there; 1 is next."""


class SubsidyReleased(Award):
    """What was reserved or granted is free again, or the award has left the queue."""

    was: Literal["reserved", "granted", "waitlisted"]
    """State of the award before."""
    why: Literal["withdrawn", "tuition_covered", "expired", "lifetime_limit"] = "withdrawn"
    """The worker has withdrawn; scholarships pay the whole tuition of an award that waited; nobody has confirmed the
    enrollment in time: confirmed later, it has money again where that is free, or its old place in the queue; or, while
    it waited, history has used up the person's limit: it is taken up again by itself when that is let go."""
    held_by_lane: str | None = None
    """Of `lifetime_limit`: lane of the enrollment that holds the person's award."""
    held_by_enrollment_no: str | None = None
    """Its number."""


class SubsidyVoided(Award):
    """The enrollment was voided or corrected: its award counts no more; what it held is free, or follows anew."""

    was: Literal["reserved", "granted", "waitlisted"]
    """State of the award before."""


class SubsidyGrantReversed(Award):
    """The confirmation was voided: what was granted is reserved again."""

    expires_on: date | None = None
    """The day on which the reservation expires without a confirmation."""


class SubsidyDisbursed(Award):
    """Money of a grant has reached the worker."""

    paid_fen: int
    """What counts as paid by this, in fen."""
    disbursed_fen: int
    """All that is paid of the award now, in fen."""
    how: Literal["paid", "netted", "restored"]
    """By a payment; by taking off what the worker owes; or it was paid for the award before it was let go."""
    owed_for: str | None = None
    """Enrollment for which the worker owed what was taken off."""
    owed_for_year: int | None = None
    """Year of the budget to which it was owed."""
    batch_no: str | None = None
    """Settlement of the payment."""
    line_no: int | None = None
    """Place within the settlement."""


class SubsidyReturned(Award):
    """A payment has come back: that much is granted and unpaid again."""

    returned_fen: int
    """What came back, in fen."""
    disbursed_fen: int
    """All that is paid of the award now, in fen."""
    batch_no: str
    """Settlement of the payment."""
    line_no: int
    """Place within the settlement."""


class SubsidyClawedBack(Award):
    """What was paid for an award that stands no more must come back; until then it is taken off later awards."""

    clawed_back_fen: int
    """What is claimed by this, in fen."""
    open_fen: int
    """All that is owed for the enrollment to this budget now, in fen."""
    why: Literal["withdrawn", "expired", "voided", "corrected"]
    """Why the award stands no more."""
    message_zh: str
    """What happened, why and what to do now, in Chinese."""
    message_en: str
    """The same sentence in English."""


class ClawbackRepaid(Value):
    """Money that was owed has come back. Subject: the worker_ref."""

    enrollment_no: str
    """The enrollment whose award had been paid."""
    fiscal_year: int
    """Year of the budget to which it was owed."""
    fund_source: str
    """The pot."""
    amount_fen: int
    """What came back by this, in fen."""
    open_fen: int
    """What is still owed; 0 when it is settled."""
    how: Literal["returned", "netted", "restored"]
    """The payment was returned; taken off another award; or the award stands again."""
    netted_against: str | None = None
    """Enrollment of the award that it was taken off."""
    part: int | None = None
    """Number of the part that it was taken off, or that stands again, where the award has several."""


class ClawbackWrittenOff(Value):
    """What was owed will not come back: it stays spent, and nobody follows it any more. Subject: the worker_ref."""

    enrollment_no: str
    """The enrollment whose award had been paid."""
    fiscal_year: int
    """Year of the budget to which it was owed."""
    fund_source: str
    """The pot."""
    document_no: str
    """Number of the document by which it is written off."""
    asked_fen: int
    """What the document writes off, in fen."""
    amount_fen: int
    """What was owed of that and is written off, in fen."""
    open_fen: int
    """What is still owed; 0 when nothing is followed any more."""
    refused_fen: int
    """What was not owed, so that nothing was written off for it, in fen."""
    message_zh: str | None = None
    """Where not all was owed: what happened, why and what to do now, in Chinese."""
    message_en: str | None = None
    """The same sentence in English."""


class PaymentUnmatched(Value):
    """A payment, or what came back of it, belongs to no grant: it is not booked. Subject: the worker_ref."""

    enrollment_no: str
    """The enrollment, as the province numbered it."""
    fiscal_year: int
    """Year that the payment names."""
    fund_source: str
    """Pot that the payment names."""
    batch_no: str
    """The settlement."""
    line_no: int
    """Place within the settlement."""
    moved_fen: int
    """What was paid, or came back, in fen."""
    amount_fen: int
    """The part that is not booked, in fen."""
    code: Literal[
        "not_granted", "not_granted_yet", "other_pot", "exceeds_grant", "exceeds_payment", "not_owed"
    ]
    """Why: nothing is granted; or not yet, so that the payment is kept and booked once it is; or it is granted from
    another pot, or less; what came back is more than was paid, or not owed."""
    message_zh: str
    """What happened, why and what to do now, in Chinese."""
    message_en: str
    """The same sentence in English."""


class SubsidyRefused(Value):
    """No scheme gives this enrollment anything, or another enrollment of the person holds what it would give."""

    enrollment_no: str
    """The enrollment, as the province numbered it."""
    code: Literal["not_eligible", "no_scheme", "nothing_to_pay", "lifetime_limit"]
    """Why: not eligible under the scheme, no scheme covers it, nothing is left to pay, or the person has as many awards
    at this level as the scheme gives in a life: once one is let go, the earliest that was refused is taken up again."""
    held_by_lane: str | None = None
    """Of `lifetime_limit`: lane of the enrollment that holds the person's award; of several the first."""
    held_by_enrollment_no: str | None = None
    """Its number."""
    message_zh: str
    """What happened, why and what to do now, in Chinese."""
    message_en: str
    """The same sentence in English."""


class SchemeEnded(Value):
    """An earlier version of a scheme that a later one ends."""

    scheme_version: int
    """Its number."""
    valid_until: date
    """Last first day of study that it covers now."""


class SchemeAdopted(Value):
    """A version of a scheme decides from now on, on this lane; what was decided before stays."""

    scheme: str
    """Name of the scheme."""
    scheme_version: int
    """Number of the version."""
    valid_from: date
    """First day of study that it covers."""
    valid_until: date | None = None
    """Last such day; none until a later version ends it."""
    ended: tuple[SchemeEnded, ...] = ()
    """Earlier versions of the same name that it ends."""


class SchemeRefused(Value):
    """A version of a scheme is not put in force anywhere: said on lane 00, every lane decides the same."""

    scheme: str
    """Name of the scheme."""
    scheme_version: int
    """Number of the version."""
    code: Literal["scheme_differs", "scheme_overlaps"]
    """Why: this version is in force with other content; or another scheme covers the same enrollments."""
    other_scheme: str
    """The scheme that stands in the way."""
    other_scheme_version: int
    """Its version."""
    message_zh: str
    """What happened, why and what to do now, in Chinese."""
    message_en: str
    """The same sentence in English."""


class BudgetOpened(Value):
    """An allocation is booked: the first opens the budget, further ones add to it."""

    fiscal_year: int
    """Calendar year in Asia/Shanghai."""
    fund_source: str
    """The pot that pays, as the allocation names it."""
    funder_level: str
    """Level of the body that owns the money: national, provincial, city or enterprise."""
    amount_fen: int
    """This allocation, in fen."""
    allocated_fen: int
    """All allocations of the budget so far, in fen."""


class BudgetIncreased(Value):
    """An adjustment has added money to an open budget."""

    document_no: str
    """Number of the adjustment's document."""
    fiscal_year: int
    """Calendar year in Asia/Shanghai."""
    fund_source: str
    """The pot that pays, as the allocation names it."""
    funder_level: str
    """Level of the body that owns the money: national, provincial, city or enterprise."""
    asked_fen: int
    """What the adjustment asks for, in fen."""
    amount_fen: int
    """What was done of it, in fen."""
    allocated_fen: int
    """The budget afterwards, in fen."""


class BudgetReduced(BudgetIncreased):
    """An adjustment has cut a budget: only what is free, never what is reserved, granted, paid or owed."""

    refused_fen: int
    """The part that is committed and was not cut, in fen."""
    message_zh: str | None = None
    """What happened, why and what to do now, in Chinese; none where all was cut."""
    message_en: str | None = None
    """The same sentence in English."""


class CarryoverBooked(Value):
    """Free money of one year is moved into a later one of the same pot."""

    document_no: str
    """Number of the carry-over's document."""
    from_fiscal_year: int
    """Year that loses the money."""
    to_fiscal_year: int
    """Later year that gains it."""
    fund_source: str
    """The pot, the same in both years."""
    funder_level: str
    """Level of the body that owns the money: national, provincial, city or enterprise."""
    asked_fen: int
    """What was to be carried over, in fen."""
    amount_fen: int
    """What was carried over, in fen."""
    refused_fen: int
    """The part that is committed and stays where it is, in fen."""
    from_allocated_fen: int
    """The earlier year's budget afterwards, in fen."""
    to_allocated_fen: int
    """The later year's budget afterwards, in fen."""
    message_zh: str | None = None
    """What happened, why and what to do now, in Chinese; none where all was carried over."""
    message_en: str | None = None
    """The same sentence in English."""


class BudgetChangeRefused(Value):
    """An allocation, an adjustment or a carry-over has changed nothing."""

    document_no: str
    """Number of its document."""
    change: Literal["allocation", "increase", "decrease", "carry_over"]
    """What was asked for."""
    fiscal_year: int
    """Year of the budget; of a carry-over the one that was to lose money."""
    fund_source: str
    """The pot."""
    asked_fen: int
    """How much, in fen."""
    code: Literal["not_open", "committed", "too_large"]
    """Why: nothing was ever allocated to it; its money is committed; or it would exceed what is exact."""
    message_zh: str
    """What happened, why and what to do now, in Chinese."""
    message_en: str
    """The same sentence in English."""


class BudgetExhausted(Value):
    """The budget cannot carry the next award: those that follow wait. Said once until money is there again."""

    fiscal_year: int
    """Calendar year in Asia/Shanghai."""
    fund_source: str
    """The pot that pays, as the allocation names it."""
    allocated_fen: int
    """All allocations of the budget so far, in fen."""
    free_fen: int
    """What is neither reserved, granted nor disbursed, in fen."""
    runs_out_on: Day | None = None
    """The day on which it runs out, if it is used as in the last 90 days of the lane; none where that is not known."""


class BudgetRecovered(Value):
    """A budget that was exhausted carries all awards again: nobody waits any more."""

    fiscal_year: int
    """Calendar year in Asia/Shanghai."""
    fund_source: str
    """The pot that pays, as the allocation names it."""
    allocated_fen: int
    """The budget, in fen."""
    free_fen: int
    """What of it nothing holds, in fen."""


class BudgetThresholdReached(BudgetRecovered):
    """So much of the budget is used: said once, until the threshold was cleared."""

    percent: Literal[80, 95, 100]
    """The threshold, in percent of the budget."""
    used_fen: int
    """What is reserved, granted, paid, owed or booked, in fen."""
    runs_out_on: Day | None = None
    """The day on which it runs out, if it is used as in the last 90 days of the lane; none where that is not known."""


class BudgetThresholdCleared(BudgetThresholdReached):
    """The use of the budget has fallen more than five points below a threshold that was reached."""


class Scholarship(Value):
    """What is booked of a funder's scholarship. Subject: the worker_ref."""

    scholarship_no: str
    """The funder's number of the scholarship."""
    enrollment_no: str
    """The enrollment, as the province numbered it."""
    fiscal_year: int
    """Calendar year in Asia/Shanghai."""
    fund_source: str
    """The pot that pays, as the allocation names it."""
    funder_level: str
    """Level of the body that owns the money: national, provincial, city or enterprise."""
    amount_fen: int
    """The part that budget and tuition carry, in fen."""
    categories: tuple[Category, ...]
    """The worker's flags as of the enrollment's recorded date."""
    track: Track
    """Academic, skills, or combined."""


class ScholarshipBooked(Scholarship):
    """A funder's scholarship is booked against its budget. Subject: the worker_ref."""

    awarded_fen: int
    """What the funder awarded, in fen."""


class ScholarshipReversed(Scholarship):
    """A scholarship was voided: what was booked of it is back in its pot. Subject: the worker_ref."""


class ScholarshipExceeds(Value):
    """The part of a scholarship that is not booked goes back to the province, never silently."""

    scholarship_no: str
    """The funder's number of the scholarship."""
    enrollment_no: str
    """The enrollment, as the province numbered it."""
    fiscal_year: int
    """Calendar year in Asia/Shanghai."""
    fund_source: str
    """The pot that pays, as the allocation names it."""
    awarded_fen: int
    """What the funder awarded, in fen."""
    exceeding_fen: int
    """The part that is not booked, in fen."""
    message_zh: str
    """What happened, why and what to do now, in Chinese."""
    message_en: str
    """The same sentence in English."""


class BudgetTotal(Value):
    """What the ledger holds of one budget, in fen: the balances of its accounts."""

    fiscal_year: int
    """Calendar year in Asia/Shanghai."""
    fund_source: str
    """The pot, as its allocation names it."""
    allocated_fen: int
    """All that was put into it."""
    reserved_fen: int
    """Held for enrollments that are not confirmed."""
    granted_fen: int
    """Granted and not paid yet."""
    disbursed_fen: int
    """Paid for awards that stand."""
    receivable_fen: int
    """Paid for awards that stand no more, and not come back."""
    scholarship_fen: int
    """Booked for scholarships."""
    written_off_fen: int
    """What will not come back."""


class LedgerTotalled(Value):
    """What the lane's ledger holds as a day begins: all facts of the lane before this one are in it, and no other.

    So whoever counts these facts can compare what came of them.
    """

    day: date
    """The day that begins, in Asia/Shanghai."""
    budgets: tuple[BudgetTotal, ...]
    """All open budgets of the lane, by fiscal year and fund source."""


SUBSIDY_RESERVED: Final = event_type("subsidy.reserved")
SUBSIDY_GRANTED: Final = event_type("subsidy.granted")
SUBSIDY_WAITLISTED: Final = event_type("subsidy.waitlisted")
SUBSIDY_ADMITTED: Final = event_type("subsidy.admitted")
SUBSIDY_RELEASED: Final = event_type("subsidy.released")
SUBSIDY_FORGONE: Final = event_type("subsidy.forgone")
SUBSIDY_COMMITTED: Final = event_type("subsidy.committed")
SUBSIDY_COMMITMENT_ENDED: Final = event_type("subsidy.commitment_ended")
SUBSIDY_REFUSED: Final = event_type("subsidy.refused")
SUBSIDY_VOIDED: Final = event_type("subsidy.voided")
SUBSIDY_GRANT_REVERSED: Final = event_type("subsidy.grant_reversed")
SUBSIDY_DISBURSED: Final = event_type("subsidy.disbursed")
SUBSIDY_RETURNED: Final = event_type("subsidy.returned")
SUBSIDY_CLAWED_BACK: Final = event_type("subsidy.clawed_back")
CLAWBACK_REPAID: Final = event_type("clawback.repaid")
CLAWBACK_WRITTEN_OFF: Final = event_type("clawback.written_off")
PAYMENT_UNMATCHED: Final = event_type("payment.unmatched")
SCHEME_ADOPTED: Final = event_type("scheme.adopted")
SCHEME_REFUSED: Final = event_type("scheme.refused")
BUDGET_OPENED: Final = event_type("budget.opened")
BUDGET_INCREASED: Final = event_type("budget.increased")
BUDGET_REDUCED: Final = event_type("budget.reduced")
BUDGET_CHANGE_REFUSED: Final = event_type("budget.change_refused")
CARRYOVER_BOOKED: Final = event_type("carryover.booked")
BUDGET_EXHAUSTED: Final = event_type("budget.exhausted")
BUDGET_RECOVERED: Final = event_type("budget.recovered")
BUDGET_THRESHOLD_REACHED: Final = event_type("budget.threshold_reached")
BUDGET_THRESHOLD_CLEARED: Final = event_type("budget.threshold_cleared")
SCHOLARSHIP_BOOKED: Final = event_type("scholarship.booked")
SCHOLARSHIP_REVERSED: Final = event_type("scholarship.reversed")
SCHOLARSHIP_EXCEEDS_BUDGET: Final = event_type("scholarship.exceeds_budget")
SCHOLARSHIP_EXCEEDS_TUITION: Final = event_type("scholarship.exceeds_tuition")
LEDGER_TOTALLED: Final = event_type("ledger.totalled")

FACT_MODELS: Final[dict[str, type[BaseModel]]] = {
    SUBSIDY_RESERVED: SubsidyReserved,
    SUBSIDY_GRANTED: SubsidyGranted,
    SUBSIDY_WAITLISTED: SubsidyWaitlisted,
    SUBSIDY_ADMITTED: SubsidyAdmitted,
    SUBSIDY_RELEASED: SubsidyReleased,
    SUBSIDY_FORGONE: SubsidyForgone,
    SUBSIDY_COMMITTED: SubsidyCommitted,
    SUBSIDY_COMMITMENT_ENDED: SubsidyCommitmentEnded,
    SUBSIDY_REFUSED: SubsidyRefused,
    SUBSIDY_VOIDED: SubsidyVoided,
    SUBSIDY_GRANT_REVERSED: SubsidyGrantReversed,
    SUBSIDY_DISBURSED: SubsidyDisbursed,
    SUBSIDY_RETURNED: SubsidyReturned,
    SUBSIDY_CLAWED_BACK: SubsidyClawedBack,
    CLAWBACK_REPAID: ClawbackRepaid,
    CLAWBACK_WRITTEN_OFF: ClawbackWrittenOff,
    PAYMENT_UNMATCHED: PaymentUnmatched,
    SCHEME_ADOPTED: SchemeAdopted,
    SCHEME_REFUSED: SchemeRefused,
    BUDGET_OPENED: BudgetOpened,
    BUDGET_INCREASED: BudgetIncreased,
    BUDGET_REDUCED: BudgetReduced,
    BUDGET_CHANGE_REFUSED: BudgetChangeRefused,
    CARRYOVER_BOOKED: CarryoverBooked,
    BUDGET_EXHAUSTED: BudgetExhausted,
    BUDGET_RECOVERED: BudgetRecovered,
    BUDGET_THRESHOLD_REACHED: BudgetThresholdReached,
    BUDGET_THRESHOLD_CLEARED: BudgetThresholdCleared,
    SCHOLARSHIP_BOOKED: ScholarshipBooked,
    SCHOLARSHIP_REVERSED: ScholarshipReversed,
    SCHOLARSHIP_EXCEEDS_BUDGET: ScholarshipExceeds,
    SCHOLARSHIP_EXCEEDS_TUITION: ScholarshipExceeds,
    LEDGER_TOTALLED: LedgerTotalled,
}
"""What each fact on `subsidy.events` carries; what the province has asked for or must act on goes to it too."""

ALERTS: Final = frozenset(
    {BUDGET_EXHAUSTED, BUDGET_RECOVERED, BUDGET_THRESHOLD_REACHED, BUDGET_THRESHOLD_CLEARED}
)
"""Types that say how full a budget is."""
DECISIONS: Final = frozenset(FACT_MODELS) - ALERTS - {BUDGET_OPENED, LEDGER_TOTALLED}
"""Types that go to the province too, on its own topic of decisions."""

"""Promises about words and about what follows from an attempt: pure decisions."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from services.notification import domain
from services.notification.domain import Language, Next, Outcome
from services.notification.gateway import Letter, Mailer
from shared.contracts import subsidy
from shared.contracts.envelope import Fact

NOW = datetime(2026, 11, 24, tzinfo=UTC)
ENROLLMENT = {"enrollment_no": "32-0001"}
AWARD = ENROLLMENT | {"fiscal_year": 2026, "amount_fen": 123_456_705}
LEFT = AWARD | {"why": "withdrawn"}
EXPIRED = AWARD | {"was": "reserved", "why": "expired"}
COVERED = AWARD | {"was": "waitlisted", "why": "tuition_covered"}
UNCONFIRMED = AWARD | {"expires_on": "2027-11-24"}
PAID = AWARD | {"paid_fen": 60_000}
RETURNED = AWARD | {"returned_fen": 60_000}
OWED = AWARD | {"open_fen": 60_000}
DEGREE = ENROLLMENT | {"level": "associate", "completed_on": "2026-07-01"}
SCHOLARSHIP = ENROLLMENT | {
    "scholarship_no": "锡工〔2026〕7号",
    "amount_fen": 300_000,
    "awarded_fen": 300_000,
}
WORDS = [
    ("subsidy.granted", AWARD, "您的学费补助已批准", ["2026年度", "1,234,567.05元", "32-0001"]),
    (
        "subsidy.granted",
        AWARD,
        "Your tuition subsidy is granted",
        ["1,234,567.05 yuan", "fiscal year 2026"],
    ),
    ("subsidy.waitlisted", AWARD | {"position": 1234}, "您的补助申请已进入候补", ["排第1,234位"]),
    (
        "subsidy.waitlisted",
        AWARD | {"position": 1234},
        "Your subsidy is on the waiting list",
        ["place 1,234"],
    ),
    ("subsidy.released", LEFT | {"was": "reserved"}, "您的补助已取消", ["因您已退学，为您预留的补助"]),
    ("subsidy.released", LEFT | {"was": "granted"}, "您的补助已取消", ["因您已退学，已批准的补助"]),
    ("subsidy.released", LEFT | {"was": "waitlisted"}, "您的补助已取消", ["因您已退学，您候补中的补助"]),
    ("subsidy.released", LEFT | {"was": "reserved"}, "Your subsidy has been cancelled", ["reserved for you"]),
    ("subsidy.released", LEFT | {"was": "granted"}, "Your subsidy has been cancelled", ["granted to you"]),
    (
        "subsidy.released",
        LEFT | {"was": "waitlisted"},
        "Your subsidy has been cancelled",
        ["Because you have left the course", "for which you were waiting"],
    ),
    ("subsidy.released", EXPIRED, "您的补助预留已到期", ["1,234,567.05元", "请学校确认", "按原顺序候补"]),
    ("subsidy.released", EXPIRED, "Your reserved subsidy has expired", ["1,234,567.05 yuan", "old place"]),
    ("subsidy.released", COVERED, "您的奖学金已覆盖全部学费", ["1,234,567.05元", "已退出候补", "无需办理"]),
    (
        "subsidy.released",
        COVERED,
        "Your scholarships cover your tuition",
        ["1,234,567.05 yuan", "has left the waiting list", "nothing that you need to do"],
    ),
    (
        "scholarship.booked",
        SCHOLARSHIP,
        "您的奖学金将用于抵扣学费",
        ["锡工〔2026〕7号", "3,000元"],
    ),
    (
        "scholarship.booked",
        SCHOLARSHIP | {"scholarship_no": "WX-7"},
        "Your scholarship counts towards your tuition",
        ["WX-7", "3,000.00 yuan"],
    ),
    (
        "degree.completed",
        ENROLLMENT | {"level": "associate", "completed_on": "2026-07-01"},
        "祝贺您完成学业",
        ["2026年7月1日", "大学专科学历"],
    ),
    (
        "degree.completed",
        ENROLLMENT | {"level": "bachelor", "completed_on": "2026-07-01"},
        "Congratulations on completing your course",
        ["1 July 2026", "bachelor's degree"],
    ),
    (
        "subsidy.voided",
        AWARD | {"was": "granted"},
        "您的补助记录已撤销",
        ["此前通知您已批准的补助", "与学校联系"],
    ),
    (
        "subsidy.voided",
        AWARD | {"was": "waitlisted"},
        "The record of your subsidy has been withdrawn",
        ["for which you were waiting", "no longer stands", "ask your school"],
    ),
    (
        "subsidy.grant_reversed",
        UNCONFIRMED,
        "您的补助需学校重新确认",
        ["暂不发放", "到2027年11月24日仍未确认"],
    ),
    (
        "subsidy.grant_reversed",
        UNCONFIRMED,
        "Your school needs to confirm your studies again",
        ["stays reserved for you", "ends on 24 November 2027"],
    ),
    ("subsidy.grant_reversed", AWARD, "您的补助需学校重新确认", ["请学校重新确认。"]),
    (
        "subsidy.grant_reversed",
        AWARD,
        "Your school needs to confirm your studies again",
        ["to confirm it again soon."],
    ),
    ("subsidy.disbursed", PAID, "您的补助已发放", ["您的补助已发放：600元", "2026年度"]),
    ("subsidy.disbursed", PAID, "Your subsidy has been paid", ["600.00 yuan", "ask your trade union"]),
    ("subsidy.returned", RETURNED, "您的补助款被退回", ["600元", "核对您的收款账户"]),
    ("subsidy.returned", RETURNED, "A payment of your subsidy came back", ["600.00 yuan", "paid again"]),
    (
        "subsidy.clawed_back",
        OWED | {"why": "withdrawn"},
        "请退还已发放的补助",
        ["因您已退学", "目前应退600元"],
    ),
    ("subsidy.clawed_back", OWED | {"why": "expired"}, "请退还已发放的补助", ["没有在期限内确认您在读"]),
    ("subsidy.clawed_back", OWED | {"why": "corrected"}, "请退还已发放的补助", ["注册信息被撤销或更正"]),
    *(
        (
            "subsidy.clawed_back",
            OWED | {"why": why},
            "Please pay back the subsidy that you received",
            [said, "what you owe now is 600.00 yuan", "taken off later subsidies"],
        )
        for why, said in (
            ("withdrawn", "you have left the course"),
            ("expired", "did not confirm in time"),
            ("voided", "withdrawn or corrected"),
        )
    ),
    ("scholarship.reversed", SCHOLARSHIP, "您的奖学金登记已撤销", ["锡工〔2026〕7号", "不再用于抵扣学费"]),
    (
        "scholarship.reversed",
        SCHOLARSHIP,
        "Your scholarship no longer counts towards your tuition",
        ["3,000.00 yuan", "has been withdrawn"],
    ),
    ("degree.voided", DEGREE, "您的毕业记录已撤销", ["2026年7月1日", "大学专科学历", "已被撤销"]),
    (
        "degree.voided",
        DEGREE,
        "The record of your completed course has been withdrawn",
        ["1 July 2026", "associate degree"],
    ),
]


@pytest.mark.parametrize(("cause", "details", "subject", "said"), WORDS)
def test_each_cause_is_told_in_both_languages(
    cause: str, details: dict[str, object], subject: str, said: list[str]
) -> None:
    language: Language = "en" if subject.isascii() else "zh"
    message = _letter(cause, details, language)
    text = message.get_content()
    assert message["Subject"] == subject
    assert message["Content-Language"] == language
    assert message["Message-ID"] == "<k@dreams.invalid>"
    assert message["Date"] == "Tue, 24 Nov 2026 00:00:00 +0000"
    for words in [*said, "O'Neill & 张", "32-0001"]:
        assert words in text
    assert "模拟" not in text
    assert "imulated" not in text


@pytest.mark.parametrize(("was", "why"), [("waitlisted", "tuition_covered"), ("reserved", "expired")])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_who_studies_on_is_never_told_to_have_left(language: Language, was: Any, why: Any) -> None:
    released = subsidy.SubsidyReleased(
        award_id="a1",
        enrollment_no="32-0001",
        fiscal_year=2026,
        fund_source="JS-2026",
        amount_fen=100,
        scheme="base",
        scheme_version=1,
        categories=("migrant",),
        track="academic",
        was=was,
        why=why,
    )
    claimed = domain.claim(_fact(subsidy.SUBSIDY_RELEASED, released), NOW)
    assert claimed is not None
    message = _letter(claimed.cause, claimed.details, language)
    for words in ("退学", "left the course", "取消", "cancelled"):
        assert words not in message["Subject"] + message.get_content()


def test_who_waits_for_a_confirmation_is_told_once_it_waits_for_money() -> None:
    award = {
        "award_id": "a1",
        "enrollment_no": "32-0001",
        "fiscal_year": 2026,
        "fund_source": "JS-2026",
        "amount_fen": 100,
        "scheme": "base",
        "scheme_version": 1,
        "categories": ("migrant",),
        "track": "academic",
        "position": 3,
    }
    held_back = subsidy.SubsidyWaitlisted.model_validate(award | {"waits_for": "confirmation"})
    assert domain.claim(_fact(subsidy.SUBSIDY_WAITLISTED, held_back), NOW) is None
    for kind, model in (
        (subsidy.SUBSIDY_WAITLISTED, subsidy.SubsidyWaitlisted),
        (subsidy.SUBSIDY_ADMITTED, subsidy.SubsidyAdmitted),
    ):
        claimed = domain.claim(_fact(kind, model.model_validate(award)), NOW)
        assert claimed is not None
        assert (claimed.cause, claimed.details["position"]) == ("subsidy.waitlisted", 3)


@pytest.mark.parametrize(("language", "rest"), [("zh", "其余部分"), ("en", "the rest exceeds")])
def test_a_scholarship_that_is_booked_in_part_says_so_and_only_then(language: Language, rest: str) -> None:
    whole = _letter("scholarship.booked", SCHOLARSHIP, language).get_content()
    part = _letter("scholarship.booked", SCHOLARSHIP | {"awarded_fen": 500_000}, language).get_content()
    assert rest in part
    assert "5,000" in part
    assert rest not in whole


def _fact(kind: str, data: BaseModel) -> Fact[BaseModel]:
    return Fact(
        id="s-32-1",
        source="//subsidy/abc",
        type=kind,
        subject="k1.A",
        time=NOW,
        recordedtime=NOW,
        lane="32",
        seq=1,
        data=data,
    )


def _letter(cause: str, details: Mapping[str, object], language: Language) -> EmailMessage:
    mailer = Mailer("localhost", 1, "noreply@dreams.invalid", simulated=False)
    phrases = domain.phrases(details, language)
    return mailer.compose(Letter("k", "a@example.cn", "O'Neill & 张", language, cause, phrases), NOW)


@pytest.mark.parametrize(("language", "mark"), [("zh", "【模拟】"), ("en", "[Simulated] ")])
def test_simulated_numbers_are_marked_so(language: Language, mark: str) -> None:
    mailer = Mailer("localhost", 1, "noreply@dreams.invalid", simulated=True)
    phrases = domain.phrases(AWARD, language)
    message = mailer.compose(Letter("k", "a@example.cn", "x", language, "subsidy.granted", phrases), NOW)
    assert message["Subject"].startswith(mark)
    assert ("均为模拟数据" if language == "zh" else "is simulated") in message.get_content()


@given(st.integers(0, 2**53 - 1), st.sampled_from(["zh", "en"]))
def test_an_amount_is_written_exactly(amount_fen: int, language: Language) -> None:
    written = domain.yuan(amount_fen, language)
    digits = written.replace(",", "").removesuffix("元").removesuffix(" yuan")
    whole, _, fen = digits.partition(".")
    assert int(whole) * 100 + int(fen or "0") == amount_fen
    assert len(fen) in (0, 2)


def test_a_day_is_written_as_each_language_does() -> None:
    assert domain.day(date(2026, 9, 1), "zh") == "2026年9月1日"
    assert domain.day(date(2026, 9, 1), "en") == "1 September 2026"


def test_what_is_uncertain_is_never_sent_again_by_itself() -> None:
    for tries in (1, 50, domain.TRIES_MAX):
        assert domain.after(Outcome("uncertain", "x"), tries).state == "unknown"


def test_a_temporary_failure_is_tried_later_and_later_and_in_the_end_given_up() -> None:
    steps = [domain.after(Outcome("temporary", "smtp_451"), n) for n in range(1, domain.TRIES_MAX + 1)]
    assert [step.due_in_s for step in steps[:4]] == [30, 60, 120, 240]
    assert max(step.due_in_s for step in steps) == domain.RETRY_MAX_S
    assert {step.state for step in steps[:-1]} == {"pending"}
    assert steps[-1] == Next("failed", "smtp_451")


def test_a_refusal_for_good_is_final_and_success_too() -> None:
    assert domain.after(Outcome("permanent", "smtp_550"), 1) == Next("failed", "smtp_550")
    assert domain.after(Outcome("accepted"), 1) == Next("sent")


def test_the_key_of_a_message_follows_from_its_cause_alone() -> None:
    assert domain.message_key("a") == domain.message_key("a")
    assert domain.message_key("a") != domain.message_key("b")
    assert domain.message_key("a\r\nBcc: x").isalnum()

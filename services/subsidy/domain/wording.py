"""How money, days and the field's terms are written for a clerk, in Chinese and English."""

from collections.abc import Iterable
from typing import Final, NamedTuple

FEN_IN_YUAN: Final = 100


class Said(NamedTuple):
    """A sentence, or a part of one, in both languages."""

    zh: str
    en: str


def yuan(amount_fen: int) -> Said:
    """`1,000.00 元`: exact, whatever the amount."""
    sign = "-" if amount_fen < 0 else ""
    whole, rest = divmod(abs(amount_fen), FEN_IN_YUAN)
    text = f"{sign}{whole:,}.{rest:02d}"
    return Said(f"{text} 元", f"{text} yuan")


def term(word: str) -> Said:
    """A word of the contracts as clerks write it; one that is not listed stays as it is."""
    return TERMS.get(word, Said(word, word))


def terms(words: Iterable[str]) -> Said:
    """Several of them."""
    found = [term(word) for word in words]
    return Said("、".join(one.zh for one in found), ", ".join(one.en for one in found))


TERMS: Final = {
    # worker's flags
    "industrial": Said("产业工人", "industrial worker"),
    "migrant": Said("农民工", "migrant worker"),
    "front_line": Said("一线职工", "front-line worker"),
    "new_employment": Said("新就业形态劳动者", "worker in new forms of employment"),
    # tracks
    "academic": Said("学历", "academic"),
    "skills": Said("技能", "skills"),
    "combined": Said("学历与技能", "academic and skills"),
    # levels
    "primary": Said("小学", "primary school"),
    "junior_high": Said("初中", "junior high school"),
    "senior_high": Said("高中", "senior high school"),
    "secondary_vocational": Said("中职", "secondary vocational"),
    "associate": Said("专科", "associate degree"),
    "bachelor": Said("本科", "bachelor's degree"),
    "master": Said("硕士", "master's degree"),
    "doctorate": Said("博士", "doctorate"),
    "apprentice": Said("学徒工", "apprentice"),
    "junior_worker": Said("初级工", "junior worker"),
    "intermediate_worker": Said("中级工", "intermediate worker"),
    "senior_worker": Said("高级工", "senior worker"),
    "technician": Said("技师", "technician"),
    "senior_technician": Said("高级技师", "senior technician"),
    "special_technician": Said("特级技师", "special technician"),
    "chief_technician": Said("首席技师", "chief technician"),
    # states of an award
    "reserved": Said("已预留", "reserved"),
    "granted": Said("已批准", "granted"),
    "waitlisted": Said("候补", "waitlisted"),
    "held_back": Said("待出资省份确认", "held back until the funding province confirms"),
    "released": Said("已释放", "released"),
    "refused": Said("不予补助", "refused"),
    "voided": Said("已作废", "voided"),
    "committed": Said("已承诺", "committed"),
    "forgone": Said("已放弃", "forgone"),
    "expired": Said("已过期", "expired"),
    "corrected": Said("已更正", "corrected"),
    # why an award was released
    "withdrawn": Said("退学", "the worker has withdrawn"),
    "completed": Said("已结业", "the course is completed"),
    "lifetime_limit": Said("该工人的名额已由其他注册占用", "the person's award is held elsewhere"),
    "tuition_covered": Said("学费已由奖学金支付", "scholarships pay the whole tuition"),
}

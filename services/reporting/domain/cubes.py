"""The named cubes: which question each answers, by which dimensions, and which measures it keeps."""

from dataclasses import dataclass
from typing import Final, Literal

Period = Literal["month", "fiscal_year", "year", "day"]

LANE: Final = "lane"
CATEGORY: Final = "category"
ANY: Final = "any"
"""The category of totals: flags overlap, so their rows must not be added up."""
STEPS: Final = (
    "enrolled",
    "confirmed",
    "suspended",
    "resumed",
    "withdrawn",
    "completed",
    "education_upgrades",
    "skill_upgrades",
    "trained",
    "certified",
    "titled",
    "promoted",
    "in_reserve",
)
OUTCOMES: Final = (
    "enrolled",
    "withdrawn",
    "completed",
    "education_upgrades",
    "skill_upgrades",
    "trained",
    "promoted",
)
"""Steps that are asked for by place and by body too; the others by study only."""
AWARDS: Final = (
    "awards_reserved",
    "awards_granted",
    "awards_waitlisted",
    "awards_waiting",
    "awards_released",
    "awards_refused",
    "scholarships",
)
MONEY: Final = (
    "planned_fen",
    "allocated_fen",
    "opened_fen",
    "adjusted_fen",
    "reserved_fen",
    "granted_fen",
    "disbursed_fen",
    "clawed_back_fen",
    "repaid_fen",
    "receivable_fen",
    "written_off_fen",
    "released_reserved_fen",
    "released_granted_fen",
    "scholarship_fen",
    "exceeding_fen",
)
PERSONS: Final = ("learners", "returning", "funded", "educated", "skilled", "skilled_others")
VERDICTS: Final = (
    "accepted",
    "duplicate",
    "conflict",
    "rejected",
    "parked",
    "overlapped",
    "voided",
)


@dataclass(frozen=True, slots=True)
class Cube:
    """One cube: at most four dimensions, of which the lane is the first and the period the second."""

    code: str
    period: Period
    """What a period is, and the name of that dimension."""
    facets: tuple[str, ...]
    """Names of the further dimensions, in the order in which they are kept."""
    measures: tuple[str, ...]
    zh: str
    en: str
    """The question that it answers."""
    national: bool = False
    """Not kept by lane: only the sum over all lanes has a meaning."""
    running: bool = False
    """Counts persons once: only a sum from the first period on has a meaning, never one month by itself."""

    @property
    def dimensions(self) -> tuple[str, ...]:
        """All dimensions by name, in the order of their columns."""
        return (LANE, self.period, *self.facets)


_ALL: Final = (
    Cube(
        "study",
        "month",
        (CATEGORY, "track"),
        ("registered", *STEPS, *AWARDS, "projects", "institutions", "alliances", "tutor_pairs"),
        "各月、各省、各类工人、各培养类型：发生了多少？",
        "How much happened in each month, by province, category of workers and track?",
    ),
    Cube(
        "levels",
        "month",
        ("level_before", "level_after"),
        ("enrolled", "completed", "education_upgrades", "certified", "skill_upgrades"),
        "从哪一级学历或技能到哪一级？",
        "From which level of education or skill to which?",
    ),
    Cube(
        "mobility",
        "month",
        ("work_province", "origin_province"),
        ("enrolled",),
        "来自哪里、在哪里工作、由哪里资助？",
        "Where are they from, where do they work, and who funds them?",
    ),
    Cube(
        "places",
        "year",
        ("work_city", "sector"),
        OUTCOMES,
        "在哪个城市、哪个行业？",
        "In which city and which sector?",
    ),
    Cube(
        "providers",
        "month",
        ("institution_kind", "mode"),
        ("enrolled", "trained", "institutions"),
        "由哪类机构、以何种形式教学？",
        "Which kinds of institutions teach, and in which mode?",
    ),
    Cube(
        "bodies",
        "year",
        ("body", "code"),
        OUTCOMES,
        "某用人单位、某院校、某项目有多少人？（body 为 employer、institution 或 project）",
        "How many of one employer, one institution, one project? (`body` is employer, institution or project.)",
    ),
    Cube(
        "cohorts",
        "month",
        ("track", "months_since"),
        ("enrolled", "withdrawn", "completed"),
        "某月入学的人，多少个月后毕业或退学？（期间为入学月份）",
        "Of those who began in a month, how many completed or left, and after how many months? "
        "(The period is the month of the start.)",
    ),
    Cube(
        "money",
        "fiscal_year",
        ("fund_source", "funder_level"),
        MONEY,
        "某财政年度、某资金来源：计划、拨款、预留、发放、支付、追回各多少？",
        "What was planned, allocated, reserved, granted, paid and clawed back of a fiscal year and a fund source?",
    ),
    Cube(
        "flows",
        "month",
        ("fiscal_year", "fund_source"),
        MONEY,
        "各月流动了多少资金？",
        "How much money moved in each month?",
    ),
    Cube(
        "records",
        "day",
        ("reported_by", "delay_days"),
        (*VERDICTS, "taken_in", "arrived"),
        "各省记录每天如何判定、更正了多少；事件发生后多少天才记录？（期间为判定或记录之日）",
        "How were records judged on each day, how many were corrected, and how many days after they happened were "
        "events recorded? (The period is the day of judging or recording.)",
    ),
    Cube(
        "persons",
        "month",
        (CATEGORY, "window"),
        PERSONS,
        "各省多少人（同一人只计一次），截至某月？",
        "How many distinct persons in a province, up to a month?",
        running=True,
    ),
    Cube(
        "persons_nation",
        "month",
        (CATEGORY, "window"),
        PERSONS,
        "全国、某联盟各省合计多少人（同一人只计一次，不是各省之和）？",
        "How many distinct persons in the nation, or in the provinces of an alliance together? It is not the sum of "
        "its provinces.",
        national=True,
        running=True,
    ),
)
CUBES: Final = {cube.code: cube for cube in _ALL}
FACETS: Final = tuple(dict.fromkeys(facet for cube in _ALL for facet in cube.facets))
"""All further dimensions by name."""

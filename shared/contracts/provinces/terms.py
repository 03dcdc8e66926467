"""Words, numbers and nested values that several of the provinces' events share."""

from typing import Annotated, Literal

from pydantic import Field

from shared.contracts.envelope import Text, Value

Category = Literal["industrial", "migrant", "front_line", "new_employment"]
"""Flags that overlap: industrial worker, migrant worker, front-line worker, new forms of employment."""
EducationLevel = Literal[
    "primary",
    "junior_high",
    "senior_high",
    "secondary_vocational",
    "associate",
    "bachelor",
    "master",
    "doctorate",
]
"""Levels of education; the place in this list is the order, with the two kinds of upper secondary as equals."""
SkillLevel = Literal[
    "apprentice",
    "junior_worker",
    "intermediate_worker",
    "senior_worker",
    "technician",
    "senior_technician",
    "special_technician",
    "chief_technician",
]
"""The eight grades of skilled workers (新八级工), from apprentice to chief technician; the place is the order."""
TitleGrade = Literal["assistant", "intermediate", "associate_senior", "full_senior"]
"""Grades of professional titles (职称), in their order."""
Track = Literal["academic", "skills", "combined"]
Mode = Literal[
    "blended",
    "work_study_alternation",
    "full_time_short_course",
    "academic_upgrade_class",
    "expert_in_the_classroom",
    "work_based_thesis",
    "other",
]
InstitutionKind = Literal[
    "university", "vocational_college", "craftsman_academy", "enterprise", "other_school"
]
FunderLevel = Literal["national", "provincial", "city", "enterprise"]
Comparator = Literal["at_least", "more_than", "exactly", "stated"]
"""How a declared figure is meant; `stated` where its source gives none."""
OpeningMeasure = Literal[
    "universities", "funding_fen", "workers_helped", "migrant_workers_helped", "projects"
]
"""What an opening balance counts: bodies, fen, persons, persons, projects."""
OutcomeMeasure = Literal[
    "patents", "achievements_in_use", "education_upgrades", "skill_upgrades", "trained_persons"
]
"""What an alliance declares. No rate is made of two: none is stated to be part of another."""
Sector = Literal[
    "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S", "T"
]
"""Section of the national classification of industries, GB/T 4754: C manufacturing, D power, E construction …"""
CityCode = Annotated[str, Field(pattern=r"^[0-9]{4}$")]
"""First four digits of GB/T 2260: 3202 Wuxi."""
InstitutionCode = Annotated[str, Field(pattern=r"^[0-9A-Za-z-]{3,24}$")]
"""Code of an institution in the national list (digits only), or the province's own."""
EnrollmentNo = Annotated[str, Field(pattern=r"^[0-9]{2}-[0-9A-Za-z-]{1,40}$")]
"""The reporting province's number of an enrollment, its own two-digit code first: unique nationwide."""
FiscalYear = Annotated[int, Field(ge=2016, le=2099)]
"""Calendar year in Asia/Shanghai."""
Heads = Annotated[int, Field(ge=1, le=10_000_000)]
"""A number of persons or bodies."""
Figure = Annotated[int, Field(ge=0, le=2**53 - 1)]
"""A declared figure: whole, in the unit of its measure."""


TargetMeasure = Literal["funded", "educated", "skilled", "skilled_others", "learners", "projects"]
"""What a target counts: persons funded, whose education or skill has risen, who learn; projects."""
TargetCategory = Literal["industrial", "migrant", "front_line", "new_employment", "migrant_or_front_line"]
"""Of whom a target counts persons."""
TargetAlliance = Literal["sichuan-chongqing"]
"""Alliances whose persons are counted together, once each."""


class Employer(Value):
    """Who employs the worker."""

    name: Text = Field(title="单位名称")
    """Name of the employer."""
    code: Annotated[str, Field(pattern=r"^[0-9A-HJ-NPQRTUWXY]{18}$")] = Field(title="统一社会信用代码")
    """Unified social credit code (GB 32100), 18 characters."""
    sector: Sector = Field(title="行业门类")
    """Section of GB/T 4754, one letter."""


class Institution(Value):
    """Who teaches."""

    code: InstitutionCode = Field(title="院校代码")
    """Code of the institution in the national list, or the province's own."""
    name: Text = Field(title="院校名称")
    """Name of the institution."""
    kind: InstitutionKind = Field(title="院校类型")
    """Kind of provider."""


class Partner(Value):
    """Who runs a class together with the institution: a plant with a college."""

    name: Text = Field(title="合作单位名称")
    """Name of the partner."""
    kind: InstitutionKind = Field(title="合作单位类型")
    """Kind of provider."""
    code: InstitutionCode | None = Field(default=None, title="合作单位代码")
    """Its code as an institution, or an enterprise's unified social credit code."""


class Funder(Value):
    """Who owns the money."""

    name: Text = Field(title="出资方")
    """Name of the body that pays: a federation of trade unions, a city, an enterprise."""
    level: FunderLevel = Field(title="出资方级别")
    """National, provincial, city or enterprise."""

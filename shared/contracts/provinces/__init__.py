"""What provinces publish: one frozen model per event type; titles are the Chinese column headers of their files."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field

from shared.contracts.envelope import (
    AmountFen,
    Day,
    DocumentNo,
    LaneCode,
    Text,
    TotalFen,
    Value,
    event_type,
)

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
Sector = Literal[
    "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S", "T"
]
"""Section of the national classification of industries, GB/T 4754: C manufacturing, D power, E construction …"""
CityCode = Annotated[str, Field(pattern=r"^[0-9]{4}$")]
"""First four digits of GB/T 2260: 3202 Wuxi."""
EnrollmentNo = Annotated[str, Field(pattern=r"^[0-9]{2}-[0-9A-Za-z-]{1,40}$")]
"""The reporting province's number of an enrollment, its own two-digit code first: unique nationwide."""
FiscalYear = Annotated[int, Field(ge=2016, le=2099)]
"""Calendar year in Asia/Shanghai."""


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

    code: Annotated[str, Field(pattern=r"^[0-9A-Za-z-]{3,24}$")] = Field(title="院校代码")
    """Code of the institution in the national list, or the province's own."""
    name: Text = Field(title="院校名称")
    """Name of the institution."""
    kind: InstitutionKind = Field(title="院校类型")
    """Kind of provider."""


class Funder(Value):
    """Who owns the money."""

    name: Text = Field(title="出资方")
    """Name of the body that pays: a federation of trade unions, a city, an enterprise."""
    level: FunderLevel = Field(title="出资方级别")
    """National, provincial, city or enterprise."""


class WorkerRegistered(Value):
    """A worker is known to the programme. Subject: the worker_ref."""

    categories: Annotated[tuple[Category, ...], Field(min_length=1, max_length=4)] = Field(title="工人类别")
    """The worker's flags as of `time`; they overlap."""
    education_level: EducationLevel = Field(title="现有学历")
    """Highest level of education at registration."""
    origin_province: LaneCode = Field(title="户籍省份")
    """Where the worker is from."""
    work_province: LaneCode = Field(title="工作省份")
    """Where the worker works."""
    work_city: CityCode | None = Field(default=None, title="工作城市")
    """City of work, four digits."""
    employer: Employer | None = Field(default=None, title="用人单位")
    """Absent for workers without one."""
    history: bool = Field(default=False, title="历史数据")
    """Back-loaded: no money moves, nobody is notified."""


class WorkerEnrolled(Value):
    """A worker takes up a course of study. Subject: the worker_ref. Reserves a subsidy where a scheme applies."""

    enrollment_no: EnrollmentNo = Field(title="注册编号")
    """Number of the enrollment, the reporting province's two digits first."""
    funding_province: LaneCode = Field(title="资助省份")
    """Whose budget pays: the enrollment's home lane, whoever reports it."""
    work_province: LaneCode = Field(title="工作省份")
    """Where the worker works now."""
    work_city: CityCode | None = Field(default=None, title="工作城市")
    """City of work, four digits."""
    employer: Employer | None = Field(default=None, title="用人单位")
    """Employer at enrollment, with sector."""
    institution: Institution = Field(title="院校")
    """Who teaches and confirms."""
    programme: Text = Field(title="专业")
    """Name of the programme of study."""
    level_before: EducationLevel = Field(title="入学前学历")
    """Level of education before."""
    level_after: EducationLevel = Field(title="毕业学历")
    """Level that completion gives; the same as before for courses of skills."""
    track: Track = Field(title="培养类型")
    """Academic, skills, or combined."""
    mode: Mode = Field(title="学习形式")
    """Form of study."""
    cohort: Text | None = Field(default=None, title="班级")
    """Class that learns together."""
    project_no: DocumentNo | None = Field(default=None, title="项目编号")
    """Project it belongs to."""
    start: Day = Field(title="入学日期")
    """First day; the award belongs to its fiscal year."""
    planned_end: Day | None = Field(default=None, title="预计毕业日期")
    """Planned last day."""
    tuition_fen: TotalFen = Field(title="学费（分）")
    """Whole tuition in fen."""
    history: bool = Field(default=False, title="历史数据")
    """Back-loaded: no money moves, nobody is notified."""


class EnrollmentConfirmed(Value):
    """The institution confirms that the worker studies; only the funding province may send it. Grants."""

    enrollment_no: EnrollmentNo = Field(title="注册编号")
    """Which enrollment."""
    confirmed_on: Day = Field(title="确认日期")
    """Day of the confirmation."""


class EnrollmentWithdrawn(Value):
    """The worker leaves the course. Releases what is reserved or granted and not yet paid."""

    enrollment_no: EnrollmentNo = Field(title="注册编号")
    """Which enrollment."""
    withdrawn_on: Day = Field(title="退学日期")
    """Last day."""
    reason: Literal["personal", "work", "health", "academic", "other"] = Field(title="退学原因")
    """Why, in one word."""


class DegreeCompleted(Value):
    """The worker completes the course with a degree or diploma."""

    enrollment_no: EnrollmentNo = Field(title="注册编号")
    """Which enrollment."""
    level: EducationLevel = Field(title="取得学历")
    """Level reached."""
    completed_on: Day = Field(title="毕业日期")
    """Day of completion."""


class ScholarshipAwarded(Value):
    """A funder has awarded a scholarship: booked against its budget and counted towards tuition."""

    scholarship_no: DocumentNo = Field(title="奖学金编号")
    """The funder's number; (funder, number) is the natural key."""
    enrollment_no: EnrollmentNo = Field(title="注册编号")
    """For which enrollment."""
    funder: Funder = Field(title="出资单位")
    """Who decided and pays."""
    fund_source: DocumentNo = Field(title="资金来源")
    """The pot it is paid from, as the allocation names it."""
    amount_fen: AmountFen = Field(title="金额（分）")
    """Amount in fen."""
    awarded_on: Day = Field(title="授予日期")
    """Day of the award."""


class PlanDeclared(Value):
    """An intention to fund: money and heads. Never spendable."""

    plan_no: DocumentNo = Field(title="计划文号")
    """Number of the document; (lane, fiscal year, fund source, number) is the natural key."""
    fiscal_year: FiscalYear = Field(title="财政年度")
    """Year of the plan."""
    fund_source: DocumentNo = Field(title="资金来源")
    """The pot that is meant to pay."""
    funder: Funder = Field(title="出资单位")
    """Who plans."""
    amount_fen: AmountFen = Field(title="金额（分）")
    """Planned money in fen."""
    heads: Annotated[int, Field(ge=1, le=10_000_000)] = Field(title="计划人数")
    """Planned number of workers."""


class BudgetAllocated(Value):
    """Money is there: opens a budget, or adds to it, for (lane, fiscal year, fund source)."""

    document_no: DocumentNo = Field(title="拨款文号")
    """Number of the document; (lane, fiscal year, fund source, number) is the natural key."""
    fiscal_year: FiscalYear = Field(title="财政年度")
    """Year in which it may be spent."""
    fund_source: DocumentNo = Field(title="资金来源")
    """The pot: awards and scholarships name it."""
    funder: Funder = Field(title="出资单位")
    """Who owns the money."""
    amount_fen: AmountFen = Field(title="金额（分）")
    """Amount in fen."""


class ProjectEstablished(Value):
    """A project of the programme is set up; the national target counts them."""

    project_no: DocumentNo = Field(title="项目编号")
    """The natural key within the lane."""
    name: Text = Field(title="项目名称")
    """Name of the project."""
    lead: Text = Field(title="牵头单位")
    """Body that leads it."""
    established_on: Day = Field(title="设立日期")
    """Day on which it was set up."""
    sector: Sector | None = Field(default=None, title="行业门类")
    """Section of GB/T 4754, where it has one."""


WORKER_REGISTERED: Final = event_type("worker.registered")
WORKER_ENROLLED: Final = event_type("worker.enrolled")
ENROLLMENT_CONFIRMED: Final = event_type("enrollment.confirmed")
ENROLLMENT_WITHDRAWN: Final = event_type("enrollment.withdrawn")
DEGREE_COMPLETED: Final = event_type("degree.completed")
SCHOLARSHIP_AWARDED: Final = event_type("scholarship.awarded")
PLAN_DECLARED: Final = event_type("plan.declared")
BUDGET_ALLOCATED: Final = event_type("budget.allocated")
PROJECT_ESTABLISHED: Final = event_type("project.established")

DATA_MODELS: Final[dict[str, type[BaseModel]]] = {
    WORKER_REGISTERED: WorkerRegistered,
    WORKER_ENROLLED: WorkerEnrolled,
    ENROLLMENT_CONFIRMED: EnrollmentConfirmed,
    ENROLLMENT_WITHDRAWN: EnrollmentWithdrawn,
    DEGREE_COMPLETED: DegreeCompleted,
    SCHOLARSHIP_AWARDED: ScholarshipAwarded,
    PLAN_DECLARED: PlanDeclared,
    BUDGET_ALLOCATED: BudgetAllocated,
    PROJECT_ESTABLISHED: ProjectEstablished,
}
"""What each type of event carries."""

ABOUT_A_WORKER: Final = frozenset(
    {
        WORKER_REGISTERED,
        WORKER_ENROLLED,
        ENROLLMENT_CONFIRMED,
        ENROLLMENT_WITHDRAWN,
        DEGREE_COMPLETED,
        SCHOLARSHIP_AWARDED,
    }
)
"""Types whose subject must be a worker_ref."""


class Contact(Value):
    """How to reach a worker; key of the record: the worker_ref; a null value erases. Never enters a log."""

    name: Text = Field(title="姓名")
    """How to address the worker."""
    email: Annotated[str, Field(pattern=r"^[^@\s,;<>\"]{1,64}@[A-Za-z0-9.-]{1,190}$")] = Field(
        title="电子邮箱"
    )
    """One mail address."""
    language: Literal["zh", "en"] = Field(default="zh", title="语言")
    """Language of messages."""

"""What provinces say of an enrollment, from its first day to its end."""

from typing import Literal

from pydantic import Field

from shared.contracts.envelope import Day, DocumentNo, LaneCode, Text, TotalFen, Value
from shared.contracts.provinces.terms import (
    CityCode,
    EducationLevel,
    Employer,
    EnrollmentNo,
    Institution,
    InstitutionCode,
    Mode,
    Partner,
    SkillLevel,
    Track,
)


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
    partner: Partner | None = Field(default=None, title="合作单位")
    """Who runs the class together with the institution, where one does."""
    course_of: InstitutionCode | None = Field(default=None, title="课程所属院校代码")
    """Whose course it is, where another institution shares it: a code only, so it waits for that institution."""
    programme: Text = Field(title="专业")
    """Name of the programme of study."""
    level_before: EducationLevel = Field(title="入学前学历")
    """Level of education before."""
    level_after: EducationLevel = Field(title="毕业学历")
    """Level that completion gives; the same as before for courses of skills."""
    skill_before: SkillLevel | None = Field(default=None, title="入学前技能等级")
    """Grade of skill before, where there is one."""
    skill_after: SkillLevel | None = Field(default=None, title="结业技能等级")
    """Grade of skill that completion gives, where it gives one."""
    track: Track = Field(title="培养类型")
    """Academic, skills, or combined."""
    mode: Mode = Field(title="学习形式")
    """Form of study."""
    cohort: Text | None = Field(default=None, title="班级")
    """Class that learns together."""
    project_no: DocumentNo | None = Field(default=None, title="项目编号")
    """Project it belongs to; waits until that project is established."""
    project_province: LaneCode | None = Field(default=None, title="项目所属省份")
    """Whose project it is, where it is not the reporting province's own: `00` for a national one."""
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


class EnrollmentSuspended(Value):
    """The worker interrupts the course and keeps the place."""

    enrollment_no: EnrollmentNo = Field(title="注册编号")
    """Which enrollment."""
    suspended_on: Day = Field(title="休学日期")
    """First day of the interruption."""
    reason: Literal["personal", "work", "health", "academic", "other"] = Field(title="休学原因")
    """Why, in one word."""
    expected_return: Day | None = Field(default=None, title="预计复学日期")
    """When the worker means to go on."""


class EnrollmentResumed(Value):
    """The worker goes on with a course that was interrupted."""

    enrollment_no: EnrollmentNo = Field(title="注册编号")
    """Which enrollment."""
    resumed_on: Day = Field(title="复学日期")
    """First day back."""


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

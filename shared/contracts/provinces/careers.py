"""What provinces say of a worker's way up: training, certificates, titles, posts, and tutors who pass it on."""

from typing import Annotated

from pydantic import Field

from shared.contracts.envelope import Day, DocumentNo, Text, Value, WorkerRef
from shared.contracts.provinces.terms import (
    Employer,
    EnrollmentNo,
    Institution,
    InstitutionCode,
    Mode,
    SkillLevel,
    TitleGrade,
)


class TrainingCompleted(Value):
    """The worker completes a training; valid without an enrollment. Subject: the worker_ref."""

    training_no: DocumentNo = Field(title="培训编号")
    """The institution's number of this worker's training; (institution, number) is the natural key."""
    enrollment_no: EnrollmentNo | None = Field(default=None, title="注册编号")
    """The enrollment of which it is a part, where it is part of one."""
    institution: Institution = Field(title="院校")
    """Who trained."""
    programme: Text = Field(title="专业")
    """What was trained."""
    mode: Mode = Field(title="学习形式")
    """Form of study."""
    hours: Annotated[int, Field(ge=1, le=10_000)] | None = Field(default=None, title="学时")
    """Length in hours of teaching."""
    start: Day | None = Field(default=None, title="开始日期")
    """First day."""
    completed_on: Day = Field(title="结业日期")
    """Last day."""
    employer: Employer | None = Field(default=None, title="用人单位")
    """Employer at the time."""
    history: bool = Field(default=False, title="历史数据")
    """Back-loaded: no money moves, nobody is notified."""


class CertificateEarned(Value):
    """The worker earns a certificate of skill or qualification. Subject: the worker_ref."""

    certificate_no: DocumentNo = Field(title="证书编号")
    """The issuer's number; (issuer, number) is the natural key."""
    issuer: Text = Field(title="发证机构")
    """Who issued it."""
    occupation: Text = Field(title="职业名称")
    """What it certifies, as in the national list of occupations."""
    level: SkillLevel = Field(title="技能等级")
    """Grade of skill that it certifies."""
    level_before: SkillLevel | None = Field(default=None, title="原技能等级")
    """Grade of skill before, where there was one."""
    enrollment_no: EnrollmentNo | None = Field(default=None, title="注册编号")
    """The enrollment that led to it, where one did."""
    earned_on: Day = Field(title="发证日期")
    """Day of the certificate."""
    history: bool = Field(default=False, title="历史数据")
    """Back-loaded: no money moves, nobody is notified."""


class TitleAwarded(Value):
    """The worker is awarded a professional title, which may be tied to a post. Subject: the worker_ref."""

    title_no: DocumentNo = Field(title="职称证书编号")
    """The awarding body's number; (body, number) is the natural key."""
    issuer: Text = Field(title="评审机构")
    """Who awarded it."""
    name: Text = Field(title="职称名称")
    """Name of the title."""
    grade: TitleGrade = Field(title="职称级别")
    """Grade of the title."""
    awarded_on: Day = Field(title="取得日期")
    """Day of the award."""
    history: bool = Field(default=False, title="历史数据")
    """Back-loaded: no money moves, nobody is notified."""


class PromotionRecorded(Value):
    """The worker takes a higher post, or a place in the reserve team for one. Subject: the worker_ref."""

    from_role: Text | None = Field(default=None, title="原岗位")
    """The post before: courier."""
    to_role: Text = Field(title="新岗位")
    """The post now, or the one that the reserve team is for: station manager."""
    reserve_team: bool = Field(default=False, title="后备人才")
    """True: a place in the reserve team, the post itself is to come."""
    employer: Employer | None = Field(default=None, title="用人单位")
    """Where."""
    title_no: DocumentNo | None = Field(default=None, title="职称证书编号")
    """The professional title to which the post is tied, where it is."""
    promoted_on: Day = Field(title="任职日期")
    """First day; (worker, day, post) is the natural key."""
    history: bool = Field(default=False, title="历史数据")
    """Back-loaded: no money moves, nobody is notified."""


class TutorsPaired(Value):
    """A craftsman tutor and a full-time teacher share a course. Subject: the tutor's worker_ref."""

    teacher_ref: WorkerRef = Field(title="专任教师代号")
    """The full-time teacher's pseudonym, made as a worker's."""
    institution_code: InstitutionCode = Field(title="院校代码")
    """Whose course it is: a code only, so it waits for that institution."""
    course: Text = Field(title="课程名称")
    """Which course."""
    since: Day = Field(title="结对日期")
    """First day; (tutor, teacher, institution, course, day) is the natural key."""
    until: Day | None = Field(default=None, title="结束日期")
    """Last day, where it is known."""

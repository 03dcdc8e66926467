"""What provinces say of a worker: known to the programme, changed since, and how to reach the person."""

from typing import Annotated, Literal

from pydantic import Field

from shared.contracts.envelope import Day, LaneCode, Text, Value
from shared.contracts.provinces.terms import Category, CityCode, EducationLevel, Employer


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
    categories_since: Day | None = Field(default=None, title="类别起始日期")
    """First day on which these flags hold; absent: the day of `time`."""
    categories_until: Day | None = Field(default=None, title="类别截止日期")
    """Last day on which these flags hold; absent: until something later is said."""
    history: bool = Field(default=False, title="历史数据")
    """Back-loaded: no money moves, nobody is notified."""


class WorkerChanged(Value):
    """Something about a worker is different from a day on; what is absent stays as it was. Subject: the worker_ref."""

    since: Day = Field(title="变更日期")
    """First day on which it holds."""
    until: Day | None = Field(default=None, title="截止日期")
    """Last day on which it holds; absent: until something later is said."""
    categories: Annotated[tuple[Category, ...], Field(min_length=1, max_length=4)] | None = Field(
        default=None, title="工人类别"
    )
    """All flags of the worker from that day on, not only the new ones."""
    education_level: EducationLevel | None = Field(default=None, title="现有学历")
    """Highest level of education."""
    origin_province: LaneCode | None = Field(default=None, title="户籍省份")
    """Where the worker is from."""
    work_province: LaneCode | None = Field(default=None, title="工作省份")
    """Where the worker works."""
    work_city: CityCode | None = Field(default=None, title="工作城市")
    """City of work, four digits."""
    employer: Employer | None = Field(default=None, title="用人单位")
    """New employer."""


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

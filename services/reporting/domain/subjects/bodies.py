"""Projects, institutions and alliances, and the balances that stood before the stream began."""

from typing import Final

from services.reporting.domain.tally import NONE, Columns, Counts, Tally, as_json, month
from services.reporting.domain.targets import COUNTED_SINCE
from shared.contracts import provinces


def _project(tally: Tally, data: provinces.ProjectEstablished) -> Columns:
    tally.study("projects", data.established_on)
    if data.established_on >= COUNTED_SINCE:
        tally.total("projects_since_2025", 1)
    return Columns(
        data.established_on,
        project_no=data.project_no,
        employer_sector=data.sector,
        details=as_json(name=data.name, lead=data.lead),
    )


def _institution(tally: Tally, data: provinces.InstitutionJoined) -> Columns:
    institution = data.institution
    tally.study("institutions", data.joined_on)
    tally.cell("providers", month(data.joined_on), institution.kind, NONE, "institutions")
    return Columns(
        data.joined_on,
        work_city=data.city,
        institution_code=institution.code,
        institution_kind=institution.kind,
        details=as_json(name=institution.name),
    )


def _alliance_formed(tally: Tally, data: provinces.AllianceFormed) -> Columns:
    tally.study("alliances", data.formed_on)
    return Columns(
        data.formed_on, document_no=data.alliance_no, details=data.model_dump_json(exclude={"alliance_no"})
    )


def _alliance_reported(_: Tally, data: provinces.AllianceReported) -> Columns:
    """What it declares is shown as declared, and never added to what is counted here."""
    return Columns(
        data.until, document_no=data.alliance_no, details=data.model_dump_json(exclude={"alliance_no"})
    )


def _balance(_: Tally, data: provinces.BalanceOpened) -> Columns:
    """What stood before the stream: beside the counts, added only in the series named “since 2016”."""
    return Columns(data.as_of, details=data.model_dump_json())


COUNTS: Final[Counts] = {
    provinces.PROJECT_ESTABLISHED: _project,
    provinces.INSTITUTION_JOINED: _institution,
    provinces.ALLIANCE_FORMED: _alliance_formed,
    provinces.ALLIANCE_REPORTED: _alliance_reported,
    provinces.BALANCE_OPENED: _balance,
}

"""The bulletin of a closed period: one printable page in two languages, every number out of one signed edition."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query, Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.reporting import edition_store
from services.reporting.api.editions import Named
from services.reporting.api.from_editions import kept_or_404
from services.reporting.api.public import notes
from services.reporting.api.site import PAGE, SAFE, Language, files_of_page, language_of, spoken, version_of
from services.reporting.api.targets import targets_in_force
from services.reporting.domain import editions
from services.reporting.domain.disclosure import TOTAL, Shown
from services.reporting.domain.editions import NATION, Edition, Name
from services.reporting.domain.measures import MEASURES
from services.reporting.domain.public_tables import ALL, MONEY_SHOWN, TABLES, PublicTable
from services.reporting.domain.targets import Book
from services.reporting.edition_store import Kept
from shared.contracts.envelope import MONTHS_EN, SHANGHAI
from shared.contracts.lanes import LANE_CODES, LANES
from shared.contracts.lanes import NATION as NATION_LANE
from shared.plumbing.problem import ProblemRoute, documented
from shared.plumbing.signing import key_id

HIDDEN: Final = "×"
CHANGES_SHOWN_MAX: Final = 60
WAN: Final = 10_000
PROVINCES_BY: Final = (
    "enrolled",
    "completed",
    "education_upgrades",
    "skill_upgrades",
    "awards_granted",
    "granted_fen",
)
_LANES: Final = {lane.code: lane for lane in LANES}


def router(book: Book) -> APIRouter:
    """The bulletin of each edition."""
    routes = APIRouter(tags=["page"], route_class=ProblemRoute)
    said = tomllib.loads((PAGE / "bulletin.toml").read_text(encoding="utf-8"))
    static = f"/page/{version_of(files_of_page())}"
    template = Environment(
        loader=FileSystemLoader(PAGE), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    ).get_template("bulletin.html")

    @routes.get("/bulletin/{edition}", response_class=Response, responses=documented(404, 422, 503))
    async def bulletin(
        request: Request,
        edition: Named,
        lang: Annotated[Language | None, Query()] = None,
        accept_language: Annotated[str | None, Header()] = None,
    ) -> Response:
        """A closed period as a page for A4: sentences, targets, money, tables, what was restated, the proof."""
        async with request.app.state.pool.acquire() as db:
            kept = await kept_or_404(db, edition)
            newest = await edition_store.kept(db, Name(kept.name.period, None))
            targets = (await targets_in_force(db, book)).book.targets
        language = lang or language_of(None, accept_language)
        names = {target.code: getattr(target, language) for target in targets}
        speaker = Speaker(spoken(said, language), language, names)
        html = template.render(
            static=static,
            newest=str(newest.name if newest else kept.name),
            **speaker.page(kept, editions.read(kept.document)),
        )
        return Response(html, media_type="text/html", headers={"Cache-Control": "no-cache", **SAFE})

    return routes


class Speaker:
    """Says an edition in one language."""

    def __init__(self, said: Mapping[str, Any], language: Language, targets: Mapping[str, str]) -> None:
        self._t, self._language, self._targets = said, language, targets

    def page(self, kept: Kept, edition: Edition) -> dict[str, Any]:
        """Everything that the template shows."""
        head, zh = edition.head, self._language == "zh"
        note = notes(dict(head["rule"]), is_open=False)[0 if zh else 1]
        changed = [one for one in edition.changed if "measure" in one]
        return {
            "t": self._t,
            "lang": self._language,
            "html_lang": "zh-CN" if zh else "en",
            "other": "en" if zh else "zh",
            "stop": "。" if zh else ".",
            "colon": "：" if zh else ": ",
            "title": self._t["title_year" if editions.is_year(head["period"]) else "title_month"],
            "period": self._period(head["period"]),
            "name": str(edition.name),
            "closed_at": kept.closed_at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M"),
            "head": head,
            "sha256": kept.sha256,
            "key": key_id(kept.public_key),
            "sentences": self._sentences(edition),
            "targets": [self._target(target) for target in edition.targets],
            "money": self._money(edition),
            "provinces": self._provinces(edition),
            "note": note,
            "tables": [
                self._table(TABLES[code], table)
                for code, table in self._ordered(edition.tables)
                if not TABLES[code].open
            ],
            "changed": [self._change(one) for one in changed[:CHANGES_SHOWN_MAX]],
            "more_changes": max(0, len(changed) - CHANGES_SHOWN_MAX),
            "cells_changed": f"{len(edition.changed) - len(changed):,}",
            "checks": head["checks"],
        }

    def _period(self, period: str) -> str:
        year, _, month = period.partition("-")
        if self._language == "zh":
            return f"{year} 年 {int(month)} 月" if month else f"{year} 年"
        return f"{MONTHS_EN[int(month) - 1]} {year}" if month else year

    def _sentences(self, edition: Edition) -> list[str]:
        month = self._period(edition.head["period"])
        happened = {code: self._count(edition.totals.get((code, NATION), 0)) for code in PROVINCES_BY}
        funded = {
            code: self._count(edition.as_of.get((code, NATION), 0)) for code in ("funded", "funded_migrant")
        }
        paid = {
            code.removesuffix("_fen"): self._yuan(edition.totals.get((code, NATION), 0))
            for code in ("granted_fen", "disbursed_fen")
        }
        said = [
            self._t["sentence_month"].format(month=month, **happened),
            self._t["sentence_funded"].format(month=month, **funded),
            self._t["sentence_money"].format(**paid),
        ]
        return [sentence.replace("万 ", "万") for sentence in said]  # 万人, but 99 人

    def _count(self, value: int) -> str:
        """In Chinese by ten thousands, where people would."""
        if self._language == "zh" and abs(value) >= WAN:
            return f"{value / WAN:,.1f} 万"
        return f"{value:,}"

    def _yuan(self, fen: int) -> str:
        if self._language == "zh":
            return f"{fen / 100 / WAN:,.1f} 万元"
        return f"{fen / 100:,.0f} yuan"

    def _in_thousands(self, fen: int) -> str:
        """In ten thousands of yuan in Chinese, in thousands in English."""
        return f"{fen / 100 / (WAN if self._language == 'zh' else 1_000):,.1f}"

    def _target(self, target: Mapping[str, Any]) -> dict[str, str]:
        steady, needed = target["steady"], target["needed_per_month"]
        return {
            "name": self._targets.get(target["code"], target["code"]),
            "value": f"{target['value']:,}",
            "goal": self._t[target["comparator"]] + f"{target['target']:,}",
            "share": f"{100 * target['value'] / target['target']:.1f} %",
            "steady": "—" if steady is None else f"{steady:,}",
            "needed": "—" if needed is None else f"{needed:,}",
        }

    def _money(self, edition: Edition) -> list[dict[str, str]]:
        sums = {code: edition.totals.get((code, NATION), 0) for code in MONEY_SHOWN}
        most = max(1, *sums.values())
        return [
            {
                "name": self._measure(code),
                "value": self._in_thousands(fen),
                "width": f"{max(0, 100 * fen / most):.1f}",
            }
            for code, fen in sums.items()
        ]

    def _provinces(self, edition: Edition) -> dict[str, Any]:
        rows, none = [], []
        for code in (*LANE_CODES, NATION):
            sums = {measure: edition.totals.get((measure, code), 0) for measure in PROVINCES_BY}
            if not any(sums.values()) and code != NATION:
                none.append(self._lane(code))
                continue
            values = [
                self._in_thousands(value) if measure.endswith("_fen") else f"{value:,}"
                for measure, value in sums.items()
            ]
            rows.append({"name": self._lane(code), "values": values, "sum": code == NATION})
        columns = [
            f"{self._measure(code)} ({self._t['yuan']})" if code.endswith("_fen") else self._measure(code)
            for code in PROVINCES_BY
        ]
        return {"columns": columns, "rows": rows, "none": self._listed(none)}

    @staticmethod
    def _ordered(tables: Mapping[str, Shown]) -> list[tuple[str, Shown]]:
        return [(code, tables[code]) for code in TABLES if code in tables]

    def _table(self, table: PublicTable, shown: Shown) -> dict[str, Any]:
        """Rows that show nothing but a public total are named below it; columns that show nothing are left out."""
        told = {place for place, value in shown.values.items() if value is not None and TOTAL not in place}
        columns = [one for one in table.columns if any((row, one) in told for row in table.rows)]
        rows, none = [], []
        with_total = any(column == TOTAL for row, column in shown.values if row != TOTAL)
        for row in table.rows:
            if any((row, column) in told for column in columns):
                rows.append(
                    self._row(shown, row, [*columns, TOTAL] if with_total else columns, self._name(row))
                )
            elif shown.values.get((row, TOTAL)) or not table.totals_known:
                none.append(self._name(row))
        if rows and len(table.columns) > 1:
            rows.append(
                self._row(shown, TOTAL, [*columns, TOTAL] if with_total else columns, self._t["total"])
            )
            rows[-1]["sum"] = True
        names = [self._t["all"] if one == ALL else self._name(one) for one in columns]
        return {
            "title": getattr(table, self._language),
            "corner": self._t["row"][table.row_name],
            "columns": [*names, self._t["total"]] if with_total else names,
            "rows": rows,
            "none": self._listed(none) if rows else "",
        }

    @staticmethod
    def _row(shown: Shown, row: str, columns: Sequence[str], name: str) -> dict[str, Any]:
        values = []
        for column in columns:
            value = shown.values.get((row, column))
            values.append(
                "" if (row, column) not in shown.values else HIDDEN if value is None else f"{value:,}"
            )
        return {"name": name, "values": values, "sum": False}

    def _change(self, one: Mapping[str, Any]) -> dict[str, str]:
        money = one["measure"].endswith("_fen")
        said: Callable[[int], str] = self._yuan if money else "{:,}".format
        return {
            "name": self._measure(one["measure"]),
            "lane": self._lane(one["lane"]),
            "before": said(one["before"]),
            "after": said(one["after"]),
            "events": "—" if one["events"] is None else f"{one['events']:,}",
        }

    def _listed(self, names: Sequence[str]) -> str:
        return ("、" if self._language == "zh" else ", ").join(names)

    def _measure(self, code: str) -> str:
        return str(getattr(MEASURES[code], self._language))

    def _lane(self, code: str) -> str:
        if code == NATION:
            return str(self._t["nation"])
        if code == NATION_LANE:
            return str(self._t["of_nation"])
        lane = _LANES[code]
        return lane.name_zh if self._language == "zh" else lane.name_en

    def _name(self, code: str) -> str:
        return str(self._t["label"][code]) if code in self._t["label"] else self._lane(code)

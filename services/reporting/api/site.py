"""The live page: one template in two languages, and its own few files; nothing comes from elsewhere."""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import orjson
from fastapi import APIRouter, Cookie, Header, HTTPException, Query, Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.reporting.api import past
from services.reporting.api.live import Live
from services.reporting.domain.drilling import BEHIND
from services.reporting.domain.measures import MEASURES
from services.reporting.domain.nation import Nation
from services.reporting.domain.targets import ALLIANCES
from services.reporting.domain.tiles import NATION_TILE, TILES
from shared.plumbing import postgres
from shared.plumbing.problem import ProblemRoute, documented

Language = Literal["zh", "en"]
PAGE: Final = Path(__file__).parents[1] / "page"
KINDS: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
STYLES: Final = {"page": "all", "parts": "all", "narrow": "screen and (max-width: 1100px)", "print": "print"}
"""Each with where it holds, in the order in which they overrule each other."""
COOKIE_MAX_AGE_S: Final = 365 * 24 * 3600
SAFE: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def router(live: Live) -> APIRouter:
    """The page at `/` and its files, under a name that changes with their content."""
    routes = APIRouter(tags=["page"], route_class=ProblemRoute, responses=documented(404, 422, 503))
    said = words()
    files = files_of_page()
    version = version_of(files)
    modules = sorted(name for name in files if name.endswith(".js"))
    template = Environment(
        loader=FileSystemLoader(PAGE), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    ).get_template("page.html")

    @routes.get("/", response_class=Response)
    async def page(
        request: Request,
        lang: Annotated[Language | None, Query()] = None,
        remembered: Annotated[str | None, Cookie(alias="lang")] = None,
        accept_language: Annotated[str | None, Header()] = None,
    ) -> Response:
        """The live page, in the language that is asked for, remembered or preferred."""
        language = lang or language_of(remembered, accept_language)
        picture = await _picture(live)
        html = template.render(
            t=spoken(said, language),
            html_lang="zh-CN" if language == "zh" else "en",
            other="en" if language == "zh" else "zh",
            static=f"/page/{version}",
            styles=STYLES,
            modules=modules,
            tiles=[asdict(tile) | {"short": asdict(tile)[f"short_{language}"]} for tile in TILES],
            simulated=request.app.state.settings.simulated,
            has_picture=picture is not None,
            given=_given(said, language, picture),
        )
        answer = Response(html, media_type="text/html", headers={"Cache-Control": "no-store", **SAFE})
        if lang:
            answer.set_cookie("lang", lang, max_age=COOKIE_MAX_AGE_S, samesite="lax", httponly=True)
        return answer

    @routes.get("/page/{of_version}/{name}", response_class=Response)
    async def file(of_version: str, name: str) -> Response:
        """One of the page's files; an old page gets the present one, but does not keep it."""
        content = files.get(name)
        if content is None:
            raise HTTPException(404, "The page has no such file. / 页面没有这个文件。")
        keep = "public, max-age=31536000, immutable" if of_version == version else "no-store"
        kind = KINDS[Path(name).suffix]
        return Response(content, media_type=kind, headers={"Cache-Control": keep, **SAFE})

    return routes


def words() -> dict[str, Any]:
    """Every word of the page, each in both languages."""
    return tomllib.loads((PAGE / "words.toml").read_text(encoding="utf-8"))


def files_of_page() -> dict[str, bytes]:
    """All files of all pages, by name."""
    return {path.name: path.read_bytes() for path in PAGE.iterdir() if path.suffix in KINDS}


def version_of(files: Mapping[str, bytes]) -> str:
    """Changes with the content of any of them."""
    return hashlib.sha256(b"".join(files[name] for name in sorted(files))).hexdigest()[:12]


async def _picture(live: Live) -> Nation | None:
    """The picture to start with; without one the page says so and waits."""
    try:
        return await live.picture()
    except postgres.PASSING:
        return None


def language_of(remembered: str | None, accept_language: str | None) -> Language:
    """The language that is remembered or preferred; Chinese where neither is said."""
    if remembered in ("zh", "en"):
        return "zh" if remembered == "zh" else "en"
    for wish in (accept_language or "").lower().split(","):
        if wish.strip().startswith(("zh", "en")):
            return "zh" if wish.strip().startswith("zh") else "en"
    return "zh"


def spoken(said: Mapping[str, Any], language: Language) -> dict[str, Any]:
    """All words in one language; a table of tables keeps its inner names."""
    return {
        name: entry[language] if language in entry else spoken(entry, language)
        for name, entry in said.items()
    }


def _given(said: Mapping[str, Any], language: Language, picture: Nation | None) -> str:
    """What the page's program starts with, as JSON that cannot end its element."""
    given = {
        "lang": language,
        "words": spoken(said, language),
        "tiles": [asdict(tile) for tile in TILES],
        "nation": asdict(NATION_TILE),
        "definitions": [asdict(measure) for measure in MEASURES.values()],
        "on_map": past.shown(),
        "behind": sorted(BEHIND),
        "alliances": {alliance.code: sorted(alliance.lanes) for alliance in ALLIANCES},
        "picture": picture.model_dump(mode="json") if picture else None,
    }
    return orjson.dumps(given).decode().replace("<", "\\u003c")

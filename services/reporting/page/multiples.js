// Small multiples: every province's way to its number on the map, all on one scale.

import { curve } from "./charts.js";
import { dayOf, monthName } from "./calendar.js";
import { onDraw } from "./drawing.js";
import { byId, element, set } from "./elements.js";
import { pick } from "./map.js";
import { reached, trends } from "./trends.js";
import { fill, lang, laneName, shortName, t, tiles, view } from "./view.js";
import { exact, inItsWay, short, titledInItsWay, way } from "./ways.js";

let drawn = "";

function drawMultiples() {
  const trend = trends(), box = byId("multiples");
  set(byId("multiples-measure"), titledInItsWay());
  if (!trend || !view.picture) return;
  const ways = tiles.map((tile) => wayOf(tile.code, trend)).filter((one) => one.points.some(Boolean));
  const key = `${JSON.stringify([trend.months, ways])}/${way()}/${view.lane}/${box.clientWidth}`;
  if (key === drawn) return;
  drawn = key;
  ways.sort((a, b) => b.points.at(-1) - a.points.at(-1));
  const most = Math.max(way() === "count" ? 1 : 0.01, ...ways.flatMap((one) => one.points));
  const focused = document.activeElement?.closest(".multiple")?.dataset.lane;
  box.replaceChildren(...ways.map((one) => multiple(one, most)));
  for (const one of box.querySelectorAll(".curve")) drawCurve(one, ways, most, trend.months);
  if (focused) box.querySelector(`[data-lane="${focused}"]`)?.focus();
  byId("multiples-note").textContent = note(trend, ways, most);
}

// By the workers and the nation of now, so that its end is the number on the map.
function wayOf(code, trend) {
  const turned = inItsWay(code);
  return { code, points: turned ? reached(trend, code).map(turned) : [] };
}

function multiple({ code, points }) {
  const made = element("button", "multiple");
  made.type = "button";
  made.dataset.lane = code;
  made.setAttribute("aria-pressed", String(code === view.lane));
  const line = element("span", "line");
  line.append(element("span", "", shortName(code)), element("span", "num", short(points.at(-1))));
  made.append(line, element("span", "curve"));
  made.title = `${laneName(code)}: ${exact(points.at(-1))}`;
  made.addEventListener("click", () => pick(code));
  return made;
}

function drawCurve(box, ways, most, months) {
  const { points } = ways.find((one) => one.code === box.parentElement.dataset.lane);
  curve(box, points, most, months.indexOf(view.picture?.recorded_at && dayOf(view.picture.recorded_at).slice(0, 7)));
}

function note(trend, ways, most) {
  if (!ways.length) return t.multiples_empty;
  const without = tiles.filter((tile) => !ways.some((one) => one.code === tile.code));
  const scale = fill(t.multiples_scale, { first: monthName(trend.months[0]), last: monthName(trend.months.at(-1)), most: exact(most) });
  const names = without.map((tile) => shortName(tile.code)).join(lang === "zh" ? "、" : ", ");
  const nothing = without.length && fill(without.length > 12 ? t.multiples_without_many : t.multiples_without, { count: without.length, names });
  return [scale, nothing].filter(Boolean).join(lang === "zh" ? "" : " ");
}

onDraw(drawMultiples);

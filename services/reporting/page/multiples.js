// Small multiples: every province's way to its number on the map, all on one scale.

import { curve } from "./charts.js";
import { dayOf, monthName } from "./calendar.js";
import { onDraw } from "./drawing.js";
import { byId, element, set } from "./elements.js";
import { pick } from "./map.js";
import { reached, trends } from "./trends.js";
import { fill, lang, laneName, shortName, t, tiles, titled, unitOf, view, write } from "./view.js";

let drawn = "";

function drawMultiples() {
  const trend = trends(), box = byId("multiples");
  set(byId("multiples-measure"), titled(view.measure));
  if (!trend) return;
  const key = `${JSON.stringify(trend)}/${view.lane}/${innerWidth}`;
  if (key === drawn) return;
  drawn = key;
  const ways = tiles.map((tile) => ({ code: tile.code, points: reached(trend, tile.code) })).filter((one) => one.points.some(Boolean));
  ways.sort((a, b) => b.points.at(-1) - a.points.at(-1));
  const most = Math.max(1, ...ways.flatMap((one) => one.points));
  const focused = document.activeElement?.closest(".multiple")?.dataset.lane;
  box.replaceChildren(...ways.map((one) => multiple(one, most)));
  for (const one of box.querySelectorAll(".curve")) drawCurve(one, ways, most, trend.months);
  if (focused) box.querySelector(`[data-lane="${focused}"]`)?.focus();
  byId("multiples-note").textContent = note(trend, ways, most);
}

function multiple({ code, points }) {
  const made = element("button", "multiple");
  made.type = "button";
  made.dataset.lane = code;
  made.setAttribute("aria-pressed", String(code === view.lane));
  const line = element("span", "line");
  line.append(element("span", "", shortName(code)), element("span", "num", write.short(points.at(-1), unitOf(view.measure))));
  made.append(line, element("span", "curve"));
  made.title = `${laneName(code)}: ${write.exact(points.at(-1), unitOf(view.measure))}`;
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
  const scale = fill(t.multiples_scale, { first: monthName(trend.months[0]), last: monthName(trend.months.at(-1)), most: write.exact(most, unitOf(view.measure)) });
  const names = without.map((tile) => shortName(tile.code)).join(lang === "zh" ? "、" : ", ");
  const nothing = without.length && fill(without.length > 12 ? t.multiples_without_many : t.multiples_without, { count: without.length, names });
  return [scale, nothing].filter(Boolean).join(lang === "zh" ? "" : " ");
}

onDraw(drawMultiples);

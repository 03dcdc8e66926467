// Over time: what was added in each month, or recorded in each of the last minutes, of nation or province.

import { remember } from "./address.js";
import { ask, asked, timeAsked, timeKey } from "./asking.js";
import { dayOf, monthName, monthShort } from "./calendar.js";
import { columns } from "./charts.js";
import { drawSoon, onDraw, onTurn, turn } from "./drawing.js";
import { byId, defined, element, fillTable, headTable, isOpen } from "./elements.js";
import { fill, t, titled, view, write } from "./view.js";

const IN_SERIES = ["enrolled", "awards_granted", "completed"];
const MONTHS = 24, MINUTES = 60, EVERY_MS = 5_000, AGAIN_MS = 10_000;
let points = null, picked = null;

const byMinute = () => view.by === "minute" && !view.past;
const fetchMonths = async () => fromTrends((await ask("/v1/trends", { measure: IN_SERIES, lane: view.lane, months: MONTHS, ...timeAsked() })).trends);
const fetchMinutes = async () => spread((await ask("/v1/series", { by: "minute", lane: view.lane, measure: IN_SERIES })).points);

export const askSeries = asked({
  everyMs: EVERY_MS, againMs: AGAIN_MS, key: () => `${byMinute()}/${view.lane ?? ""}/${timeKey()}`,
  fetcher: () => (byMinute() ? fetchMinutes() : fetchMonths()),
  taken: (found) => { points = found; byId("series-note").textContent = ""; drawSeries(); },
  failed: () => { byId("series-note").textContent = t.series_failed; },
});

function fromTrends(found) {
  const scope = view.lane ?? "nation", months = [...new Set(found.flatMap((trend) => trend.months))].sort();
  return months.map((period) => ({
    period,
    values: Object.fromEntries(found.map((trend) => [trend.measure, trend.added[scope]?.[trend.months.indexOf(period)] ?? 0])),
  }));
}

// Minutes without anything are zero, not left out.
function spread(given) {
  if (!given.length) return [];
  const found = new Map(given.map((point) => [Date.parse(point.period), point.values]));
  const last = Date.parse(given.at(-1).period);
  return Array.from({ length: MINUTES }, (_, place) => last - (MINUTES - 1 - place) * 60_000)
    .map((period) => ({ period, values: found.get(period) ?? {} }));
}

const periodName = (period) => (typeof period === "number" ? write.time(period).slice(0, 5) : monthName(period));

function tick(period, place, step) {
  if (typeof period === "number") return place % (step < 6 ? 20 : 10) === 0 ? periodName(period) : "";
  const [year, month] = period.split("-").map(Number);
  if (month === 1) return String(year);
  if (place === 0) return step < 32 ? monthShort(period) : periodName(period);
  if (place < 3 && step < 40) return "";
  return step >= 34 || (month % 3 === 1 && step >= 12) ? monthShort(period) : "";
}

function chartOf(code) {
  const chart = element("div", "chart"), line = element("p");
  chart.dataset.measure = code;
  line.append(defined(code, titled(code)), element("span", "readout quiet"));
  chart.append(line, element("div", "picture"));
  return chart;
}

function drawSeries() {
  const box = byId("charts");
  byId("by-minute").disabled = view.past !== null;
  for (const choice of document.querySelectorAll("[data-by]")) choice.setAttribute("aria-pressed", String((choice.dataset.by === "minute") === byMinute()));
  if (!points) return;
  if (!points.length) return box.replaceChildren(element("p", "quiet", t.series_empty));
  if (!box.querySelector(".chart")) box.replaceChildren(...IN_SERIES.map(chartOf));
  const now = byMinute() || !view.picture?.recorded_at ? undefined : dayOf(view.picture.recorded_at).slice(0, 7);
  for (const chart of box.querySelectorAll(".chart")) {
    const code = chart.dataset.measure;
    const drawn = points.map(({ period, values }) => ({ period, value: values[code] ?? 0 }));
    columns(chart.querySelector(".picture"), { points: drawn, label: titled(code), future: now, ticks: tick, onPick: (period) => { picked = period; drawReadouts(); } });
  }
  if (now && points.some((point) => point.period > now)) byId("series-note").textContent = t.series_future;
  drawReadouts();
  if (isOpen(byId("series-table"))) drawTable();
}

function drawTable() {
  const table = byId("series-table");
  headTable(table.tHead, [t.period, ...IN_SERIES.map(titled)]);
  const filled = points.filter(({ values }) => Object.values(values).some(Boolean)).reverse();
  fillTable(table.tBodies[0], filled.map(({ period, values }) => [periodName(period), ...IN_SERIES.map((code) => write.exact(values[code] ?? 0))]));
}

function drawReadouts() {
  for (const chart of document.querySelectorAll(".chart")) {
    const code = chart.dataset.measure, point = points.find((one) => one.period === picked);
    const most = Math.max(...points.map((one) => one.values[code] ?? 0));
    chart.querySelector(".readout").textContent = point ? `${periodName(point.period)}: ${write.exact(point.values[code] ?? 0)}` : fill(t.peak, { value: write.exact(most) });
  }
}

export function listenToSeries() {
  for (const choice of document.querySelectorAll("[data-by]")) {
    choice.addEventListener("click", () => {
      view.by = choice.dataset.by;
      remember();
      turn();
    });
  }
  byId("series-table").closest("details").addEventListener("toggle", () => drawSoon());
}

onDraw(drawSeries);
onTurn(askSeries);

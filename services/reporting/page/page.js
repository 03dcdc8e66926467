// The page: takes pictures of the nation as they come and shows them in place.

import { bullet, columns, flow } from "./charts.js";
import { writer } from "./numbers.js";

const given = JSON.parse(document.getElementById("given").textContent);
const t = given.words;
const lang = given.lang;
const write = writer(lang);
const measures = Object.fromEntries(given.definitions.map((measure) => [measure.code, measure]));
const lanes = Object.fromEntries([...given.tiles, given.nation].map((tile) => [tile.code, tile]));
const byId = (id) => document.getElementById(id);

const ON_MAP = ["funded", "funded_migrant", "registered", "enrolled", "confirmed", "completed", "education_upgrades", "withdrawn",
  "awards_granted", "awards_waiting", "scholarships", "projects", "planned_fen", "allocated_fen", "granted_fen", "disbursed_fen"];
const IN_TOTALS = {
  group_study: ["registered", "enrolled", "confirmed", "completed", "education_upgrades", "withdrawn"],
  group_awards: ["awards_reserved", "awards_granted", "awards_waiting", "awards_released", "awards_refused", "scholarships"],
  group_projects: ["projects"],
  group_records: ["accepted", "duplicate", "conflict", "rejected", "parked"],
};
const SHARE_OF = { confirmed: "enrolled", completed: "enrolled", education_upgrades: "completed", withdrawn: "enrolled", awards_granted: "awards_reserved",
  duplicate: "accepted", conflict: "accepted", rejected: "accepted" };
const IN_SERIES = ["enrolled", "awards_granted", "completed"];
const MONTHS_MAX = 24, MINUTES = 60, LATEST_SHOWN = 10;
const SILENT_MS = 25_000, SERIES_EVERY_MS = 2_000, FAILED_AFTER_MS = 8_000, SERIES_AGAIN_MS = 10_000;
const GLOWS_AFTER_MS = 4_000, LATEST_EVERY_MS = 1_500; // what changes all the time does not glow all the time
const changedAt = new WeakMap();

let picture = given.picture;
let lane = null, measure = "funded", by = "month";
let seriesOf = null, seriesAt = 0, seriesDue = null, seriesData = null, pickedPeriod = null;
let happened = new Map();
let heardAt = 0, redraw = 0, glow = false, latestAt = 0, latestDue = null;

// ------------------------------------------------------------------ small tools

const named = (one) => one[lang];
const laneName = (code) => named(lanes[code]);
const titled = (code) => {
  const [name, unit] = [named(measures[code]), t[`unit_${measures[code].unit}`]];
  return lang === "zh" ? `${name}（${unit}）` : `${name} (${unit})`;
};
const fill = (sentence, values) => sentence.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
const sums = () => (lane ? picture.lanes.find((one) => one.code === lane).measures : picture.measures);
const of = (code, from = sums()) => from[code] ?? 0;

function set(element, text, title) {
  if (title !== undefined && element.title !== title) element.title = title;
  if (element.textContent === text) return;
  const first = element.textContent === "" || element.textContent === "–";
  element.textContent = text;
  const calm = performance.now() - (changedAt.get(element) ?? -GLOWS_AFTER_MS) >= GLOWS_AFTER_MS;
  changedAt.set(element, performance.now());
  if (!first && glow && calm) {
    element.classList.remove("changed");
    void element.offsetWidth; // starts the glow anew
    element.classList.add("changed");
  }
}

// A sentence whose {numbers} stand in elements of their own, so that they change in place.
function sentence(element, words, values) {
  if (element.dataset.words !== words) {
    element.dataset.words = words;
    element.replaceChildren(...words.split(/(\{\w+\})/).filter(Boolean).map((part) => {
      if (!part.startsWith("{")) return document.createTextNode(part);
      const number = document.createElement("strong");
      number.className = "num";
      number.dataset.name = part.slice(1, -1);
      return number;
    }));
  }
  for (const number of element.querySelectorAll("[data-name]")) {
    const [text, title] = [].concat(values[number.dataset.name]);
    number.classList.toggle("spaced", text.endsWith(" "));
    set(number, text.trimEnd(), title);
  }
}

const element = (name, className, text) => {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};

// ------------------------------------------------------------------ the first sentence

function drawLead() {
  if (!picture) return;
  if (!picture.facts) {
    sentence(byId("sentence"), t.empty, {});
    byId("pace").textContent = byId("recorded").textContent = "";
    return;
  }
  const exact = (code) => [write.noun(of(code)), write.exact(of(code))];
  if (lane) {
    const allocated = budgeted();
    sentence(byId("sentence"), allocated ? t.sentence_lane : t.sentence_lane_unfunded, {
      lane: laneName(lane), funded: exact("funded"), migrant: exact("funded_migrant"),
      allocated: [write.money(allocated), write.exact(allocated, "fen")], share: write.share(granted(), allocated),
    });
    byId("pace").textContent = "";
  } else {
    const target = picture.targets.find((one) => one.code === "funded");
    sentence(byId("sentence"), t.sentence_nation, {
      funded: exact("funded"), migrant: exact("funded_migrant"), target: write.round(target.target), share: write.share(target.value, target.target),
    });
    const needed = target.needed_per_month;
    const projected = target.projected && fill(t.projected, { month: monthName(target.projected) });
    const pace = needed !== null && fill(t.pace, { needed: write.noun(needed), steady: write.noun(target.steady) });
    byId("pace").textContent = target.reached ? t.reached : [projected, pace].filter(Boolean).join(lang === "zh" ? "" : " ");
  }
  byId("recorded").textContent = fill(t.recorded, { time: write.when(picture.recorded_at), facts: write.noun(picture.facts) });
}

function drawStill() {
  const list = byId("still"), still = picture?.still ?? [];
  list.hidden = !still.length;
  const oldest = still.map((one) => one.since).filter(Boolean).sort()[0];
  const lines = still.length > 3
    ? [fill(t.still_many, { count: still.length, time: write.when(oldest) })]
    : still.map((one) => fill(t[`still_${one.why}`], { lane: laneName(one.lane), time: write.when(one.since) }));
  if (list.textContent !== lines.join("")) list.replaceChildren(...lines.map((line) => element("li", "", line)));
}

// ------------------------------------------------------------------ the map

function niceSteps(most) {
  if (most <= 5) return most ? [1, 2, 3, 4, 5].slice(0, Math.max(1, most)) : [];
  const raw = most / 5, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].map((one) => one * power).find((one) => one >= raw);
  return [1, 2, 3, 4, 5].map((one) => Math.ceil(step * one));
}

function drawMap() {
  if (!picture) return;
  const unit = measures[measure].unit;
  const values = Object.fromEntries(picture.lanes.map((one) => [one.code, of(measure, one.measures)]));
  const onMap = given.tiles.map((tile) => values[tile.code]);
  const steps = niceSteps(Math.max(0, ...onMap));
  for (const tile of document.querySelectorAll(".tile")) {
    const value = values[tile.dataset.lane];
    const place = value > 0 ? steps.findIndex((limit) => value <= limit) + 1 || steps.length : 0;
    tile.dataset.step = steps.length < 5 && place ? Math.min(5, place + 5 - steps.length) : place;
    const says = `${laneName(tile.dataset.lane)}: ${named(measures[measure])} ${write.exact(value, unit)} ${t[`unit_${unit}`]}`;
    tile.title = says;
    tile.setAttribute("aria-label", says);
    tile.setAttribute("aria-pressed", String(tile.dataset.lane === lane));
    set(tile.querySelector(".value"), write.short(value, unit));
  }
  drawScale(steps, unit);
  set(byId("map-title"), lane ? fill(t.picked, { lane: laneName(lane) }) : t.map);
  byId("back").hidden = !lane;
  drawMapTable(values, unit);
}

function drawScale(steps, unit) {
  const limits = steps.map((limit, place) => [place + 1 + 5 - steps.length, `≤ ${write.short(limit, unit).replace(/\.0(?!\d)/, "")}`]);
  const key = JSON.stringify(limits);
  const scale = byId("scale");
  if (scale.dataset.key === key) return;
  scale.dataset.key = key;
  scale.replaceChildren(...[[0, t.scale_none], ...limits].map(([step, text]) => {
    const made = element("span", "", text);
    made.dataset.step = step;
    return made;
  }));
}

function drawMapTable(values, unit) {
  const table = byId("map-table");
  if (!table.closest("details").open) return;
  byId("map-table-measure").textContent = titled(measure);
  const rows = given.tiles.map((tile) => [named(tile), values[tile.code]]).sort((a, b) => b[1] - a[1]);
  if (values["00"]) rows.push([t.nation_itself, values["00"]]);
  rows.push([t.whole_nation, of(measure, picture.measures)]);
  fillTable(table.tBodies[0], rows.map(([name, value]) => [name, write.exact(value, unit)]));
}

function fillTable(body, rows) {
  body.replaceChildren(...rows.map(([name, ...cells]) => {
    const row = element("tr");
    const head = element("th", "", name);
    head.scope = "row";
    row.append(head, ...cells.map((cell) => element("td", "num", cell)));
    return row;
  }));
}

// ------------------------------------------------------------------ targets, money, totals

function drawTargets() {
  if (!picture) return;
  const box = byId("bullets");
  for (const target of picture.targets) {
    let one = box.querySelector(`[data-target="${target.code}"]`);
    if (!one) {
      one = element("div", target.within ? "bullet within" : "bullet");
      one.dataset.target = target.code;
      const line = element("p");
      const figure = element("span", "figure num");
      figure.append(element("span", "now"), element("span", "goal"));
      line.append(element("span", "", t[`target_${target.code}`]), figure);
      one.append(line, element("div", "picture"));
      box.append(one);
    }
    const goal = fill(t[target.comparator], { value: write.round(target.target) });
    const rest = ` / ${goal} · ${write.share(target.value, target.target)}`;
    set(one.querySelector(".now"), write.text(target.value), write.exact(target.value));
    one.querySelector(".goal").textContent = rest;
    bullet(one.querySelector(".picture"), { ...target, label: `${t[`target_${target.code}`]}: ${write.text(target.value)}${rest}` });
  }
  byId("national-only").hidden = !lane;
  fillTable(byId("targets-table").tBodies[0], picture.targets.map((one) => [t[`target_${one.code}`], write.exact(one.value), fill(t[one.comparator], { value: write.round(one.target) }),
    one.steady === null ? "–" : write.exact(one.steady), one.projected ? monthName(one.projected) : "–"]));
  if (!byId("baselines").childElementCount) {
    byId("baselines").append(...picture.baselines.map((one) => {
      const value = one.unit === "fen" ? write.roundMoney(one.value) : write.round(one.value);
      return element("li", "num", fill(t[`baseline_${one.code}`], { value: fill(t[one.comparator], { value }) }));
    }));
  }
}

// Net of what withdrawals have set free; scholarships are money granted.
const budgeted = () => of("allocated_fen") + of("adjusted_fen");
const granted = () => of("granted_fen") - of("released_granted_fen") + of("scholarship_fen");
const committed = () => of("reserved_fen") - of("released_reserved_fen") - of("released_granted_fen") + of("scholarship_fen");

function drawMoney() {
  if (!picture) return;
  const box = byId("flow");
  const [planned, allocated, reserved, given_, paid] = [of("planned_fen"), budgeted(), committed(), granted(), of("disbursed_fen")];
  if (!planned && !allocated) {
    box.replaceChildren(element("p", "quiet", t.money_empty));
    byId("money-note").textContent = "";
    byId("money-table").tBodies[0].replaceChildren();
    return;
  }
  const stage = (name, value, loss) => ({ name: t[name], value, text: write.money(value), loss });
  const over = allocated > planned;
  const stages = [
    stage("flow_planned", planned, fill(over ? t.loss_planned_over : t.loss_planned, { value: write.money(Math.abs(planned - allocated)) })),
    stage("flow_allocated", allocated, fill(t.loss_allocated, { value: write.money(allocated - reserved) })),
    stage("flow_reserved", reserved, fill(t.loss_reserved, { value: write.money(reserved - given_) })),
    stage("flow_granted", given_, fill(t.loss_granted, { value: write.money(given_ - paid) })),
    stage("flow_disbursed", paid, ""),
  ];
  fillTable(byId("money-table").tBodies[0], stages.map((one) => [one.name, write.exact(one.value, "fen")]));
  flow(box, stages, stages.map((one) => `${one.name} ${one.text}`).join(", "));
  const note = fill(t.money_note, { released: write.money(of("released_reserved_fen") + of("released_granted_fen")) });
  const owed = of("receivable_fen") && fill(t.money_owed, { owed: write.money(of("receivable_fen")) });
  byId("money-note").textContent = [note, owed].filter(Boolean).join(lang === "zh" ? "" : " ");
}

function makeTotals() {
  for (const [group, codes] of Object.entries(IN_TOTALS)) {
    const table = element("table"), body = element("tbody");
    table.append(element("caption", "", t[group]), body);
    body.append(...codes.map((code) => {
      const row = element("tr");
      row.dataset.measure = code;
      const name = element("th");
      name.scope = "row";
      const word = element("button", "", named(measures[code]));
      word.type = "button";
      name.append(word);
      row.append(name, element("td", "share"), element("td", "total num"));
      const define = () => { byId("definition").textContent = `${named(measures[code])}${lang === "zh" ? "：" : ": "}${measures[code][`definition_${lang}`]}`; };
      word.addEventListener("focus", define);
      word.addEventListener("click", define);
      row.addEventListener("pointerenter", define);
      return row;
    }));
    byId("totals").append(table);
  }
}

function drawTotals() {
  if (!picture) return;
  for (const row of byId("totals").querySelectorAll("[data-measure]")) {
    const code = row.dataset.measure, value = of(code), all = SHARE_OF[code];
    set(row.querySelector(".total"), write.text(value), write.exact(value));
    row.querySelector(".share").textContent = all && of(all) ? fill(t.share_of, { share: write.share(value, of(all)), whole: named(measures[all]).toLowerCase() }) : "";
  }
}

// ------------------------------------------------------------------ what has just happened

const keyOf = (one) => `${one.lane}/${one.type}/${one.seq}`;

function noteLatest(found, fresh) {
  for (const one of [...found].reverse()) if (!happened.has(keyOf(one))) happened.set(keyOf(one), { ...one, fresh });
  if (happened.size > 400) happened = new Map([...happened].slice(-200));
}

// A list that changes four times a second cannot be read: it waits a little.
function drawLatestSoon() {
  if (latestDue) return;
  latestDue = setTimeout(() => { latestDue = null; drawLatest(); }, Math.max(0, latestAt + LATEST_EVERY_MS - performance.now()));
}

function drawLatest() {
  latestAt = performance.now();
  const list = byId("latest");
  const shown = [...happened.values()].filter((one) => !lane || one.lane === lane)
    .sort((a, b) => (a.recorded_at < b.recorded_at ? 1 : -1)).slice(0, LATEST_SHOWN);
  if (!shown.length) return list.replaceChildren(element("li", "quiet", t.latest_empty));
  const busy = shown.filter((one) => one.fresh).length > 3;
  list.replaceChildren(...shown.map((one) => {
    const line = element("li", one.fresh && !busy ? "changed" : "");
    one.fresh = false;
    const when = element("time", "", write.time(one.recorded_at));
    when.dateTime = one.recorded_at;
    line.append(when, element("span", "where", lanes[one.lane][`short_${lang}`]), element("span", "what", t.happened[one.type] ?? one.type),
      element("span", "num", one.amount_fen ? write.money(one.amount_fen) : ""));
    return line;
  }));
}

async function fetchLatest(code) {
  const answer = await fetch(`/v1/latest?lane=${code}`);
  if (answer.ok && lane === code) {
    noteLatest(await answer.json(), false);
    drawLatest();
  }
}

// ------------------------------------------------------------------ over time

function askSeries() {
  const wanted = `${by}/${lane ?? ""}`;
  const wait = wanted === seriesOf ? seriesAt + SERIES_EVERY_MS - performance.now() : 0;
  clearTimeout(seriesDue);
  if (!document.hidden) seriesDue = setTimeout(fetchSeries, Math.max(0, wait));
}

async function fetchSeries() {
  const wanted = `${by}/${lane ?? ""}`;
  const query = new URLSearchParams([["by", by], ...(lane ? [["lane", lane]] : []), ...IN_SERIES.map((code) => ["measure", code])]);
  seriesAt = performance.now();
  try {
    const answer = await fetch(`/v1/series?${query}`);
    if (!answer.ok) throw new Error(answer.status);
    const found = await answer.json();
    if (wanted !== `${by}/${lane ?? ""}`) return;
    [seriesOf, seriesData] = [wanted, spread(found.points)];
    byId("series-note").textContent = "";
    drawSeries();
  } catch {
    byId("series-note").textContent = t.series_failed;
    seriesDue = setTimeout(fetchSeries, SERIES_AGAIN_MS);
  }
}

// Periods without anything are zero, not left out.
function spread(points) {
  if (!points.length) return [];
  const found = new Map(points.map((point) => [by === "month" ? point.period : Date.parse(point.period), point.values]));
  const periods = [];
  if (by === "month") {
    let [year, month] = points[0].period.split("-").map(Number);
    const last = points.at(-1).period;
    for (let period = points[0].period; period <= last; period = `${year}-${String(month).padStart(2, "0")}`) {
      periods.push(period);
      [year, month] = month === 12 ? [year + 1, 1] : [year, month + 1];
    }
  } else {
    const last = Date.parse(points.at(-1).period);
    for (let place = MINUTES - 1; place >= 0; place -= 1) periods.push(last - place * 60_000);
  }
  return periods.slice(-(by === "month" ? MONTHS_MAX : MINUTES)).map((period) => ({ period, values: found.get(period) ?? {} }));
}

function periodName(period) {
  return by === "minute" ? write.time(period).slice(0, 5) : monthName(period);
}

function monthName(day) {
  const [year, month] = day.split("-").map(Number);
  return lang === "zh" ? `${year} 年 ${month} 月` : `${new Date(Date.UTC(year, month - 1)).toLocaleString("en-GB", { month: "short", timeZone: "UTC" })} ${year}`;
}

function tick(period, place, step) {
  if (by === "minute") return place % (step < 6 ? 20 : 10) === 0 ? periodName(period) : "";
  const [year, month] = period.split("-").map(Number);
  const short = lang === "zh" ? `${month} 月` : new Date(Date.UTC(year, month - 1)).toLocaleString("en-GB", { month: "short", timeZone: "UTC" });
  if (month === 1) return String(year);
  if (place === 0) return step < 32 ? short : periodName(period);
  if (place < 3 && step < 40) return "";
  return step >= 34 || (month % 3 === 1 && step >= 12) ? short : "";
}

function drawSeries() {
  const box = byId("charts");
  if (!seriesData) return;
  if (!seriesData.length) return box.replaceChildren(element("p", "quiet", t.series_empty));
  if (!box.querySelector(".chart")) {
    box.replaceChildren(...IN_SERIES.map((code) => {
      const chart = element("div", "chart");
      chart.dataset.measure = code;
      const line = element("p");
      line.append(element("span", "", titled(code)), element("span", "readout quiet"));
      chart.append(line, element("div", "picture"));
      return chart;
    }));
  }
  const now = by === "month" && picture?.recorded_at ? new Date(Date.parse(picture.recorded_at) + 8 * 3600_000).toISOString().slice(0, 7) : undefined;
  for (const chart of box.querySelectorAll(".chart")) {
    const code = chart.dataset.measure;
    const points = seriesData.map(({ period, values }) => ({ period, value: values[code] ?? 0 }));
    columns(chart.querySelector(".picture"), { points, label: titled(code), future: now, ticks: tick, onPick: (period) => { pickedPeriod = period; drawReadouts(); } });
  }
  if (by === "month" && seriesData.some((point) => point.period > now)) byId("series-note").textContent = t.series_future;
  drawReadouts();
  const table = byId("series-table");
  if (table.closest("details").open) {
    const head = element("tr");
    head.append(...[t.period, ...IN_SERIES.map(titled)].map((word, place) => {
      const cell = element("th", place ? "num" : "", word);
      cell.scope = "col";
      return cell;
    }));
    table.tHead.replaceChildren(head);
    const filled = seriesData.filter(({ values }) => Object.keys(values).length).reverse();
    fillTable(table.tBodies[0], filled.map(({ period, values }) => [periodName(period), ...IN_SERIES.map((code) => write.exact(values[code] ?? 0))]));
  }
}

function drawReadouts() {
  for (const chart of document.querySelectorAll(".chart")) {
    const code = chart.dataset.measure;
    const point = seriesData.find((one) => one.period === pickedPeriod);
    const most = Math.max(...seriesData.map((one) => one.values[code] ?? 0));
    const text = point ? `${periodName(point.period)}: ${write.exact(point.values[code] ?? 0)}` : fill(t.peak, { value: write.exact(most) });
    chart.querySelector(".readout").textContent = text;
  }
}

// ------------------------------------------------------------------ all of it

function draw() {
  redraw = 0;
  drawLead();
  drawStill();
  drawMap();
  drawTargets();
  drawMoney();
  drawTotals();
  drawLatestSoon();
  const source = picture?.recorded_at ? fill(t.source, { time: write.when(picture.recorded_at) }) : "";
  for (const line of document.querySelectorAll(".source")) line.textContent = source;
  glow = false;
}

function drawSoon(withGlow = false) {
  glow ||= withGlow;
  redraw ||= requestAnimationFrame(draw);
}

function show(next) {
  const fresh = picture !== null && heardAt > 0;
  picture = next;
  document.body.dataset.state = "ready";
  noteLatest(picture.latest, fresh);
  drawSoon(fresh);
  askSeries();
}

function status(kind, text) {
  const line = byId("status");
  if (line.dataset.kind === kind && kind !== "live") return;
  line.dataset.kind = kind;
  if (line.textContent !== text) line.textContent = text;
}

function pick(code) {
  lane = code === lane ? null : code;
  remember();
  drawSoon();
  drawLatest();
  askSeries();
  if (lane) fetchLatest(lane).catch(() => {});
}

function remember() {
  const hash = [lane ?? "", measure].join("/");
  history.replaceState(null, "", hash === "/funded" ? location.pathname + location.search : `#${hash}`);
  byId("language").hash = location.hash;
}

function recall() {
  const [code, name] = decodeURIComponent(location.hash.slice(1)).split("/");
  lane = lanes[code] && code !== "00" ? code : null;
  measure = ON_MAP.includes(name) ? name : "funded";
  byId("measure").value = measure;
  byId("language").hash = location.hash;
  if (lane) fetchLatest(lane).catch(() => {});
}

// ------------------------------------------------------------------ keys and listeners

function move(from, key) {
  const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
  const here = lanes[from];
  const ahead = given.tiles.map((tile) => ({ tile, far: (tile.column - here.column) * dx + (tile.row - here.row) * dy, aside: Math.abs((tile.column - here.column) * dy) + Math.abs((tile.row - here.row) * dx) }))
    .filter(({ far }) => far > 0).sort((a, b) => a.far + 2 * a.aside - b.far - 2 * b.aside);
  return ahead[0]?.tile.code ?? from;
}

function focusTile(code) {
  for (const tile of document.querySelectorAll(".tile")) tile.tabIndex = tile.dataset.lane === code ? 0 : -1;
  document.querySelector(`.tile[data-lane="${code}"]`).focus();
}

function listen() {
  const tiles = document.querySelector(".tiles");
  tiles.addEventListener("click", (event) => {
    const tile = event.target.closest(".tile");
    if (tile) pick(tile.dataset.lane);
  });
  tiles.addEventListener("keydown", (event) => {
    if (!event.key.startsWith("Arrow") || !event.target.dataset.lane) return;
    event.preventDefault();
    focusTile(move(event.target.dataset.lane, event.key));
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && lane) pick(lane); });
  byId("back").addEventListener("click", () => pick(lane));
  byId("measure").addEventListener("change", (event) => { measure = event.target.value; remember(); drawSoon(); });
  for (const choice of document.querySelectorAll("[data-by]")) {
    choice.addEventListener("click", () => {
      by = choice.dataset.by;
      for (const other of document.querySelectorAll("[data-by]")) other.setAttribute("aria-pressed", String(other === choice));
      askSeries();
    });
  }
  for (const details of document.querySelectorAll("details")) details.addEventListener("toggle", () => { drawSoon(); drawSeries(); });
  window.addEventListener("hashchange", () => { recall(); drawSoon(); askSeries(); });
  document.addEventListener("visibilitychange", askSeries);
  let width = innerWidth;
  new ResizeObserver(() => { if (innerWidth !== width) { width = innerWidth; drawSoon(); drawSeries(); } }).observe(document.body);
  window.addEventListener("beforeprint", () => { draw(); drawSeries(); });
}

function follow() {
  const stream = new EventSource("/live");
  const alive = () => { heardAt = Date.now(); status("live", `${t.live} ${write.time(heardAt)}`); };
  const since = () => ({ time: write.when(picture?.at) });
  stream.addEventListener("nation", (event) => { show(JSON.parse(event.data)); alive(); });
  stream.addEventListener("alive", alive);
  stream.addEventListener("trouble", () => { heardAt = Date.now(); status("trouble", fill(t.trouble, since())); });
  stream.addEventListener("error", () => { if (heardAt || picture) status("lost", fill(t.lost, since())); });
  setInterval(() => { if (heardAt && Date.now() - heardAt > SILENT_MS) status("lost", fill(t.lost, since())); }, 1_000);
  setTimeout(() => { if (!picture) { document.body.dataset.state = "failed"; sentence(byId("sentence"), t.failed, {}); } }, FAILED_AFTER_MS);
}

byId("measure").append(...ON_MAP.map((code) => new Option(titled(code), code)));
makeTotals();
listen();
recall();
if (picture) {
  noteLatest(picture.latest, false);
  draw();
  askSeries();
}
follow();

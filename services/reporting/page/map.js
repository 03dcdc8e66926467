// The map of tiles: any measure by province, as it is or made comparable, picked by pointer or arrow keys, with its table and scale.

import { sparkline } from "./charts.js";
import { drawSoon, onDraw, turn } from "./drawing.js";
import { byId, element, fillTable, isOpen, set } from "./elements.js";
import { remember } from "./address.js";
import { reached, trends } from "./trends.js";
import { fill, laneName, lanes, measures, named, of, ON_MAP, t, tiles, titled, unitOf, view, write } from "./view.js";
import { exact, inItsWay, isSensible, isWhole, short, shown, titledInItsWay, way } from "./ways.js";

const STEPS = 5;
const NICE = [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10];
const GROUPS = { persons: "group_persons", enrollments: "group_study", trainings: "group_skills", certificates: "group_skills", titles: "group_skills", promotions: "group_skills",
  pairs: "group_skills", awards: "group_awards", scholarships: "group_awards", projects: "group_projects", institutions: "group_projects", alliances: "group_projects",
  fen: "group_money", records: "group_records" };

export function pick(code) {
  view.lane = code === view.lane ? null : code;
  remember();
  turn();
}

function niceSteps(most) {
  if (most <= 0) return [];
  if (isWhole() && most <= STEPS) return [1, 2, 3, 4, 5].slice(0, most);
  const raw = most / STEPS, power = 10 ** Math.floor(Math.log10(raw));
  const step = NICE.map((one) => one * power).find((one) => one >= raw);
  return [1, 2, 3, 4, 5].map((one) => (isWhole() ? Math.ceil(step * one) : step * one));
}

function drawMap() {
  if (!view.picture) return;
  const { measure, lane } = view;
  const values = Object.fromEntries(view.picture.lanes.map((one) => [one.code, shown(one.code)]));
  const steps = niceSteps(Math.max(0, ...tiles.map((tile) => values[tile.code])));
  for (const tile of document.querySelectorAll(".tile")) drawTile(tile, values[tile.dataset.lane], steps);
  drawScale(steps);
  drawWays();
  set(byId("map-title"), lane ? fill(t.picked, { lane: laneName(lane) }) : t.map);
  set(byId("map-measure"), titledInItsWay());
  byId("back").hidden = !lane;
  byId("map-define").dataset.define = measure;
  byId("measure").value = measure;
  if (isOpen(byId("map-table"))) drawTable(values);
}

function drawWays() {
  for (const choice of document.querySelectorAll("[data-way]")) {
    choice.setAttribute("aria-pressed", String(choice.dataset.way === way()));
    choice.disabled = !isSensible(choice.dataset.way, view.measure);
  }
  byId("way-note").textContent = { count: "", registered: t.way_registered_note, share: t.way_share_note }[way()];
}

function drawTile(tile, value, steps) {
  const place = value > 0 ? steps.findIndex((limit) => value <= limit) + 1 || steps.length : 0;
  tile.dataset.step = steps.length < STEPS && place ? Math.min(STEPS, place + STEPS - steps.length) : place;
  const says = inWords(tile.dataset.lane, value);
  tile.title = says;
  tile.setAttribute("aria-label", says);
  tile.setAttribute("aria-pressed", String(tile.dataset.lane === view.lane));
  set(tile.querySelector(".value"), short(value));
}

// What a tile says to who hears it or rests on it: in a rate also the number itself.
function inWords(lane, value) {
  const unit = unitOf(view.measure), number = of(view.measure, view.picture.lanes.find((one) => one.code === lane).measures);
  const whole = `${named(measures[view.measure])} ${write.exact(number, unit)} ${t[`unit_${unit}`]}`;
  if (isWhole()) return `${laneName(lane)}: ${whole}`;
  return `${laneName(lane)}: ${value === null ? t.way_few : `${titledInItsWay()} ${exact(value)}`}; ${whole}`;
}

function drawScale(steps) {
  const limits = steps.map((limit, place) => [place + 1 + STEPS - steps.length, `≤ ${short(limit).replace(/\.0+(?!\d)/, "")}`]);
  const key = JSON.stringify(limits), scale = byId("scale");
  if (scale.dataset.key === key) return;
  scale.dataset.key = key;
  scale.replaceChildren(...[[0, t.scale_none], ...limits].map(([step, text]) => {
    const made = element("span", "", text);
    made.dataset.step = step;
    return made;
  }));
}

function drawTable(values) {
  byId("map-table-measure").textContent = titledInItsWay();
  const rows = tiles.map((tile) => [named(tile), tile.code, values[tile.code]]).sort((a, b) => b[2] - a[2]);
  if (values["00"]) rows.push([t.nation_itself, "00", values["00"]]);
  rows.push([t.whole_nation, "nation", shown("nation")]);
  const trend = trends();
  fillTable(byId("map-table").tBodies[0], rows.map(([name, scope, value]) => [name, spark(trend, scope), exact(value)]));
}

function spark(trend, scope) {
  const points = trend && inItsWay(scope) ? reached(trend, scope) : []; // each on a scale of its own
  return points.some(Boolean) ? sparkline(points) : "";
}

function ahead(from, key) {
  const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
  const here = lanes[from];
  const found = tiles.map((tile) => ({ tile, far: (tile.column - here.column) * dx + (tile.row - here.row) * dy, aside: Math.abs((tile.column - here.column) * dy) + Math.abs((tile.row - here.row) * dx) }))
    .filter(({ far }) => far > 0).sort((a, b) => a.far + 2 * a.aside - b.far - 2 * b.aside);
  return found[0]?.tile.code ?? from;
}

function focusTile(code) {
  for (const tile of document.querySelectorAll(".tile")) tile.tabIndex = tile.dataset.lane === code ? 0 : -1;
  document.querySelector(`.tile[data-lane="${code}"]`).focus();
}

// Every measure, among those of its kind.
function grouped(codes) {
  return [...new Set(Object.values(GROUPS))].map((group) => {
    const box = element("optgroup");
    box.label = t[group];
    box.append(...codes.filter((code) => GROUPS[unitOf(code)] === group).map((code) => new Option(titled(code), code)));
    return box;
  });
}

export function listenToMap() {
  byId("measure").append(...grouped(ON_MAP));
  const box = document.querySelector(".tiles");
  box.addEventListener("click", (event) => {
    const tile = event.target.closest(".tile");
    if (tile) pick(tile.dataset.lane);
  });
  box.addEventListener("keydown", (event) => {
    if (!/^Arrow(Left|Right|Up|Down)$/.test(event.key) || !event.target.dataset.lane) return;
    event.preventDefault();
    focusTile(ahead(event.target.dataset.lane, event.key));
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && view.lane && !document.querySelector("dialog[open]")) pick(view.lane); });
  byId("back").addEventListener("click", () => pick(view.lane));
  byId("measure").addEventListener("change", (event) => { view.measure = event.target.value; remember(); turn(); });
  for (const choice of document.querySelectorAll("[data-way]")) choice.addEventListener("click", () => { view.way = choice.dataset.way; remember(); drawSoon(); });
  byId("map-table").closest("details").addEventListener("toggle", () => drawSoon());
}

onDraw(drawMap);

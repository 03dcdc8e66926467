// How good each province's records are: a scorecard table that sorts, with reasons on demand; and whether numbers agree with their publishers.

import { remember } from "./address.js";
import { ask, asked, timeAsked, timeKey } from "./asking.js";
import { drawSoon, onDraw, onTurn, turn } from "./drawing.js";
import { byId, element } from "./elements.js";
import { fill, lang, laneName, t, view, write } from "./view.js";

const EVERY_MS = 15_000, AGAIN_MS = 15_000;
const GRADES = ["poor", "watch", "good", "unknown"]; // as they are sorted: what needs an act first
const MARKS = { poor: "▲", watch: "△", good: "", unknown: "" };
const PARTS = ["completeness", "timeliness", "duplicates", "conflicts", "rejections", "corrections", "silence"];
let found = null, reconciled = null, opened = new Set();

const askQuality = asked({
  everyMs: EVERY_MS, againMs: AGAIN_MS, key: timeKey,
  fetcher: () => Promise.all([ask("/v1/quality", timeAsked()), ask("/v1/reconciliation")]),
  taken: (answers) => { [found, reconciled] = answers; drawSoon(); },
});

const partOf = (card, code) => card.parts.find((part) => part.code === code);
const rateOf = (part) => (part.code === "silence" ? part.count : part.per_thousand);
const judged = (card) => card.parts.some((part) => part.grade !== "unknown" || part.count !== null);

function sorted(cards) {
  const [down, code] = view.sort.startsWith("-") ? [-1, view.sort.slice(1)] : [1, view.sort];
  const key = {
    lane: (card) => card.lane,
    grade: (card) => GRADES.indexOf(card.grade) * 100 - card.parts.filter((part) => part.grade === card.grade).length,
  }[code] ?? ((card) => -(rateOf(partOf(card, code)) ?? -1));
  return [...cards].sort((a, b) => down * (key(a) > key(b) ? 1 : key(a) < key(b) ? -1 : 0) || (a.lane > b.lane ? 1 : -1));
}

function drawQuality() {
  byId("quality").hidden = !found;
  if (!found) return;
  drawReconciled();
  const cards = found.lanes.filter(judged);
  const count = (grade) => cards.filter((card) => card.grade === grade).length;
  byId("quality-says").textContent = cards.length
    ? fill(t.quality_says, { all: cards.length, poor: count("poor"), watch: count("watch"), since: found.since, until: found.until }) : t.quality_empty;
  drawHead();
  const body = byId("quality-table").tBodies[0], focused = body.contains(document.activeElement) ? document.activeElement.dataset.card : null;
  body.replaceChildren(...[found.nation, ...sorted(cards)].filter(judged).flatMap(rowsOfCard));
  if (focused) body.querySelector(`[data-card="${focused}"]`)?.focus();
}

function drawHead() {
  for (const head of byId("quality-table").tHead.querySelectorAll("[data-sort]")) {
    const code = head.dataset.sort, is = view.sort.replace("-", "") === code;
    head.closest("th").setAttribute("aria-sort", !is ? "none" : view.sort.startsWith("-") ? "ascending" : "descending");
  }
}

function rowsOfCard(card) {
  const row = element("tr", card.lane === view.lane ? "picked" : ""), head = element("th"), opener = element("button", "opener"), isOpen = opened.has(card.lane);
  head.scope = "row";
  opener.type = "button";
  opener.dataset.card = card.lane;
  opener.setAttribute("aria-expanded", String(isOpen));
  opener.textContent = card.lane === "nation" ? t.whole_nation : laneName(card.lane);
  opener.addEventListener("click", () => { if (!opened.delete(card.lane)) opened.add(card.lane); drawQuality(); });
  head.append(opener);
  row.append(head, graded(card.grade, t[`grade_${card.grade}`]), ...PARTS.map((code) => cellOf(partOf(card, code))));
  return isOpen ? [row, reasonsOf(card)] : [row];
}

function cellOf(part) {
  const rate = rateOf(part);
  const cell = graded(part.grade, rate === null ? "–" : part.code === "silence" ? write.exact(rate) : write.rate(rate));
  cell.classList.add("num");
  cell.title = lang === "zh" ? part.reason_zh : part.reason_en;
  return cell;
}

// The mark says it without colour; who hears the page is told the grade's word.
function graded(grade, text) {
  const cell = element("td", `grade ${grade}`);
  if (MARKS[grade]) {
    const mark = element("span", "mark-of", `${MARKS[grade]} `);
    mark.setAttribute("aria-hidden", "true");
    cell.append(mark);
    if (text !== t[`grade_${grade}`]) cell.append(element("span", "hidden", `${t[`grade_${grade}`]}: `));
  }
  cell.append(text);
  return cell;
}

function reasonsOf(card) {
  const row = element("tr", "reasons"), cell = element("td"), list = element("ul");
  cell.colSpan = PARTS.length + 2;
  list.append(...card.parts.map((part) => {
    const line = element("li");
    line.append(element("span", `grade ${part.grade}`, `${MARKS[part.grade]} ${t[`part_${part.code}`]}`), element("span", "", lang === "zh" ? part.reason_zh : part.reason_en));
    return line;
  }));
  cell.append(list);
  row.append(cell);
  return row;
}

function drawReconciled() {
  const { state, checks, differences, lanes_recounted: lanes } = reconciled;
  const newest = checks.map((check) => check.seen_at).filter(Boolean).sort().at(-1);
  const kinds = reconciled.kinds.filter(({ kind }) => checks.some((check) => check.kind === kind)).map((one) => t[`compared_${one.kind}`] ?? one[lang]).join(lang === "zh" ? "、" : ", ");
  const wrong = [...new Set(checks.filter((check) => check.state === "differs").map((check) => laneName(check.lane)))].join(lang === "zh" ? "、" : ", ");
  const line = byId("reconciled");
  line.textContent = fill(checks.length ? t[`reconciled_${state}`] : t.reconciled_none, { time: write.when(newest), kinds, lanes, differences: write.exact(differences), wrong });
  line.classList.toggle("warning", state === "differs");
}

export function listenToQuality() {
  for (const head of byId("quality-table").tHead.querySelectorAll("[data-sort]")) {
    head.addEventListener("click", () => {
      view.sort = view.sort === head.dataset.sort ? `-${view.sort}` : head.dataset.sort;
      remember();
      turn();
    });
  }
}

onDraw(drawQuality);
onTurn(askQuality);

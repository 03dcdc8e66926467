// Targets as bullets: so far, where the last months lead, the target, last year; and the series since 2016 in two parts.

import { bullet, twoParts } from "./charts.js";
import { monthName } from "./calendar.js";
import { drawSoon, onDraw } from "./drawing.js";
import { byId, defined, element, fillTable, isOpen, set } from "./elements.js";
import { fill, given, joined, lang, laneName, measures, named, t, view, write } from "./view.js";

const BEHIND_SHOWN = 3;
const isNational = (one) => !one.filter?.lane && !one.filter?.alliance;
const isOf = (one, lane) => one.filter?.lane === lane || (given.alliances[one.filter?.alliance] ?? []).includes(lane);
const goalOf = ({ comparator, target }) => fill(t[comparator], { value: write.round(target) });

// The newest progress of each target, with where it leads as far as that is known already.
function targets() {
  const shown = view.picture.targets, told = view.prospects?.targets;
  if (!told) return shown.map((progress) => ({ ...progress, name: t[`target_${progress.code}`], short: [], consistent: true }));
  return told.map((one) => {
    const newest = shown.find((progress) => progress.code === one.code);
    return { ...one, ...one.progress, ...newest, name: named(one) };
  });
}

function drawTargets() {
  if (!view.picture) return;
  const { lane } = view, all = targets();
  const national = all.filter(isNational), others = all.filter((one) => !isNational(one) && (!lane || isOf(one, lane)));
  set(byId("targets-title"), lane ? fill(t.targets_lane, { lane: laneName(lane) }) : t.targets);
  drawBullets(byId("bullets"), lane ? national.map((one) => shareOf(one, lane)).filter(Boolean) : national);
  byId("others").hidden = !others.length; // first: what is hidden has no width to be drawn in
  drawBullets(byId("bullets-others"), others);
  byId("others-title").textContent = lane ? fill(t.targets_own, { lane: laneName(lane) }) : t.targets_others;
  byId("target-note").textContent = !lane ? t.target_note : byId("bullets").childElementCount ? t.target_note_share : fill(t.target_no_share, { lane: laneName(lane) });
  byId("behind-pace").textContent = lane ? "" : behindPace(national);
  byId("inconsistent").textContent = all.some((one) => !one.consistent) ? t.target_inconsistent : "";
  if (isOpen(byId("targets-table"))) drawTable(all);
  drawSince();
}

// A province beside its share of a national target; the programme itself shares nothing out.
function shareOf(one, lane) {
  const own = one.short.find((short) => short.lane === lane);
  return own && { ...one, code: `${one.code}/${lane}`, value: own.value, target: own.share, comparator: "stated", band: null, steady: own.steady, last_year: own.last_year, reached: own.value >= own.share, share: own };
}

function drawBullets(box, found) {
  for (const old of box.querySelectorAll("[data-target]")) if (!found.some((one) => one.code === old.dataset.target)) old.remove();
  for (const target of found) {
    const one = box.querySelector(`[data-target="${target.code}"]`) ?? made(box, target);
    const rest = ` / ${goalOf(target)} · ${write.share(target.value, target.target)}`;
    set(one.querySelector(".now"), write.text(target.value), write.exact(target.value));
    one.querySelector(".goal").textContent = rest;
    const words = target.share ? shareWords(target) : paceWords(target), before = lastYearWords(target);
    bullet(one.querySelector(".picture"), { ...target, label: joined([`${target.name}${lang === "zh" ? "：" : ": "}${write.text(target.value)}${rest}${lang === "zh" ? "。" : "."}`, words, before, steadyWords(target)]) });
    one.querySelector(".words").textContent = words;
    one.querySelector(".before").textContent = before && `${lang === "zh" ? "" : " "}${before}`;
  }
}

function made(box, target) {
  const one = element("div", target.within ? "bullet within" : "bullet"), line = element("p"), figure = element("span", "figure num");
  one.dataset.target = target.code;
  figure.append(element("strong", "now"), element("span", "goal"));
  line.append(measures[target.measure] ? defined(target.measure, target.name) : element("span", "", target.name), figure);
  const pace = element("p", "pace quiet");
  pace.append(element("span", "words"), element("span", "before screen"));
  one.append(line, element("div", "picture"), pace);
  box.append(one);
  return one;
}

function paceWords(target) {
  if (target.reached) return t.reached;
  const until = monthName(target.until);
  if (target.needed_per_month === null) return fill(t.target_ended, { until });
  const needs = fill(t.target_needs, { needed: write.text(target.needed_per_month), until });
  if (!target.band) return needs;
  const { months, per_month: per, low, high } = target.band;
  return joined([needs, fill(t.target_leads, { months, per: write.text(Math.round(per)), low: write.text(Math.max(low, 0)), high: write.text(Math.max(high, 0)) })]);
}

// Beside the picture, since a ring and a tick say nothing to who hears the page.
const lastYearWords = ({ last_year: before }) => (before === null || before === undefined ? "" : fill(t.target_last_year, { value: write.text(before) }));
const steadyWords = ({ steady, share }) => (steady === null || steady === undefined || share ? "" : fill(t.target_steady, { steady: write.text(steady) }));

function shareWords({ share }) {
  return fill(share.short > 0 ? t.share_behind : t.share_ahead, { count: write.text(Math.abs(share.short)), steady: write.text(share.steady) });
}

function behindPace(national) {
  const worst = (national.find((one) => one.code === "funded")?.short ?? []).filter((one) => one.short > 0).slice(0, BEHIND_SHOWN);
  if (!worst.length) return "";
  const names = worst.map((one) => fill(t.behind_one, { lane: laneName(one.lane), count: write.text(one.short) }));
  return fill(t.behind_pace, { names: names.join(lang === "zh" ? "、" : ", ") });
}

function drawTable(all) {
  const number = (value) => (value === null || value === undefined ? "–" : write.exact(value));
  fillTable(byId("targets-table").tBodies[0], all.map((one) => [one.name, write.exact(one.value), goalOf(one), number(one.last_year), number(one.steady), number(one.needed_per_month),
    one.band ? `${write.exact(one.band.low)} – ${write.exact(one.band.high)}` : "–", one.projected ? monthName(one.projected) : "–"]));
}

function drawSince() {
  const box = byId("baselines");
  if (!box.childElementCount) box.append(...view.picture.baselines.map(baseline));
  for (const line of box.children) {
    const part = view.prospects?.since_2016.find((one) => one.code === line.dataset.code);
    if (!part) continue;
    const streamed = part.unit === "fen" ? write.money(part.streamed) : write.text(part.streamed);
    set(line.querySelector(".since"), fill(t.since_then, { value: streamed }), write.exact(part.streamed, part.unit));
    twoParts(line.querySelector(".picture"), { first: part.opening, second: part.streamed, label: line.querySelector("p").textContent });
  }
}

function baseline(one) {
  const line = element("li"), words = element("p"), value = one.unit === "fen" ? write.roundMoney(one.value) : write.round(one.value);
  line.dataset.code = one.code;
  words.append(element("span", "", fill(t[`baseline_${one.code}`], { value: fill(t[one.comparator], { value }) })), element("span", "since num"));
  line.append(words, element("div", "picture"));
  return line;
}

export function listenToTargets() {
  byId("targets-table").closest("details").addEventListener("toggle", () => drawSoon());
}

onDraw(drawTargets);

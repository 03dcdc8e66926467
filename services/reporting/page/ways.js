// How the map shows a measure: as it is, for 10,000 registered workers (money: for one), or as a share of the nation's.

import { lang, measures, named, of, t, titled, unitOf, view, write } from "./view.js";

export const WAYS = ["count", "registered", "share"];
const FEW_REGISTERED = 30; // of fewer a rate says nothing
const BY_THE_HEAD = ["persons", "enrollments", "awards", "scholarships", "trainings", "certificates", "titles", "promotions", "fen"];
const PER_WORKERS = 10_000, PERCENT = 100;

export function isSensible(way, code) {
  if (way === "registered") return code !== "registered" && BY_THE_HEAD.includes(unitOf(code));
  return true;
}

// The way that is shown: the one that was chosen, where it makes sense of the measure.
export const way = () => (isSensible(view.way, view.measure) ? view.way : "count");

const recorded = (lane) => view.picture.lanes.find((one) => one.code === lane).measures;
const sumsOf = (scope) => (scope === "nation" ? view.picture.measures : recorded(scope));

// Turns numbers of a scope (a lane, or `nation`) into what is shown; null where that cannot be said.
export function inItsWay(scope) {
  const whole = of(view.measure, view.picture.measures), workers = of("registered", sumsOf(scope));
  if (way() === "share") return whole > 0 ? (value) => (value * PERCENT) / whole : null;
  if (way() !== "registered") return (value) => value;
  if (workers < FEW_REGISTERED) return null;
  return unitOf(view.measure) === "fen" ? (value) => value / workers : (value) => (value * PER_WORKERS) / workers;
}

export function shown(scope) {
  const turned = inItsWay(scope);
  return turned && turned(of(view.measure, sumsOf(scope)));
}

// Only counts are whole numbers.
export const isWhole = () => way() === "count";
export const titledInItsWay = () => {
  if (isWhole()) return titled(view.measure);
  const words = way() === "share" ? t.way_share_unit : unitOf(view.measure) === "fen" ? t.way_yuan_unit : t.way_registered_unit;
  return lang === "zh" ? `${named(measures[view.measure])}（${words}）` : `${named(measures[view.measure])} (${words})`;
};

// As short as a tile wants it, and with every digit that means something.
export const short = (value) => (value === null ? "–" : isWhole() ? write.short(value, unitOf(view.measure)) : brief(inUnit(value)));
export const exact = (value) => (value === null ? "–" : isWhole() ? write.exact(value, unitOf(view.measure)) : write.rate(inUnit(value)));
const brief = (rate) => (Math.abs(rate) < 10_000 ? write.rate(rate) : write.short(rate));
const inUnit = (value) => (way() === "registered" && unitOf(view.measure) === "fen" ? value / PERCENT : value);

// What the page was given and what it shows now: every part reads it here.

import { writer } from "./numbers.js";

export const given = JSON.parse(document.getElementById("given").textContent);
export const t = given.words;
export const lang = given.lang;
export const write = writer(lang);
export const tiles = given.tiles;
export const measures = Object.fromEntries(given.definitions.map((measure) => [measure.code, measure]));
export const lanes = Object.fromEntries([...given.tiles, given.nation].map((tile) => [tile.code, tile]));

export const ON_MAP = given.on_map;
export const FIRST_MEASURE = "funded";

// `past` is null while live, otherwise { asOf: "2026-03" or null, knownOn: "2026-03-31" or null }; `way` is one of WAYS in ways.js,
// `by` one of BY in series.js, `about` the measure whose definition is open, `sort` the scorecards' column, with "-" before it the best first.
export const view = { picture: given.picture, prospects: null, lane: null, measure: FIRST_MEASURE, way: "count", by: "month", past: null, about: null, sort: "grade" };
// The newest that was heard, which a past picture does not replace.
export const live = { picture: given.picture, prospects: null, heardAt: 0 };

export const named = (one) => one[lang];
export const laneName = (code) => (code === "00" ? t.nation_itself : named(lanes[code]));
export const shortName = (code) => (code === "00" ? t.nation_itself : lanes[code][`short_${lang}`]);
export const unitOf = (code) => measures[code].unit;
export const titled = (code) => {
  const [name, unit] = [named(measures[code]), t[`unit_${unitOf(code)}`]];
  return lang === "zh" ? `${name}（${unit}）` : `${name} (${unit})`;
};
export const fill = (sentence, values) => sentence.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
export const joined = (sentences) => sentences.filter(Boolean).join(lang === "zh" ? "" : " ");

const sumsOf = (code) => (code ? view.picture.lanes.find((one) => one.code === code).measures : view.picture.measures);
export const of = (code, from = sumsOf(view.lane)) => from[code] ?? 0;

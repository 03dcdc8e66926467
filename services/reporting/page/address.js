// What is shown stands in the address behind #, under the names that the API has for it: it can be sent on, and back goes back.

import { byId } from "./elements.js";
import { FIRST_MEASURE, lanes, measures, ON_MAP, view } from "./view.js";
import { WAYS } from "./ways.js";

const BY = ["month", "minute"];
const SORT = ["lane", "grade", "completeness", "timeliness", "duplicates", "conflicts", "rejections", "corrections", "silence"];

function inWords() {
  const { lane, measure, way, by, past, about, sort } = view;
  const said = { lane, measure: measure === FIRST_MEASURE ? null : measure, way: way === WAYS[0] ? null : way, by: by === BY[0] ? null : by,
    as_of: past?.asOf, known_on: past?.knownOn, about, sort: sort === SORT[1] ? null : sort };
  return new URLSearchParams(Object.entries(said).filter(([, value]) => value)).toString();
}

// A new step, so that back leads to what was shown before.
export function remember() {
  const words = inWords();
  if (words !== location.hash.slice(1)) history.pushState(null, "", words ? `#${words}` : location.pathname + location.search);
  byId("language").hash = location.hash;
}

export function recall() {
  const said = new URLSearchParams(location.hash.slice(1)), one = (name, of, otherwise) => (of(said.get(name)) ? said.get(name) : otherwise);
  view.lane = one("lane", (code) => Object.hasOwn(lanes, code) && code !== "00", null);
  view.measure = one("measure", (code) => ON_MAP.includes(code), FIRST_MEASURE);
  view.way = one("way", (code) => WAYS.includes(code), WAYS[0]);
  view.by = one("by", (code) => BY.includes(code), BY[0]);
  view.about = one("about", (code) => Object.hasOwn(measures, code), null);
  view.sort = one("sort", (code) => SORT.includes(code?.replace(/^-/, "")), SORT[1]);
  const asOf = one("as_of", (month) => /^20\d\d-(0[1-9]|1[0-2])$/.test(month), null);
  const knownOn = one("known_on", (day) => /^20\d\d-\d\d-\d\d$/.test(day) && !Number.isNaN(Date.parse(day)), null);
  view.past = asOf || knownOn ? { asOf, knownOn } : null;
  byId("language").hash = location.hash;
}

// What is shown stands in the address behind #, so that it can be sent on and survives a change of language.

import { byId } from "./elements.js";
import { FIRST_MEASURE, lanes, ON_MAP, view } from "./view.js";

export function remember() {
  const { lane, measure, past } = view;
  const hash = [lane ?? "", measure, past?.asOf ?? "", past?.knownOn ?? ""].join("/").replace(/\/+$/, "");
  history.replaceState(null, "", hash === `/${FIRST_MEASURE}` ? location.pathname + location.search : `#${hash}`);
  byId("language").hash = location.hash;
}

export function recall() {
  const [lane, measure, asOf, knownOn] = decodeURIComponent(location.hash.slice(1)).split("/");
  view.lane = lanes[lane] && lane !== "00" ? lane : null;
  view.measure = ON_MAP.includes(measure) ? measure : FIRST_MEASURE;
  const month = /^20\d\d-(0[1-9]|1[0-2])$/.test(asOf) ? asOf : null;
  const day = /^20\d\d-\d\d-\d\d$/.test(knownOn) && !Number.isNaN(Date.parse(knownOn)) ? knownOn : null;
  view.past = month || day ? { asOf: month, knownOn: day } : null;
  byId("measure").value = view.measure;
  byId("language").hash = location.hash;
}

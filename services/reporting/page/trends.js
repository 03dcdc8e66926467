// The trend of the map's measure in every province, for sparklines and small multiples.

import { ask, asked, timeAsked, timeKey } from "./asking.js";
import { drawSoon, onTurn } from "./drawing.js";
import { view } from "./view.js";

const EVERY_MS = 10_000, AGAIN_MS = 10_000, MONTHS = 24;
let found = null;

// The newest trend of the measure that is shown; null while it is on its way.
export const trends = () => (found?.measure === view.measure ? found : null);

// What had been reached by the end of each month.
export function reached(trend, scope) {
  let sum = trend.before[scope] ?? 0;
  return (trend.added[scope] ?? []).map((added) => (sum += added));
}

export const askTrends = asked({
  everyMs: EVERY_MS, againMs: AGAIN_MS, key: () => `${view.measure}/${timeKey()}`,
  fetcher: () => ask("/v1/trends", { measure: view.measure, by_lane: true, months: MONTHS, ...timeAsked() }),
  taken: (answer) => { [found] = answer.trends; drawSoon(); },
});

onTurn(askTrends);

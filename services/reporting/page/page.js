// The page: puts its parts together, follows the stream, and draws what comes.

import { recall } from "./address.js";
import { listenToDefinitions, openAsRecalled } from "./behind.js";
import { drawNow, drawSoon, onDraw, turn } from "./drawing.js";
import { byId, sentence } from "./elements.js";
import "./lead.js";
import { noteLatest } from "./latest.js";
import { listenToMap } from "./map.js";
import "./money.js";
import "./multiples.js";
import { listenToQuality } from "./quality.js";
import { listenToPrinter } from "./paper.js";
import { askPast, listenToPast, openInPast } from "./past.js";
import { askSeries, listenToSeries } from "./series.js";
import { follow, sayLive } from "./stream.js";
import { listenToTargets } from "./targets.js";
import { makeTotals } from "./totals.js";
import { askTrends } from "./trends.js";
import { live, t, view } from "./view.js";

const FAILED_AFTER_MS = 8_000;

function told(kind, data) {
  if (kind === "targets") {
    live.prospects = data;
    if (!view.past) view.prospects = data;
    return drawSoon();
  }
  const fresh = live.picture !== null && live.heardAt > 0;
  live.picture = data;
  noteLatest(data.latest, fresh);
  if (view.past) return;
  view.picture = data;
  document.body.dataset.state = "ready";
  drawSoon(fresh);
  askSeries();
  askTrends();
}

function listen() {
  window.addEventListener("hashchange", () => { recall(); askPast(); openAsRecalled(); turn(); });
  document.querySelector(".skip").addEventListener("click", (event) => { event.preventDefault(); byId("map").focus(); }); // the address is for what is shown
  document.addEventListener("visibilitychange", () => turn());
  let width = innerWidth;
  new ResizeObserver(() => { if (innerWidth !== width) { width = innerWidth; drawSoon(); } }).observe(document.body);
}

for (const part of [makeTotals, listenToMap, listenToSeries, listenToTargets, listenToPast, listenToDefinitions, listenToPrinter, listenToQuality, listen]) part();
onDraw(sayLive);
openInPast();
if (live.picture) noteLatest(live.picture.latest, false);
if (view.picture) drawNow();
turn();
if (view.about) openAsRecalled();
follow(told);
setTimeout(() => { if (!view.picture) { document.body.dataset.state = "failed"; sentence(byId("sentence"), t.failed, {}); } }, FAILED_AFTER_MS);

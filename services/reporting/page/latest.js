// What has just happened, in the nation or in the province that is picked; it has no past.

import { ask } from "./asking.js";
import { onDraw, onTurn } from "./drawing.js";
import { byId, element } from "./elements.js";
import { shortName, t, view, write } from "./view.js";

const SHOWN = 10, KEPT = 400, KEPT_AFTER = 200, EVERY_MS = 1_500;
let happened = new Map(), drawnAt = 0, due = null;

const keyOf = (one) => `${one.lane}/${one.type}/${one.seq}`;

export function noteLatest(found, fresh) {
  for (const one of [...found].reverse()) if (!happened.has(keyOf(one))) happened.set(keyOf(one), { ...one, fresh });
  if (happened.size > KEPT) happened = new Map([...happened].slice(-KEPT_AFTER));
}

// A list that changes four times a second cannot be read: it waits a little.
function drawLatestSoon() {
  due ??= setTimeout(() => { due = null; drawLatest(); }, Math.max(0, drawnAt + EVERY_MS - performance.now()));
}

function drawLatest() {
  drawnAt = performance.now();
  const list = byId("latest");
  const shown = [...happened.values()].filter((one) => !view.lane || one.lane === view.lane)
    .sort((a, b) => (a.recorded_at < b.recorded_at ? 1 : -1)).slice(0, SHOWN);
  if (view.past || !shown.length) return list.replaceChildren(element("li", "quiet", view.past ? t.latest_past : t.latest_empty));
  const busy = shown.filter((one) => one.fresh).length > 3;
  list.replaceChildren(...shown.map((one) => {
    const line = element("li", one.fresh && !busy ? "changed" : "");
    one.fresh = false;
    const when = element("time", "", write.time(one.recorded_at));
    when.dateTime = one.recorded_at;
    line.append(when, element("span", "where", shortName(one.lane)), element("span", "what", t.happened[one.type] ?? one.type),
      element("span", "num", one.amount_fen ? write.money(one.amount_fen) : ""));
    return line;
  }));
}

let ofLane = null;
async function fetchLatest() {
  const code = view.lane;
  if (code !== ofLane) drawLatest();
  if (!code || code === ofLane) return void (ofLane = code);
  ofLane = code;
  const found = await ask("/v1/latest", { lane: code }).catch(() => []);
  if (view.lane !== code) return;
  noteLatest(found, false);
  drawLatest();
}

onDraw(drawLatestSoon);
onTurn(fetchLatest);

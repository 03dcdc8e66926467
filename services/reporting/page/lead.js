// The first sentence: the number that matters, how fast it must grow, and which provinces stand still.

import { dayName, monthName } from "./calendar.js";
import { onDraw } from "./drawing.js";
import { byId, element, sentence } from "./elements.js";
import { budgeted, granted } from "./money.js";
import { fill, joined, lang, laneName, live, of, t, view, write } from "./view.js";

const exact = (code) => [write.noun(of(code)), write.exact(of(code)), code];

function drawLead() {
  const { picture, lane } = view;
  if (!picture) return;
  if (!picture.facts) {
    sentence(byId("sentence"), t.empty, {});
    byId("pace").textContent = byId("recorded").textContent = "";
    return;
  }
  if (lane) drawOfLane(lane); else drawOfNation();
  byId("recorded").textContent = view.past
    ? fill(t.recorded_past, { facts: write.noun(picture.facts) })
    : fill(t.recorded, { time: write.when(picture.recorded_at), facts: write.noun(picture.facts) });
}

function drawOfLane(lane) {
  const allocated = budgeted();
  sentence(byId("sentence"), allocated ? t.sentence_lane : t.sentence_lane_unfunded, {
    lane: laneName(lane), funded: exact("funded"), migrant: exact("funded_migrant"),
    allocated: [write.money(allocated), write.exact(allocated, "fen"), "allocated_fen"], share: [write.share(granted(), allocated), undefined, "granted_fen"],
  });
  byId("pace").textContent = "";
}

function drawOfNation() {
  const target = view.picture.targets.find((one) => one.code === "funded");
  sentence(byId("sentence"), t.sentence_nation, {
    funded: exact("funded"), migrant: exact("funded_migrant"), target: write.round(target.target), share: write.share(target.value, target.target),
  });
  const needed = target.needed_per_month;
  const projected = target.projected && fill(t.projected, { month: monthName(target.projected) });
  const pace = needed !== null && fill(t.pace, { needed: write.noun(needed), steady: write.noun(target.steady) });
  byId("pace").textContent = target.reached ? t.reached : joined([projected, pace]);
}

function drawStill() {
  const list = byId("still"), still = live.picture?.still ?? [];
  list.hidden = !still.length || view.past !== null;
  const oldest = still.map((one) => one.since).filter(Boolean).sort()[0];
  const lines = still.length > 3
    ? [fill(t.still_many, { count: still.length, time: write.when(oldest) })]
    : still.map((one) => fill(t[`still_${one.why}`], { lane: laneName(one.lane), time: write.when(one.since) }));
  if (list.textContent !== lines.join("")) list.replaceChildren(...lines.map((line) => element("li", "", line)));
}

function drawSources() {
  const time = view.picture?.recorded_at && write.when(view.picture.recorded_at);
  const day = view.past?.knownOn && dayName(view.past.knownOn);
  const source = time ? fill(day ? t.source_known : t.source, { time: day ?? time }) : "";
  const month = view.past?.asOf && fill(t.source_as_of, { month: monthName(view.past.asOf) });
  const text = [source, month].filter(Boolean).join(lang === "zh" ? "；" : "; ");
  for (const line of document.querySelectorAll(".source")) line.textContent = text;
}

// What follows the province that is picked says so.
function drawWhose() {
  const text = view.lane ? ` · ${laneName(view.lane)}` : "";
  for (const box of document.querySelectorAll(".of-lane")) if (box.textContent !== text) box.textContent = text;
}

for (const part of [drawLead, drawStill, drawSources, drawWhose]) onDraw(part);

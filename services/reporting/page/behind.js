// Behind a number: what it means, and for officials the events that add up to it. The token stays in this page's memory.

import { remember } from "./address.js";
import { ask, Refused, timeAsked } from "./asking.js";
import { dayName, monthName } from "./calendar.js";
import { byId, element, rowsOf } from "./elements.js";
import { fill, given, lang, laneName, measures, named, of, t, tiles, titled, unitOf, view, write } from "./view.js";

const MONTHS = 240, PAGE = 100;
// Persons and sums of several steps have no events of their own: these lead to them.
const MADE_OF = { funded: ["awards_granted", "scholarships"], funded_migrant: ["awards_granted", "scholarships"], learners: ["enrolled"], returning: ["enrolled"], educated: ["education_upgrades"],
  skilled: ["skill_upgrades"], skilled_others: ["skill_upgrades"], projects_since_2025: ["projects"], awards_waiting: ["awards_waitlisted"] };
let token = "", measure = null, next = null, counted = 0, added = 0, months = {};

function open(code) {
  measure = code;
  view.about = code;
  remember();
  const colon = lang === "zh" ? "：" : ": ";
  byId("behind-title").textContent = titled(code);
  byId("behind-value").textContent = view.picture ? `${view.lane ? laneName(view.lane) : t.whole_nation}${colon}${write.exact(of(code), unitOf(code))}` : "";
  byId("behind-definition").textContent = measures[code][`definition_${lang}`];
  const pairs = Object.entries({ measure: code, ...timeAsked() }).filter(([, value]) => value);
  byId("behind-api").href = `/v1/totals?${new URLSearchParams(pairs)}`;
  drawMadeOf(code);
  forgetEvents();
  const drills = given.behind.includes(code);
  byId("drill").hidden = !drills;
  byId("behind-no-events").hidden = drills || code in MADE_OF;
  if (drills) askMonths();
  const dialog = byId("behind");
  if (!dialog.open) dialog.showModal();
}

function drawMadeOf(code) {
  const parts = MADE_OF[code] ?? [];
  byId("made-of").hidden = !parts.length;
  byId("made-of").replaceChildren(element("span", "", t.made_of), ...parts.map((part) => {
    const made = element("button", "defined", named(measures[part]));
    made.type = "button";
    made.dataset.define = part;
    return made;
  }));
}

function forgetEvents() {
  [next, counted, added] = [null, 0, 0];
  byId("events").hidden = true;
  byId("events").tBodies[0].replaceChildren();
  byId("events-more").hidden = true;
  byId("events-say").textContent = "";
}

// Which months hold anything, so that nobody has to guess.
async function askMonths() {
  const code = measure, lane = byId("drill-lane");
  if (view.lane) lane.value = view.lane;
  else if (view.picture && !of(code, ofLane(lane.value))) lane.value = [...view.picture.lanes].sort((a, b) => of(code, b.measures) - of(code, a.measures))[0].code;
  await askMonthsOfLane();
}

const ofLane = (lane) => view.picture.lanes.find((one) => one.code === lane).measures;

async function askMonthsOfLane() {
  const code = measure, lane = byId("drill-lane").value, select = byId("drill-month");
  const found = await ask("/v1/trends", { measure: code, lane, months: MONTHS, ...timeAsked() }).catch(() => null);
  if (code !== measure || lane !== byId("drill-lane").value) return;
  const trend = found?.trends[0];
  months = Object.fromEntries((trend?.months ?? []).map((month, place) => [month, trend.added[lane]?.[place] ?? 0]).filter(([, value]) => value));
  const options = Object.entries(months).reverse().map(([month, value]) => new Option(`${monthName(month)} · ${write.exact(value, unitOf(code))}`, month));
  select.replaceChildren(...(options.length ? options : [new Option(t.drill_no_month, "")]));
  byId("drill-ask").disabled = !options.length;
}

async function askEvents(after) {
  const say = byId("events-say");
  token = byId("token").value.trim() || token;
  byId("token").value = "";
  drawToken();
  if (!token) return void (say.textContent = t.token_missing);
  say.textContent = t.events_loading;
  const month = byId("drill-month").value;
  const query = { measure, lane: byId("drill-lane").value, month, known_on: view.past?.knownOn, after, limit: PAGE };
  try {
    const found = await ask("/v1/events", query, { Authorization: `Bearer ${token}` });
    drawEvents(found.events, month);
    next = found.next;
    byId("events-more").hidden = !next;
  } catch (error) {
    if (!(error instanceof Refused)) return void (say.textContent = t.behind_failed);
    say.textContent = error.message;
  }
}

function drawEvents(found, month) {
  const isMoney = unitOf(measure) === "fen";
  counted += found.length;
  added += found.reduce((sum, one) => sum + one.counts * (isMoney ? one.amount_fen ?? 0 : 1), 0);
  byId("events").hidden = !counted;
  byId("events").tBodies[0].append(...rowsOf(found.map((one) => [dayName(one.effective_day), t.happened[one.type] ?? one.type, one.counts > 0 ? "+1" : "−1",
    one.amount_fen === null ? "" : write.exact(one.amount_fen, "fen"), one.reported_by ? laneName(one.reported_by) : "", write.when(one.recorded_at), one.event_id])));
  const values = { count: write.exact(counted), sum: write.exact(added, unitOf(measure)), whole: write.exact(months[month] ?? 0, unitOf(measure)) };
  byId("events-say").textContent = fill(t.events_say, values);
}

function drawToken() {
  byId("token-row").hidden = Boolean(token);
  byId("token-kept").hidden = !token;
}

// What the address says is open, is open.
export function openAsRecalled() {
  if (view.about) open(view.about);
  else byId("behind").close();
}

export function listenToDefinitions() {
  byId("drill-lane").append(...["00", ...tiles.map((tile) => tile.code)].map((code) => new Option(laneName(code), code)));
  document.addEventListener("click", (event) => {
    const code = event.target.closest("[data-define]")?.dataset.define;
    if (code && Object.hasOwn(measures, code)) open(code);
    if (event.target === byId("behind")) byId("behind").close(); // beside the dialog
  });
  byId("behind").addEventListener("close", () => { if (view.about) { view.about = null; remember(); } });
  byId("behind-close").addEventListener("click", () => byId("behind").close());
  byId("drill-lane").addEventListener("change", () => { forgetEvents(); askMonthsOfLane(); });
  byId("drill-month").addEventListener("change", forgetEvents);
  byId("drill").addEventListener("submit", (event) => { event.preventDefault(); forgetEvents(); askEvents(); });
  byId("events-more").addEventListener("click", () => askEvents(next));
  byId("token-forget").addEventListener("click", () => { token = ""; forgetEvents(); drawToken(); byId("token").focus(); });
}

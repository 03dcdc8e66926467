// Looking back: as known at the end of a day, as of the end of a month; the page then says so and is not live.

import { recall, remember } from "./address.js";
import { ask, asked, timeAsked, timeKey } from "./asking.js";
import { addDays, dayName, dayOf, daysBetween, lastDayOf, monthName, monthsUpTo } from "./calendar.js";
import { drawSoon, onDraw, turn } from "./drawing.js";
import { byId } from "./elements.js";
import { fill, live, t, view } from "./view.js";

const AGAIN_MS = 5_000, SETTLES_MS = 250, MONTHS_BACK = 36;
let settles = null;

const fetchPast = asked({
  everyMs: 0, againMs: AGAIN_MS, key: timeKey,
  fetcher: () => Promise.all([ask("/v1/nation", timeAsked()), ask("/v1/targets", { as_of: view.past.asOf && lastDayOf(view.past.asOf), known_on: view.past.knownOn })]),
  taken: ([picture, prospects]) => {
    if (!view.past) return;
    [view.picture, view.prospects] = [picture, prospects];
    document.body.dataset.state = "ready";
    say();
    drawSoon();
  },
  failed: () => { if (view.past) byId("past-says").textContent = t.past_failed; },
});

// Fetches the picture of the time that is asked for, or goes back to the live one.
export function askPast() {
  byId("past").hidden = !view.past;
  document.body.toggleAttribute("data-past", view.past !== null);
  if (view.past) {
    byId("past-says").textContent = t.past_loading;
    fetchPast();
    if (isShown()) say();
  } else {
    [view.picture, view.prospects] = [live.picture, live.prospects];
  }
}

const isShown = () => view.past && view.picture && (view.picture.as_of ?? null) === view.past.asOf && (view.picture.known_on ?? null) === view.past.knownOn;

function say() {
  const { asOf, knownOn } = view.past;
  const values = { known: knownOn && dayName(knownOn), month: asOf && monthName(asOf) };
  byId("past-says").textContent = fill(asOf && knownOn ? t.past_both : asOf ? t.past_as_of : t.past_known, values);
}

function lookBack(asOf, knownOn) {
  view.past = asOf || knownOn ? { asOf, knownOn } : null;
  remember();
  askPast();
  turn();
}

const today = () => dayOf(live.picture.at);

function drawControls() {
  if (!live.picture?.began) return;
  const range = byId("known-on"), days = Math.max(0, daysBetween(live.picture.began, today()));
  if (range.max !== String(days)) range.max = days;
  range.disabled = days === 0;
  if (document.activeElement !== range || !settles) range.value = view.past?.knownOn ? daysBetween(live.picture.began, view.past.knownOn) : days;
  sayDay();
  drawMonths();
}

function sayDay() {
  const range = byId("known-on"), now = range.value === range.max;
  const text = range.disabled ? t.known_only_today : now ? t.known_now : dayName(addDays(live.picture.began, Number(range.value)));
  byId("known-day").textContent = text;
  range.setAttribute("aria-valuetext", text);
}

function drawMonths() {
  const select = byId("as-of"), wanted = view.past?.asOf ?? "";
  const months = monthsUpTo(today().slice(0, 7), MONTHS_BACK);
  if (wanted && !months.includes(wanted)) months.push(wanted);
  if (select.options.length !== months.length + 1) select.replaceChildren(new Option(t.as_of_all, ""), ...months.map((month) => new Option(monthName(month), month)));
  select.value = wanted;
}

function slide() {
  sayDay();
  clearTimeout(settles);
  settles = setTimeout(() => {
    settles = null;
    const range = byId("known-on");
    lookBack(view.past?.asOf ?? null, range.value === range.max ? null : addDays(live.picture.began, Number(range.value)));
  }, SETTLES_MS);
}

export function listenToPast() {
  byId("known-on").addEventListener("input", slide);
  byId("as-of").addEventListener("change", (event) => lookBack(event.target.value || null, view.past?.knownOn ?? null));
  byId("to-now").addEventListener("click", () => { lookBack(null, null); byId("known-on").focus({ preventScroll: true }); });
}

export function openInPast() {
  recall();
  if (!view.past) return;
  view.picture = null; // never the live numbers under the name of past ones
  askPast();
}

onDraw(drawControls);

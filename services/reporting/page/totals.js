// All totals in groups, with shares; each opens its definition, and says it in brief when pointed at.

import { onDraw } from "./drawing.js";
import { byId, defined, element, set } from "./elements.js";
import { fill, lang, measures, named, of, t, unitOf, view, write } from "./view.js";

const IN_TOTALS = {
  group_study: ["learners", "returning", "registered", "enrolled", "confirmed", "completed", "education_upgrades", "withdrawn"],
  group_skills: ["trained", "certified", "skill_upgrades", "titled", "promoted", "in_reserve", "tutor_pairs"],
  group_awards: ["awards_reserved", "awards_granted", "awards_waiting", "awards_released", "awards_refused", "scholarships"],
  group_projects: ["projects", "institutions", "alliances"],
  group_records: ["accepted", "duplicate", "conflict", "rejected", "parked", "voided"],
};
const SHARE_OF = { confirmed: "enrolled", completed: "enrolled", education_upgrades: "completed", withdrawn: "enrolled", skill_upgrades: "certified",
  awards_granted: "awards_reserved", duplicate: "accepted", conflict: "accepted", rejected: "accepted" };

export function makeTotals() {
  for (const [group, codes] of Object.entries(IN_TOTALS)) {
    const table = element("table"), body = element("tbody");
    table.append(element("caption", "", t[group]), body);
    body.append(...codes.map(totalRow));
    byId("totals").append(table);
  }
}

function totalRow(code) {
  const row = element("tr"), name = element("th");
  row.dataset.measure = code;
  name.scope = "row";
  const word = defined(code, named(measures[code]));
  name.append(word);
  row.append(name, element("td", "share"), element("td", "total num"));
  const define = () => { byId("definition").textContent = `${named(measures[code])}${lang === "zh" ? "：" : ": "}${measures[code][`definition_${lang}`]}`; };
  word.addEventListener("focus", define);
  row.addEventListener("pointerenter", define);
  row.querySelector(".total").dataset.define = code;
  return row;
}

function drawTotals() {
  if (!view.picture) return;
  for (const row of byId("totals").querySelectorAll("tr[data-measure]")) {
    const code = row.dataset.measure, value = of(code), all = SHARE_OF[code];
    set(row.querySelector(".total"), write.text(value), write.exact(value, unitOf(code)));
    row.querySelector(".share").textContent = all && of(all) ? fill(t.share_of, { share: write.share(value, of(all)), whole: named(measures[all]).toLowerCase() }) : "";
  }
}

onDraw(drawTotals);

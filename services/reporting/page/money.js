// The way of the money from planned to paid, with what is lost between; each stage opens its definition.

import { flow } from "./charts.js";
import { onDraw } from "./drawing.js";
import { byId, defined, element, fillTable } from "./elements.js";
import { fill, joined, of, t, view, write } from "./view.js";

// Net of what withdrawals have set free; scholarships are money granted.
export const budgeted = () => of("allocated_fen") + of("adjusted_fen");
export const granted = () => of("granted_fen") - of("released_granted_fen") + of("scholarship_fen");
const committed = () => of("reserved_fen") - of("released_reserved_fen") - of("released_granted_fen") + of("scholarship_fen");

function drawMoney() {
  if (!view.picture) return;
  const found = stages(), box = byId("flow");
  if (!found) {
    box.replaceChildren(element("p", "quiet", t.money_empty));
    byId("money-note").textContent = "";
    byId("money-table").tBodies[0].replaceChildren();
    return;
  }
  fillTable(byId("money-table").tBodies[0], found.map((one) => [one.name, write.exact(one.value, "fen")]));
  const focused = box.contains(document.activeElement) ? document.activeElement.dataset.define : null;
  flow(box, found, found.map((one) => `${one.name} ${one.text}`).join(", "), (one) => defined(one.code, one.name, "stage"));
  if (focused) box.querySelector(`[data-define="${focused}"]`).focus();
  const note = fill(t.money_note, { released: write.money(of("released_reserved_fen") + of("released_granted_fen")) });
  const owed = of("receivable_fen") && fill(t.money_owed, { owed: write.money(of("receivable_fen")) });
  byId("money-note").textContent = joined([note, owed]);
}

function stages() {
  const [planned, allocated, reserved, given, paid] = [of("planned_fen"), budgeted(), committed(), granted(), of("disbursed_fen")];
  if (!planned && !allocated) return null;
  const stage = (code, name, value, loss) => ({ code, name: t[name], value, text: write.money(value), loss });
  const lost = (words, value) => fill(t[words], { value: write.money(value) });
  return [
    stage("planned_fen", "flow_planned", planned, lost(allocated > planned ? "loss_planned_over" : "loss_planned", Math.abs(planned - allocated))),
    stage("allocated_fen", "flow_allocated", allocated, lost("loss_allocated", allocated - reserved)),
    stage("reserved_fen", "flow_reserved", reserved, lost("loss_reserved", reserved - given)),
    stage("granted_fen", "flow_granted", given, lost("loss_granted", given - paid)),
    stage("disbursed_fen", "flow_disbursed", paid, ""),
  ];
}

onDraw(drawMoney);

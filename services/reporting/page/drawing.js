// When parts are drawn: all in one frame after a change, and told first when another question is asked.

import { withGlow } from "./elements.js";

const parts = [], askers = [];
let due = 0, glow = false;

// `part` draws itself from the view.
export const onDraw = (part) => parts.push(part);
// `asker` fetches what the view now needs: another province, measure or time.
export const onTurn = (asker) => askers.push(asker);

export function drawNow() {
  due = 0;
  const all = () => { for (const part of parts) part(); };
  if (glow) withGlow(all); else all();
  glow = false;
}

export function drawSoon(fresh = false) {
  glow ||= fresh;
  due ||= requestAnimationFrame(drawNow);
}

export function turn() {
  for (const asker of askers) asker();
  drawSoon();
}

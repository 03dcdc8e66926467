// The stream of pictures: takes each as it comes, and says plainly when the connection or the database is lost.

import { byId } from "./elements.js";
import { fill, live, t, view, write } from "./view.js";

const SILENT_MS = 25_000;

function status(kind, text) {
  const line = byId("status");
  if (line.dataset.kind === kind && kind !== "live") return;
  line.dataset.kind = kind;
  if (line.textContent !== text) line.textContent = text;
}

const since = () => ({ time: write.when(live.picture?.at) });

export function sayLive() {
  if (view.past) status("past", t.past_status);
  else if (live.heardAt) status("live", `${t.live} ${write.time(live.heardAt)}`);
}

// `told(kind, data)` takes a whole picture (`nation`) or all targets (`targets`).
export function follow(told) {
  const stream = new EventSource("/live");
  const alive = () => { live.heardAt = Date.now(); sayLive(); };
  for (const kind of ["nation", "targets"]) stream.addEventListener(kind, (event) => { told(kind, JSON.parse(event.data)); alive(); });
  stream.addEventListener("alive", alive);
  stream.addEventListener("trouble", () => { live.heardAt = Date.now(); status("trouble", fill(t.trouble, since())); });
  stream.addEventListener("error", () => { if (live.heardAt || live.picture) status("lost", fill(t.lost, since())); });
  setInterval(() => { if (live.heardAt && Date.now() - live.heardAt > SILENT_MS) status("lost", fill(t.lost, since())); }, 1_000);
}

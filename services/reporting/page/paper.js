// On paper: the page is laid out as it will be printed before its pictures are drawn, so that they and their text fit.

import { drawNow, onDraw } from "./drawing.js";
import { byId } from "./elements.js";
import { fill, t, view, write } from "./view.js";

const quoted = (text) => JSON.stringify(text.replace(/[\n\r\\]/g, " "));

function layOut(onPaper) {
  byId("print").media = onPaper ? "all" : "print";
  byId("narrow").disabled = onPaper;
  if (onPaper) sayOnEachPage();
  drawNow();
}

// A page that leaves its folder still says whose numbers it holds, and of when.
function sayOnEachPage() {
  const { sheet } = byId("print"), simulated = view.picture?.simulated ? ` · ${t.simulated_briefly}` : "";
  const rule = `@page { @bottom-left { content: ${quoted(`${t.title} · ${ofWhen()}${simulated}`)}; font: 8pt system-ui, sans-serif; color: #444; white-space: nowrap; } }`;
  if (sheet.cssRules[sheet.cssRules.length - 1].cssText.includes("@bottom-left")) sheet.deleteRule(sheet.cssRules.length - 1);
  try { sheet.insertRule(rule, sheet.cssRules.length); } catch { /* a browser without margin boxes: the first page says it */ }
}

const ofWhen = () => fill(t.on_paper, { time: write.dated(view.picture?.recorded_at) });

function drawHeading() {
  byId("on-paper").textContent = ofWhen();
  byId("printed-from").textContent = fill(t.printed_from, { address: decodeURIComponent(location.href) });
}

export function listenToPrinter() {
  window.addEventListener("beforeprint", () => layOut(true));
  window.addEventListener("afterprint", () => layOut(false));
}

onDraw(drawHeading);

// Pictures in SVG, drawn in pixels so that text keeps its size: bullets, the flow of money, columns over time.

const NS = "http://www.w3.org/2000/svg";

export function shape(name, attributes = {}, text) {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function canvas(box, height, label) {
  const width = Math.max(200, box.clientWidth);
  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": label });
  return [svg, width];
}

// One target: a pale band to where a steady pace would stand, a bar for the value, a line for the target.
export function bullet(box, { value, target, steady, label }) {
  const [svg, width] = canvas(box, 24, label);
  const x = (n) => (Math.min(n, target * 1.06) / (target * 1.06)) * width;
  svg.append(
    shape("line", { class: "rule", x1: 0, x2: width, y1: 23.5, y2: 23.5 }),
    shape("rect", { class: "band", x: 0, y: 0, width: x(steady ?? 0), height: 23 }),
    shape("rect", { class: "bar", x: 0, y: 7, width: value > 0 ? Math.max(2, x(value)) : 0, height: 9 }),
    shape("line", { class: "mark", x1: x(target), x2: x(target), y1: 0, y2: 23 }),
  );
  box.replaceChildren(svg);
}

// Stages of the money one below another on one scale from zero; the pale shape between them is what goes on.
export function flow(box, stages, label) {
  const row = 64, bar = 24;
  const [svg, width] = canvas(box, row * stages.length - (row - bar) + 2, label);
  const most = Math.max(...stages.map((stage) => stage.value), 1);
  const names = Math.max(...stages.map((stage) => stage.name.length * (/[^\x00-\xff]/.test(stage.name) ? 14 : 7.2))) + 16;
  const figures = 124;
  const x = (n) => (Math.max(0, n) / most) * (width - names - figures);
  stages.forEach((stage, place) => {
    const y = place * row;
    const end = names + x(stage.value);
    svg.append(
      shape("text", { x: 0, y: y + 17 }, stage.name),
      shape("rect", { class: "bar", x: names, y, width: Math.max(1, x(stage.value)), height: bar }),
      shape("text", { x: end + 8, y: y + 17, "font-weight": 600 }, stage.text),
    );
    const next = stages[place + 1];
    if (!next) return;
    const below = names + x(Math.min(next.value, stage.value));
    svg.append(
      shape("path", { class: "band", d: `M${names} ${y + bar}H${end}L${below} ${y + row}H${names}Z` }),
      shape("text", { class: "grey", x: names + 8, y: y + bar + 25 }, stage.loss),
    );
  });
  box.replaceChildren(svg);
}

// One measure over time as columns from zero; `onPick` is told which period pointer or key rests on.
export function columns(box, { points, label, future, ticks, onPick }) {
  const height = 96, foot = 20;
  const [svg, width] = canvas(box, height + foot, label);
  const most = Math.max(...points.map((point) => point.value), 1);
  const step = width / points.length;
  const y = (n) => height - (n / most) * (height - 4);
  svg.append(shape("line", { class: "rule", x1: 0, x2: width, y1: height + 0.5, y2: height + 0.5 }));
  points.forEach((point, place) => {
    const x = place * step;
    if (point.value > 0) {
      const thick = Math.max(1, step - Math.min(4, step * 0.25));
      const late = future !== undefined && point.period > future;
      svg.append(shape("rect", { class: late ? "pale" : "bar", x, y: Math.min(y(point.value), height - 1), width: thick, height: Math.max(1, height - y(point.value)) }));
    }
    const tick = ticks(point.period, place, step);
    if (tick) svg.append(shape("text", { class: "grey", x, y: height + 16 }, tick));
    const hit = shape("rect", { class: "hit", x, y: 0, width: step, height });
    hit.addEventListener("pointerenter", () => onPick(point.period));
    hit.addEventListener("pointerleave", () => onPick(null));
    svg.append(hit);
  });
  box.replaceChildren(svg);
}

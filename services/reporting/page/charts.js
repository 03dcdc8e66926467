// Pictures in SVG, drawn in pixels so that text keeps its size: bullets, the flow of money, columns and curves over time.

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

// One target: a pale band where the last months lead, a bar for the value, a line for the target, a ring for the same day last
// year, and below the axis a tick where a steady pace would stand today.
export function bullet(box, { value, target, band, last_year: lastYear, steady, label }) {
  const height = 24;
  const [svg, width] = canvas(box, height, label);
  const most = Math.max(target * 1.06, value * 1.02, Math.min(band?.high ?? 0, target * 1.5));
  const x = (n) => (Math.min(Math.max(n, 0), most) / most) * width;
  svg.append(shape("line", { class: "rule", x1: 0, x2: width, y1: height - 0.5, y2: height - 0.5 }));
  if (band) {
    const left = x(band.low), beyond = band.high > most;
    svg.append(shape("rect", { class: "band", x: left, y: 0, width: Math.max(2, x(band.high) - left), height: height - 1 }));
    if (beyond) svg.append(shape("path", { class: "beyond", d: `M${width - 8} 4l6 7.5l-6 7.5` }));
  }
  svg.append(
    shape("rect", { class: "bar", x: 0, y: 7, width: value > 0 ? Math.max(2, x(value)) : 0, height: 9 }),
    shape("line", { class: "mark", x1: x(target), x2: x(target), y1: 0, y2: height - 1 }),
  );
  if (steady > 0) svg.append(shape("path", { class: "steady", d: `M${x(steady)} ${height - 7}l4 6.5h-8z` }));
  if (lastYear >= 0 && lastYear !== null) svg.append(shape("circle", { class: "ring", cx: Math.max(5, x(lastYear)), cy: 11.5, r: 4 }));
  box.replaceChildren(svg);
}

// Two amounts that are never one: what stands as declared, hatched by its edge, and what was counted since.
export function twoParts(box, { first, second, label }) {
  const [svg, width] = canvas(box, 12, label);
  const gap = 2, whole = Math.max(first + second, 1);
  const split = Math.min((first / whole) * (width - gap), width - gap - (second > 0 ? 3 : 0));
  svg.append(
    shape("rect", { class: "pale", x: 0, y: 0, width: Math.max(0, split), height: 12 }),
    shape("rect", { class: "bar", x: split + gap, y: 0, width: second > 0 ? Math.max(3, width - split - gap) : 0, height: 12 }),
  );
  box.replaceChildren(svg);
}

// A way upwards on a scale that it shares with others; from `now` on it is what is already known of later months.
export function curve(box, points, most, now) {
  const height = box.clientHeight || 32, width = Math.max(40, box.clientWidth);
  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, height, "aria-hidden": "true" });
  const x = (place) => (points.length > 1 ? (place / (points.length - 1)) * width : width);
  const y = (n) => height - 1 - (Math.max(0, n) / most) * (height - 4);
  const path = (from, to) => points.slice(from, to).map((n, place) => `${place ? "L" : "M"}${x(from + place).toFixed(1)} ${y(n).toFixed(1)}`).join("");
  const upto = now >= 0 ? now + 1 : points.length;
  svg.append(
    shape("line", { class: "rule", x1: 0, x2: width, y1: height - 0.5, y2: height - 0.5 }),
    shape("path", { class: "area", d: `${path(0, points.length)}V${height - 1}H0Z` }),
    shape("path", { class: "line later", d: path(Math.max(0, upto - 1), points.length) }),
    shape("path", { class: "line", d: path(0, upto) }),
  );
  box.replaceChildren(svg);
}

// The shape of a way, on a scale of its own, as small as a word.
export function sparkline(points) {
  const width = 96, height = 20, most = Math.max(1, ...points);
  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, width, height, class: "spark", "aria-hidden": "true" });
  const place = (n, index) => `${((index / Math.max(1, points.length - 1)) * (width - 2) + 1).toFixed(1)},${(height - 2 - (Math.max(0, n) / most) * (height - 4)).toFixed(1)}`;
  svg.append(shape("polyline", { class: "line", points: points.map(place).join(" ") }));
  return svg;
}

// Stages of the money one below another on one scale from zero; the pale shape between them is what goes on.
// `named` makes the element that names a stage, since a picture holds nothing that can be pressed.
export function flow(box, stages, label, named) {
  const row = 64, bar = 24;
  const [svg, width] = canvas(box, row * stages.length - (row - bar) + 2, label);
  const most = Math.max(...stages.map((stage) => stage.value), 1);
  const names = Math.max(...stages.map((stage) => stage.name.length * (/[^\x00-\xff]/.test(stage.name) ? 14 : 7.6))) + 16;
  const figures = 124;
  const x = (n) => (Math.max(0, n) / most) * (width - names - figures);
  stages.forEach((stage, place) => {
    const y = place * row;
    const end = names + x(stage.value);
    svg.append(
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
  box.replaceChildren(svg, ...stages.map((stage, place) => {
    const name = named(stage);
    name.style.top = `${place * row}px`;
    return name;
  }));
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

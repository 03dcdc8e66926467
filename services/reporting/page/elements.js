// Elements of the page: made, found, and changed in place, so that a change can glow once.

const GLOWS_AFTER_MS = 4_000; // what changes all the time does not glow all the time
const changedAt = new WeakMap();
let glowing = false;

export const byId = (id) => document.getElementById(id);

export function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// A word or number that opens its definition.
export function defined(code, text, className = "") {
  const made = element("button", `defined ${className}`.trim(), text);
  made.type = "button";
  made.dataset.define = code;
  return made;
}

export function withGlow(draw) {
  glowing = true;
  try { draw(); } finally { glowing = false; }
}

export function set(one, text, title) {
  if (title !== undefined && one.title !== title) one.title = title;
  if (one.textContent === text) return;
  const first = one.textContent === "" || one.textContent === "–";
  one.textContent = text;
  const calm = performance.now() - (changedAt.get(one) ?? -GLOWS_AFTER_MS) >= GLOWS_AFTER_MS;
  changedAt.set(one, performance.now());
  if (!first && glowing && calm) {
    one.classList.remove("changed");
    void one.offsetWidth; // starts the glow anew
    one.classList.add("changed");
  }
}

// A sentence whose {numbers} stand in elements of their own, so that they change in place; each is [text, title, measure].
export function sentence(box, words, values) {
  if (box.dataset.words !== words) {
    box.dataset.words = words;
    box.replaceChildren(...words.split(/(\{\w+\})/).filter(Boolean).map((part) => {
      if (!part.startsWith("{")) return document.createTextNode(part);
      const name = part.slice(1, -1), measure = [].concat(values[name])[2];
      const number = measure ? defined(measure, "", "num") : element("strong", "num");
      number.dataset.name = name;
      return number;
    }));
  }
  for (const number of box.querySelectorAll("[data-name]")) {
    const [text, title] = [].concat(values[number.dataset.name]);
    number.classList.toggle("spaced", text.endsWith(" "));
    set(number, text.trimEnd(), title);
  }
}

export function rowsOf(rows) {
  return rows.map(([name, ...cells]) => {
    const row = element("tr"), head = element("th");
    head.scope = "row";
    head.append(name);
    row.append(head, ...cells.map((cell) => {
      const made = element("td", "num");
      made.append(cell);
      return made;
    }));
    return row;
  });
}

export const fillTable = (body, rows) => body.replaceChildren(...rowsOf(rows));

export function headTable(head, words) {
  const row = element("tr");
  row.append(...words.map((word, place) => {
    const cell = element("th", place ? "num" : "", word);
    cell.scope = "col";
    return cell;
  }));
  head.replaceChildren(row);
}

export const isOpen = (table) => table.closest("details").open;

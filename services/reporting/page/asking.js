// Asks the service for numbers of the time that is shown; what was refused is said in the reader's language.

import { lang, t, view } from "./view.js";

const ANSWER_MS = 30_000;

export class Refused extends Error {}

export async function ask(path, query = {}, headers = {}) {
  const pairs = Object.entries(query).flatMap(([name, value]) => [].concat(value ?? []).map((one) => [name, one]));
  const answer = await fetch(`${path}?${new URLSearchParams(pairs)}`, { headers, cache: "no-cache", signal: AbortSignal.timeout(ANSWER_MS) });
  if (answer.ok) return answer.json();
  const problem = await answer.json().catch(() => ({}));
  throw new Refused(problem[`message_${lang}`] ?? problem.detail ?? t.behind_failed);
}

export const timeAsked = () => ({ as_of: view.past?.asOf, known_on: view.past?.knownOn });
export const timeKey = () => `${view.past?.asOf ?? ""}/${view.past?.knownOn ?? ""}`;

// Something that is asked again at most every `everyMs` while live, at once for another question, and never twice at a time:
// an answer that takes longer than news come is waited for, and asked for once more behind it.
export function asked({ everyMs, againMs, key, fetcher, taken, failed }) {
  let of = null, asking = null, newer = false, at = 0, due = null, turnNo = 0;
  async function run() {
    const wanted = key(), mine = ++turnNo;
    [asking, newer, at] = [wanted, false, performance.now()];
    try {
      const found = await fetcher();
      if (mine !== turnNo) return;
      asking = null;
      if (wanted !== key()) return;
      of = wanted;
      taken(found);
      if (newer) next();
    } catch {
      if (mine !== turnNo) return;
      asking = null;
      failed?.();
      clearTimeout(due);
      due = setTimeout(run, againMs);
    }
  }
  function next() {
    if (document.hidden) return;
    const same = key() === of;
    if (same && view.past) return;
    if (asking === key()) { newer = true; return; }
    clearTimeout(due);
    due = setTimeout(run, same ? Math.max(0, at + everyMs - performance.now()) : 0);
  }
  return next;
}

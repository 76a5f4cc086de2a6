// The tiles above the rules: budget, traffic, drops, fleet.

import { setLines, setText } from "./dom.js";
import { count, plural, visible } from "./text.js";

const byId = (id) => document.getElementById(id);

/** How fast counters grow, over the last answers. */
export class Rates {
  static ANSWERS = 6;
  #answers = [];

  add(data) {
    const drops = Object.values(data.drops).reduce((sum, n) => sum + n, 0);
    const refused = Object.values(data.refused_requests).reduce((sum, n) => sum + n, 0);
    const values = { ...data.traffic, drops, refused };
    const before = this.#answers.at(-1);
    // Counters that are lower than before are those of a new process.
    if (before && values.received < before.values.received) this.#answers = [];
    this.#answers.push({ at: performance.now(), values });
    if (this.#answers.length > Rates.ANSWERS) this.#answers.shift();
  }

  total(name) {
    return this.#answers.at(-1)?.values[name] ?? 0;
  }

  /** Per second; nothing before there are two answers. */
  of(name) {
    const [first, last] = [this.#answers[0], this.#answers.at(-1)];
    const seconds = last && first ? (last.at - first.at) / 1000 : 0;
    return seconds > 0 ? (last.values[name] - first.values[name]) / seconds : NaN;
  }
}

export function showTiles(data, rates) {
  showBudget(data.budget);
  showTraffic(data.traffic, rates);
  showDrops(data, rates);
}

function showBudget({ limit, used, published, refused }) {
  const reserved = Math.max(0, used - published);
  const part = (series) => `${limit > 0 ? Math.min(100, (100 * series) / limit) : 0}%`;
  const bar = byId("budget-bar");
  bar.querySelector(".published").style.width = part(published);
  bar.querySelector(".reserved").style.width = part(reserved);
  bar.setAttribute("aria-label", `${count(published)} published and ${count(reserved)} reserved of ${count(limit)}`);
  setText(byId("budget-used"), count(used));
  setText(byId("budget-limit"), `of ${count(limit)} are taken`);
  setText(byId("budget-published"), count(published));
  setText(byId("budget-reserved"), count(reserved));
  setText(byId("budget-refused"), count(refused));
}

function showTraffic(traffic, rates) {
  setText(byId("traffic-rate"), count(Math.round(rates.of("received"))));
  setLines(byId("traffic"), [
    { name: "received", value: count(traffic.received) },
    { name: "counted by a rule", value: count(traffic.counted) },
    { name: "forwarded", value: count(traffic.forwarded) },
    { name: "events over HTTP", value: count(traffic.events) },
  ]);
}

function nonZero(counts) {
  const lines = Object.entries(counts).filter(([, n]) => n > 0);
  return lines.sort(([a], [b]) => (a < b ? -1 : 1));
}

function showDrops({ drops, refused_requests: refused }, rates) {
  const sum = rates.total("drops");
  setText(byId("drops-sum"), sum === 0 ? "✓ 0" : `△ ${count(sum)}`);
  const lines = nonZero(drops).map(([cause, n]) => ({ name: visible(cause), value: count(n), level: "warn" }));
  const requests = nonZero(refused).map(([cause, n]) => ({ name: `request refused: ${cause}`, value: count(n) }));
  setLines(byId("drops"), [...lines, ...requests]);
}

export function showFleet(fleet) {
  if (!fleet) {
    setText(byId("fleet-seen"), "1");
    setText(byId("fleet-expected"), "instance, alone");
    setLines(byId("fleet"), [{ name: "panes are not merged", value: "" }]);
    return;
  }
  const isWhole = fleet.seen >= fleet.expected;
  setText(byId("fleet-seen"), `${isWhole ? "✓" : "△"} ${count(fleet.seen)}`);
  setText(byId("fleet-expected"), `of ${plural(fleet.expected, "instance", "instances")}`);
  setLines(byId("fleet"), [
    { name: "this one", value: visible(fleet.instance) },
    { name: "Redis", value: fleet.connected ? "✓ answers" : "✕ does not answer", level: fleet.connected ? "" : "warn" },
  ]);
}

// A rule: its figures, and the table of its top ids with their charts.

import { copy, setId, setText, slots, stamp } from "./dom.js";
import { chosen, count, duration, moment, percent, placesFor, plural, rate, visible } from "./text.js";

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT] = [160, 28];
const PANES = 3;
const GRACE = 10;

/** Whether panes have stopped ending. */
export function isLate({ rule, report }, now) {
  return report !== null && now - report.ended_at > PANES * rule.pane_seconds + GRACE;
}

/** One rule's part of the page. */
export class RuleView {
  #slots;
  #rows = [];
  above = 0;
  maybe = 0;
  hasThreshold = false;
  hasReport = false;
  name = "";

  constructor(address) {
    this.section = stamp("rule");
    this.section.id = address;
    this.section.tabIndex = -1;
    this.#slots = slots(this.section);
    setText(this.#slots.address, visible(address));
  }

  show({ rule, report, unmerged, series, lag_seconds: lag }, { now, fleet }) {
    this.hasThreshold = rule.threshold !== null;
    this.hasReport = report !== null;
    this.name = visible(`${rule.record.split(".").at(-1)}.${rule.field}`);
    const s = this.#slots;
    setText(s.name, this.name);
    const window = `${duration(rule.window_seconds)} window in panes of ${duration(rule.pane_seconds)}`;
    const more = series > 1 ? ` and ${count(series - 1)} more series` : "";
    setText(s.about, `publishes ${visible(rule.metric)}${more}, ${window}`);
    setText(s.unit, `per ${rule.per}`);
    setText(s["rate-title"], `Per ${rule.per}`);
    setText(s.threshold, this.hasThreshold ? `threshold ${chosen(rule.threshold)}` : "no threshold");
    if (!report) {
      this.#rows.forEach((row) => row.show(null));
      setText(s.caption, "No pane has ended yet");
      return;
    }
    this.#judge(rule, report);
    this.#showFigures(rule, report, { now, lag });
    this.#showBadges(report, rule, unmerged ? "this instance alone" : fleet ? `${count(report.instances)} merged` : "");
    this.#showTable(rule, report);
  }

  #judge({ threshold }, { top, bound }) {
    this.above = this.hasThreshold ? top.filter((ranked) => ranked.rate > threshold).length : 0;
    const canBe = (ranked) => ranked.rate <= threshold && ranked.rate + bound > threshold;
    this.maybe = this.hasThreshold ? top.filter(canBe).length : 0;
    this.section.classList.toggle("above", this.above > 0);
  }

  #showFigures(rule, report, { now, lag }) {
    const s = this.#slots;
    const first = report.top[0]?.rate ?? 0;
    setText(s["top-rate"], rate(first, placesFor(first)));
    setText(s.sustained, report.sustained ? rate(report.sustained.rate, placesFor(first)) : "–");
    setText(s["sustained-unit"], report.sustained ? `per ${rule.per}` : `after ${panes(rule)} panes`);
    setId(s["sustained-id"], report.sustained?.id ?? null);
    setText(s.distinct, `${report.offset > 0 ? "≈ " : ""}${count(report.distinct)}`);
    setText(s["distinct-more"], "in the window");
    setText(s["share-title"], `Share of the top ${count(report.top.length)}`);
    setText(s.share, percent(report.share));
    setText(s.events, `of ${plural(report.events, "event", "events")}`);
    setText(s.age, `${duration(now - report.ended_at)} ago`);
    setText(s.lag, `${moment(report.ended_at)}, lag ${lag.toFixed(1)} s`);
  }

  #showBadges({ offset, bound, certain }, { per }, merged) {
    const s = this.#slots;
    const set = (slot, level, text) => {
      slot.dataset.level = level;
      slot.hidden = text === "";
      setText(slot, text);
    };
    const limit = this.above > 0 ? ["bad", `▲ ${this.above} above the threshold`]
      : this.maybe > 0 ? ["warn", `△ ${this.maybe} may be above the threshold`]
        : ["ok", this.hasThreshold ? "✓ below the threshold" : ""];
    set(s["threshold-badge"], ...limit);
    set(s["exact-badge"], ...(offset === 0 ? ["ok", "✓ exact"] : ["warn", `± up to ${plural(offset, "event", "events")} or ${rate(bound)} per ${per} more`]));
    set(s["certain-badge"], ...(certain ? ["ok", "✓ top is certain"] : ["warn", "△ another id may be the top"]));
    set(s["merged-badge"], ...(merged === "this instance alone" ? ["warn", `△ not merged: ${merged}`] : ["ok", merged && `✓ ${merged}`]));
  }

  #showTable(rule, report) {
    const { top } = report;
    const s = this.#slots;
    // Rows are added and never taken away, so that what is below stays where it is.
    while (this.#rows.length < top.length) {
      const row = new RowView(this.#rows.length + 1);
      this.#rows.push(row);
      s.rows.append(row.element);
    }
    const highest = Math.max(0, ...top.flatMap((ranked) => ranked.panes));
    const line = this.hasThreshold && rule.threshold <= 4 * highest ? rule.threshold : null;
    const scale = { highest: Math.max(highest, line ?? 0), line, seconds: report.panes, per: rule.per, places: placesFor(top[0]?.rate ?? 0) };
    const filled = report.panes.length < panes(rule) ? ` of ${panes(rule)}` : "";
    setText(s["chart-title"], `Last ${plural(report.panes.length, "pane", "panes")}${filled}, 0 to ${rate(scale.highest, scale.highest >= 100 ? 0 : scale.places)}`);
    setText(s.caption, `Top ids of ${this.name}, by their rate over ${duration(report.seconds)}`);
    this.#rows.forEach((row, at) => row.show(top[at] ?? null, rule.threshold, report.bound, scale));
  }
}

function panes(rule) {
  return Math.max(1, Math.floor(rule.window_seconds / rule.pane_seconds));
}

/** A rank's row. Who holds the rank may change with each answer. */
class RowView {
  #slots;
  #id = null;

  constructor(rank) {
    this.element = stamp("row");
    this.#slots = slots(this.element);
    setText(this.#slots.rank, String(rank));
    this.#slots.copy.setAttribute("aria-label", `Copy the id of rank ${rank}`);
    this.#slots.copy.addEventListener("click", () => this.#copy());
  }

  show(ranked, threshold, bound, scale) {
    const s = this.#slots;
    this.#id = ranked?.id ?? null;
    s.copy.hidden = ranked === null;
    setId(s.id, this.#id);
    setText(s.events, ranked ? count(ranked.events) : "–");
    setText(s.rate, ranked ? rate(ranked.rate, scale.places) : "–");
    const isAbove = ranked !== null && threshold !== null && ranked.rate > threshold;
    const canBe = ranked !== null && threshold !== null && !isAbove && ranked.rate + bound > threshold;
    this.element.dataset.level = isAbove ? "bad" : canBe ? "warn" : "";
    setText(s.sign, isAbove ? "▲" : canBe ? "△" : "");
    s.sign.title = isAbove ? "above the threshold" : canBe ? "may be above the threshold" : "";
    draw(s.chart, ranked?.panes ?? [], scale);
  }

  async #copy() {
    const button = this.#slots.copy;
    const done = copy(this.#id).then(() => "Copied", () => "Failed");
    setText(button, await done);
    setTimeout(() => setText(button, "Copy"), 1500);
  }
}

const drawn = new WeakMap();

/** A bar for each pane, as wide as the pane was long; all rows of a table have the same scale. */
function draw(svg, rates, scale) {
  const key = JSON.stringify([rates, scale]);
  if (drawn.get(svg) === key) return;
  drawn.set(svg, key);
  const all = rates.length ? scale.seconds.reduce((sum, seconds) => sum + seconds, 0) : 0;
  const shapes = [];
  let left = 0;
  for (const [at, value] of rates.entries()) {
    const width = all > 0 ? (WIDTH * scale.seconds[at]) / all : 0;
    const height = scale.highest > 0 ? ((HEIGHT - 2) * value) / scale.highest : 0;
    const kind = scale.line !== null && value > scale.line ? "pane above" : "pane";
    shapes.push(shape("rect", { class: kind, x: left + 0.75, y: HEIGHT - Math.max(height, 1), width: Math.max(0, width - 1.5), height: Math.max(height, 1) }));
    left += width;
  }
  if (rates.length && scale.line !== null) {
    const y = HEIGHT - ((HEIGHT - 2) * scale.line) / scale.highest;
    shapes.push(shape("line", { class: "threshold", x1: 0, x2: WIDTH, y1: y, y2: y }));
  }
  svg.replaceChildren(...shapes);
  svg.setAttribute("aria-label", rates.length
    ? `oldest to newest per ${scale.per}: ${rates.map((value) => rate(value, scale.places)).join(", ")}`
    : "nothing");
}

function shape(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

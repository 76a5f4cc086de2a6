// Asks the daemon every two seconds, and says so when it does not answer.
//
// Elements stay where they are and change their text, so that nothing jumps and the focus is kept. All text goes through
// textContent or new text nodes: ids come from outside, and none of them is ever read as HTML.

import { showFleet, showTiles, Rates } from "./tiles.js";
import { RuleView, isLate } from "./rule.js";
import { duration, moment, plural, visible } from "./text.js";
import { setText, stamp } from "./dom.js";

const EVERY = 2000;
const PATIENCE = 5000;
const FORMAT = 1;

const byId = (id) => document.getElementById(id);
const views = new Map();
const rates = new Rates();
let last = null; // the last answer, and when it came by this page's own clock
let failure = null; // why there was none since
let isPaused = false;
let timer = null;

async function ask() {
  const reply = await fetch("api/top", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) }).catch((error) => {
    // What browsers say of a lost connection tells people nothing.
    throw new Error("the daemon does not answer", { cause: error });
  });
  if (!reply.ok) throw new Error(`the daemon answers with status ${reply.status}`);
  const data = await reply.json();
  if (data.format_version !== FORMAT) throw new Error("the daemon is of another version now: load this page again");
  return data;
}

async function poll() {
  clearTimeout(timer);
  if (isPaused || document.hidden) return;
  try {
    const data = await ask();
    if (isPaused) return;
    last = { data, at: performance.now() };
    show(data);
    failure = null;
  } catch (error) {
    failure = error.message;
    console.error(error);
  }
  showState();
  clearTimeout(timer);
  timer = setTimeout(poll, EVERY);
}

function show(data) {
  setText(byId("environment"), visible(data.environment));
  setText(byId("agent"), data.agent ? `to ${visible(data.agent)}` : "");
  rates.add(data);
  showTiles(data, rates);
  showFleet(data.fleet);
  showRules(data);
  showNotices(notices(data));
}

function showRules(data) {
  const rules = Object.entries(data.rules);
  for (const [address, view] of views) {
    if (address in data.rules) continue;
    view.section.remove();
    views.delete(address);
  }
  for (const [at, [address, shown]] of rules.entries()) {
    if (!views.has(address)) views.set(address, new RuleView(address));
    const view = views.get(address);
    const place = byId("rules").children[at];
    if (place !== view.section) byId("rules").insertBefore(view.section, place ?? null);
    view.show(shown, data);
  }
}

/** What needs attention, the worst first: a level, a text, and the rule that it is about. */
function* notices(data) {
  const rules = Object.entries(data.rules);
  if (data.health.status !== "ok") {
    yield { level: "bad", text: `Publishing does not work: ${visible(data.health.reason ?? "no reason given")}` };
  }
  for (const [address] of rules) {
    const { above, maybe } = views.get(address);
    if (above > 0) yield { level: "bad", text: `${plural(above, "id is", "ids are")} above the threshold of`, rule: address };
    else if (maybe > 0) yield { level: "warn", text: `${plural(maybe, "id", "ids")} may be above the threshold of`, rule: address };
  }
  if (data.reload_error !== null) {
    yield { level: "warn", text: `The rules could not be read again, those before are in force: ${visible(data.reload_error)}` };
  }
  const { fleet, budget } = data;
  if (fleet && !fleet.connected) yield { level: "warn", text: "Redis does not answer: this instance publishes for itself" };
  else if (fleet && fleet.seen < fleet.expected) {
    yield { level: "warn", text: `${fleet.seen} of ${plural(fleet.expected, "instance", "instances")} counted in the last pane` };
  }
  for (const [address, shown] of rules) {
    if (isLate(shown, data.now)) {
      yield { level: "warn", text: `No pane for ${duration(data.now - shown.report.ended_at)} of`, rule: address };
    }
  }
  if (budget.limit > 0 && budget.used >= budget.limit) {
    yield { level: "warn", text: "The hour's series are used up: new ids are published as part of id:__other__" };
  }
  if (rates.of("drops") > 0) yield { level: "warn", text: "Lines or events are being dropped" };
}

function showNotices(found) {
  const list = byId("notices");
  const wanted = [...found];
  if (wanted.length === 0) wanted.push({ level: "ok", text: calm() });
  const bad = wanted.filter((notice) => notice.level === "bad").length;
  document.title = `${bad ? `▲ ${bad} · ` : ""}bellwether ${visible(last.data.environment)}`;
  while (list.children.length > wanted.length) list.lastElementChild.remove();
  while (list.children.length < wanted.length) list.append(stamp("notice"));
  for (const [at, { level, text, rule }] of wanted.entries()) {
    const item = list.children[at];
    const link = item.querySelector("a");
    item.dataset.level = level;
    setText(item.querySelector(".sign"), { bad: "▲", warn: "△", ok: "✓" }[level]);
    setText(item.querySelector(".text"), text);
    link.hidden = rule === undefined;
    setText(link, rule === undefined ? "" : views.get(rule).name);
    if (rule !== undefined) link.href = `#${encodeURIComponent(views.get(rule).section.id)}`;
  }
}

function calm() {
  const rules = [...views.values()];
  const limited = rules.filter((view) => view.hasThreshold).length;
  if (rules.length === 0) return "There is no rule: nothing is counted";
  if (rules.every((view) => !view.hasReport)) return "No pane has ended yet";
  if (limited === 0) return "All is well; no rule has a threshold";
  return `All is well: no id is above ${limited === 1 ? "the threshold" : "a threshold"}`;
}

const STATES = {
  waiting: ["…", "waiting for the daemon"],
  live: ["●", "live"],
  paused: ["❚❚", "paused"],
  lost: ["✕", "no answer"],
};

function showState() {
  const state = isPaused ? "paused" : failure ? "lost" : last ? "live" : "waiting";
  const [sign, text] = STATES[state];
  byId("state").dataset.state = state;
  document.body.dataset.state = state;
  setText(byId("state-sign"), sign);
  setText(byId("state-text"), state === "lost" ? visible(failure) : text);
  if (state === "lost") document.title = "✕ no answer · bellwether";
  const age = last ? (performance.now() - last.at) / 1000 : 0;
  const old = state === "live" ? "" : `figures of ${duration(age)} ago, `;
  setText(byId("moment"), last ? `${old}${moment(last.data.now)}` : "");
}

function pause() {
  isPaused = !isPaused;
  byId("pause").setAttribute("aria-pressed", String(isPaused));
  setText(byId("pause"), isPaused ? "Go on" : "Pause");
  showState();
  poll();
}

byId("pause").addEventListener("click", pause);
document.addEventListener("visibilitychange", poll);
setInterval(showState, 1000);
poll();

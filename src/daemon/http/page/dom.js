// The few ways in which this page changes itself.

import { visibleNodes } from "./text.js";

/** A copy of a template's one element. */
export function stamp(template) {
  return document.getElementById(template).content.firstElementChild.cloneNode(true);
}

/** The named places in an element. */
export function slots(element) {
  const found = element.querySelectorAll("[data-slot]");
  return Object.fromEntries([...found].map((slot) => [slot.dataset.slot, slot]));
}

/** Changes a text only if it is another, so that what a reader has selected stays selected. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const ids = new WeakMap();

/** Shows an id, exactly; null is no id. */
export function setId(element, id) {
  if (ids.get(element) === id) return;
  ids.set(element, id);
  element.replaceChildren(...(id === null ? [] : visibleNodes(id)));
}

/** Shows pairs of a name and a value in a list, with a further word for each. */
export function setLines(list, lines) {
  while (list.children.length > lines.length) list.lastElementChild.remove();
  while (list.children.length < lines.length) list.append(stamp("line"));
  for (const [at, { name, value, level = "" }] of lines.entries()) {
    const line = list.children[at];
    line.dataset.level = level;
    setText(line.querySelector("dt"), name);
    setText(line.querySelector("dd"), value);
  }
}

/** Copies a text as it is. The clipboard's own interface is there only for https and the loopback. */
export async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("the browser does not let a page copy");
}

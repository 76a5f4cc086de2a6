// Text and numbers for people. Ids are never numbers here, and all text may be hostile.

// Characters that are not seen, or that change how others are: controls, bidirectional marks, blanks but the plain one.
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Zs}/u;
const MARK = /\p{M}/u;
const NAMES = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

// More marks than this on one letter would be written over the lines around it.
const MARKS = 2;

function escaped(character) {
  return NAMES[character] ?? `\\u{${character.codePointAt(0).toString(16)}}`;
}

// The text as parts that are seen as they are, and parts that stand for what is not seen.
function* parts(text) {
  const characters = [...text];
  let plain = "";
  let marks = 0;
  for (const [at, character] of characters.entries()) {
    marks = MARK.test(character) ? marks + 1 : 0;
    const isEdge = at === 0 || at === characters.length - 1;
    if (UNSEEN.test(character) || marks > MARKS || (marks > 0 && at === 0) || (character === " " && isEdge)) {
      if (plain) yield { text: plain, isEscape: false };
      plain = "";
      yield { text: escaped(character), isEscape: true };
    } else {
      plain += character;
    }
  }
  if (plain) yield { text: plain, isEscape: false };
}

/** The text with everything made visible. */
export function visible(text) {
  return [...parts(String(text))].map((part) => part.text).join("");
}

/** The same as nodes, in which what was made visible is marked. */
export function visibleNodes(text) {
  if (text === "") return [marked("span", "empty", "(empty)")];
  return [...parts(text)].map((part) => (part.isEscape ? marked("span", "unseen", part.text) : new Text(part.text)));
}

function marked(name, kind, text) {
  const element = document.createElement(name);
  element.className = kind;
  element.textContent = text;
  return element;
}

/** A whole number. */
export function count(value) {
  return Number.isFinite(value) ? value.toLocaleString("en-US") : "–";
}

/** How many places are worth showing in a list of rates whose highest this is. */
export function placesFor(highest) {
  return highest >= 1000 ? 0 : highest >= 10 ? 1 : 2;
}

/** A rate. */
export function rate(value, places = placesFor(value)) {
  if (!Number.isFinite(value)) return "–";
  return value.toLocaleString("en-US", { minimumFractionDigits: places, maximumFractionDigits: places });
}

/** A number that people have chosen, as they have written it. */
export function chosen(value) {
  return value.toLocaleString("en-US", { maximumFractionDigits: 20 });
}

/** A part of a whole. */
export function percent(value) {
  return Number.isFinite(value) ? `${(value * 100).toFixed(value > 0 && value < 0.1 ? 1 : 0)} %` : "–";
}

/** A length of time in one unit, or two. */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 120) return `${whole} s`;
  if (whole < 7200) return whole % 60 && whole < 600 ? `${Math.floor(whole / 60)} min ${whole % 60} s` : `${Math.floor(whole / 60)} min`;
  return whole < 172800 ? `${Math.floor(whole / 3600)} h` : `${Math.floor(whole / 86400)} d`;
}

/** A moment, in seconds since 1970. */
export function moment(seconds) {
  return `${new Date(seconds * 1000).toISOString().slice(11, 19)} UTC`;
}

/** A number with its noun. */
export function plural(number, one, many) {
  return `${count(number)} ${number === 1 ? one : many}`;
}

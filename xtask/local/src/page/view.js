// Making elements. Data is only ever set as text, so that nothing in it can become markup.

/** An element with attributes and children. Strings become text nodes; null children are skipped. */
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "on") for (const [event, act] of Object.entries(value)) element.addEventListener(event, act);
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** The stack refused a request. */
export class Refusal extends Error {}

/** Calls a control endpoint. */
export async function get(path, options = {}) {
  const response = await fetch(`/_local/${path}`, options);
  if (response.ok) return response.json();
  const body = await response.json().catch(() => ({}));
  throw new Refusal(body.error ?? `The stack answers with status ${response.status}.`);
}

/** The path of a control endpoint with parameters, without those that are null. */
export function query(path, parameters) {
  const known = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined);
  return `${path}?${new URLSearchParams(known)}`;
}

export function clock(milliseconds) {
  const time = new Date(milliseconds);
  const two = (number, digits = 2) => String(number).padStart(digits, "0");
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${two(time.getMilliseconds(), 3)}`;
}

export function milliseconds(number) {
  if (number >= 1000) return `${(number / 1000).toFixed(2)} s`;
  return `${number.toFixed(number < 100 ? 1 : 0)} ms`;
}

export function plural(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

export function pill(text, kind = "") {
  return el("span", { class: `pill ${kind}` }, text);
}

export function status(code) {
  return pill(String(code), code >= 500 ? "bad" : code >= 400 ? "warn" : "good");
}

export function level(name) {
  return pill(name, { ERROR: "bad", WARN: "warn" }[name] ?? "");
}

/** The kind of a line without a level: metrics in the embedded metric format, or plain text. */
export function kind(message) {
  return message.startsWith("{") && message.includes('"_aws"') ? "METRICS" : "TEXT";
}

/** A link to the records of a correlation id. */
export function callLink(id, ...children) {
  return el("a", { href: `#/calls/${encodeURIComponent(id)}`, class: children.length ? null : "id" },
    children.length ? children : id);
}

export function title(text, ...more) {
  return el("div", { class: "title" }, el("h1", { tabindex: -1 }, text), ...more);
}

export function card(heading, note, ...content) {
  return el("section", { class: "card" },
    el("header", {}, el("h2", {}, heading), note ? el("span", { class: "note" }, note) : null), ...content);
}

export function empty(...text) {
  return el("p", { class: "empty" }, ...text);
}

export function table(className, caption, columns, rows) {
  return el("table", { class: className },
    el("caption", { class: "unseen" }, caption),
    el("thead", {}, el("tr", {}, columns.map(([text, kind]) => el("th", { scope: "col", class: kind }, text)))),
    el("tbody", {}, rows));
}

/**
 * An entry that unfolds to its JSON, with a link beside it. `key` identifies it among its siblings, so
 * that it stays open.
 */
export function json(key, summary, value, link = null) {
  return el("li", { class: "foldable" },
    el("details", { "data-key": key },
      el("summary", {}, el("span", { class: "head" }, summary)),
      el("pre", { tabindex: 0, role: "group", "aria-label": "JSON" }, JSON.stringify(value, null, 2))),
    link ? el("p", { class: "beside" }, link) : null);
}

/** The fields of a JSON log line; any other line is unchanged. */
export function message(text) {
  const line = el("p", { class: "message" });
  let fields = null;
  try {
    fields = JSON.parse(text);
  } catch {
    // Not every line is JSON.
  }
  if (fields === null || typeof fields !== "object" || Array.isArray(fields)) {
    line.append(text);
    return line;
  }
  const { timestamp, level: ignored, message: said, _aws: metrics, ...rest } = fields;
  if (said) line.append(`${said} `);
  for (const [name, value] of Object.entries(rest)) {
    if (value === null) continue;
    line.append(el("b", {}, `${name}=`), `${typeof value === "string" ? value : JSON.stringify(value)} `);
  }
  return line;
}

/**
 * Replaces the content of an element, unless it is unchanged. Unfolded entries stay unfolded, and the
 * focus stays.
 */
export function replace(place, key, make) {
  if (place.dataset.content === key) return;
  place.dataset.content = key;
  const open = new Set([...place.querySelectorAll("details[open]")].map((it) => it.dataset.key));
  const focused = place.contains(document.activeElement) ? path(place, document.activeElement) : null;
  place.replaceChildren(...[make()].flat());
  for (const it of place.querySelectorAll("details")) it.open = open.has(it.dataset.key);
  if (focused) focused.reduce((at, index) => at?.children[index], place)?.focus({ preventScroll: true });
}

function path(place, element) {
  const indexes = [];
  for (let at = element; at !== place; at = at.parentElement) {
    indexes.unshift([...at.parentElement.children].indexOf(at));
  }
  return indexes;
}

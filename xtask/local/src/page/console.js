// The console: chooses the view by the address, and keeps it up to date.
//
// The stack answers a request for activity only when there is some, so an idle stack costs nothing,
// however long this page is open.

import * as panels from "./panels.js";
import { get, query, Refusal } from "./view.js";

const VIEWS = new Map(Object.entries({ calls: panels.calls, events: panels.bus, users: panels.users,
  tables: panels.tables, logs: panels.logs }));

/** The minimum time between two updates, and the maximum wait for activity. */
const PAUSE_MS = 250;
const WAIT_SECONDS = 25;

const main = document.getElementById("main");
const state = document.getElementById("live");
const pause = document.getElementById("pause");
const news = document.getElementById("news");

let view = null;
let stale = false;
let updating = null;

const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
const paused = () => pause.getAttribute("aria-pressed") === "true";

function announce(text) {
  news.textContent = text;
}

function showState(text, kind) {
  if (state.textContent !== text) state.textContent = text;
  state.className = kind;
}

/** The view of an address and its parameter, or the problem with it. */
function parsed(fragment) {
  const [name, ...rest] = fragment.replace(/^#\/?/, "").split("/");
  if (!VIEWS.has(name)) return { name: "calls", parameter: null };
  try {
    const parameter = rest.length ? decodeURIComponent(rest.join("/")) : null;
    // As a segment of a path these would change the path.
    return [".", ".."].includes(parameter) ? { name, problem: `“${parameter}” is not a name.` } : { name, parameter };
  } catch {
    return { name, problem: "Its percent-encoding is incomplete or not UTF-8." };
  }
}

/** Opens the view of the address; a fragment without a view keeps the current one. */
function open() {
  if (view && !location.hash.startsWith("#/")) return;
  const { name, parameter, problem } = parsed(location.hash);
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === `#/${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${parameter ? `${parameter} · ` : ""}${name[0].toUpperCase()}${name.slice(1)} · Local stack`;
  view = problem ? panels.problem(main, problem) : VIEWS.get(name)(main, parameter, announce);
  refresh();
}

/** Updates the view. During an update, at most one further update waits. */
function refresh() {
  if (updating) {
    stale = true;
    return updating;
  }
  updating = (async () => {
    do {
      stale = false;
      const updated = view;
      try {
        await updated.update();
      } catch (error) {
        if (updated !== view) continue;
        if (error instanceof Refusal) view = panels.problem(main, error.message);
        else showState(error.message, "off");
      }
    } while (stale);
    updating = null;
  })();
  return updating;
}

/** Waits for activity, for ever. */
async function listen() {
  let seen = null;
  let started = null;
  for (;;) {
    try {
      const found = await get(query("activity", seen === null ? {} : { seen, wait: WAIT_SECONDS }));
      const restarted = started !== null && started !== found.started;
      const happened = seen !== null && seen !== found.revision;
      ({ revision: seen, started } = found);
      if (restarted) open();
      if (!paused()) {
        showState("Live", "on");
        if (happened) await refresh();
      }
      await sleep(PAUSE_MS);
    } catch {
      showState("The stack does not answer", "off");
      await sleep(2000);
    }
  }
}

pause.addEventListener("click", () => {
  const now = !paused();
  pause.setAttribute("aria-pressed", String(now));
  if (now) showState("Paused", "");
  else {
    showState("Live", "on");
    refresh();
  }
});

document.getElementById("find").addEventListener("submit", (submitted) => {
  submitted.preventDefault();
  const id = new FormData(submitted.target).get("id").trim();
  location.hash = `#/calls/${encodeURIComponent(id)}`;
});

addEventListener("hashchange", () => {
  if (!location.hash.startsWith("#/")) return;
  open();
});

open();
listen();

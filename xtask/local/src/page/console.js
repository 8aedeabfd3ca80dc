// The console: chooses the view by the address, and keeps it up to date.
//
// The stack is asked whether something happened, and answers only then; a stack that does nothing
// costs nothing, however long this page is open.

import * as panels from "./panels.js";
import { get, query } from "./view.js";

const VIEWS = { calls: panels.calls, events: panels.bus, users: panels.users, tables: panels.tables, logs: panels.logs };

/** The shortest time between two updates, and how long the stack may let us wait for news. */
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

function say(text) {
  news.textContent = text;
}

function tell(text, kind) {
  if (state.textContent !== text) state.textContent = text;
  state.className = kind;
}

/** Opens the view of the address. */
function open() {
  const [name, ...rest] = location.hash.replace(/^#\/?/, "").split("/");
  if (location.hash && !location.hash.startsWith("#/")) return;
  const chosen = VIEWS[name] ? name : "calls";
  const parameter = VIEWS[name] && rest.length ? decodeURIComponent(rest.join("/")) : null;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === `#/${chosen}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${parameter ? `${parameter} · ` : ""}${chosen[0].toUpperCase()}${chosen.slice(1)} · Local stack`;
  view = VIEWS[chosen](main, parameter, say);
  refresh();
}

/** Brings the view up to date; one that comes meanwhile waits for its turn, and only one does. */
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
        if (updated === view) tell(error.message, "off");
      }
    } while (stale);
    updating = null;
  })();
  return updating;
}

/** Waits for news, for ever. */
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
        tell("Live", "on");
        if (happened) await refresh();
      }
      await sleep(PAUSE_MS);
    } catch {
      tell("The stack does not answer", "off");
      await sleep(2000);
    }
  }
}

pause.addEventListener("click", () => {
  const now = !paused();
  pause.setAttribute("aria-pressed", String(now));
  if (now) tell("Paused", "");
  else {
    tell("Live", "on");
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

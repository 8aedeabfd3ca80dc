// The views. Each is created when it is opened, and updated after activity.

import {
  callLink, card, clock, el, empty, get, json, kind, level, message, milliseconds, plural, query,
  replace, status, table, title,
} from "./view.js";

/** The keys of a user's audit history: all that this page knows of the service. */
const AUDIT = { table: "UsersTable", partition: (id) => `USER#${id}`, sort: "AUDIT#" };

/** The maximum number of rows; the stack keeps more. */
const ROWS = 200;

const TRY = "cargo xtask call GET /users";

/** Replaces a view that cannot be shown. */
export function problem(main, text) {
  main.replaceChildren(title("This cannot be shown"),
    el("div", { class: "card" }, empty("The address of this page is not valid. ", text, " ",
      el("a", { href: "#/calls" }, "Show the latest calls"))));
  return { update: async () => {} };
}

/** The last calls, and one of them with all its records. */
export function calls(main, id, announce) {
  const body = el("tbody");
  const list = el("div", { class: "card list" },
    el("table", { class: "calls" },
      el("caption", { class: "unseen" }, "Calls, the latest first"),
      el("thead", {}, el("tr", {},
        el("th", { scope: "col" }, "Time"), el("th", { scope: "col", class: "path" }, "Call"),
        el("th", { scope: "col" }, "Status"), el("th", { scope: "col", class: "number" }, "Took"))),
      body));
  const none = empty("No call yet. Make one: ", el("code", {}, TRY));
  const show = el("select", { id: "show", on: { change: () => again() } },
    el("option", { value: "0" }, "All"), el("option", { value: "400" }, "Failed (4xx and 5xx)"),
    el("option", { value: "500" }, "Failed (5xx)"));
  const detail = el("div", { class: "detail" });
  list.append(none);
  main.replaceChildren(
    title("Calls", el("div", { class: "more" }, el("label", { for: "show" }, "Show"), show)),
    el("div", { class: "split" }, list, detail));
  const one = id ? call(detail, id) : null;
  if (!id) detail.append(el("div", { class: "card" }, empty("Choose a call to see its trace, log lines, events and items.")));
  let after = null;

  function row(request) {
    const found = request.sentCorrelationId ?? request.correlationId;
    const what = el("span", { class: "what" },
      el("span", { class: "method" }, request.method), request.resource ?? "(no resource)");
    return el("tr", { class: found === id ? "chosen" : "fresh", "data-id": found },
      el("td", { class: "time" }, clock(request.time)),
      el("td", { class: "path" }, found
        ? callLink(found, what, el("span", { class: "id" }, found))
        : what),
      el("td", {}, status(request.status)),
      el("td", { class: "number" }, milliseconds(request.durationMs)));
  }

  function again() {
    after = null;
    body.replaceChildren();
    update();
  }

  async function update() {
    const first = after === null;
    const page = await get(query("requests", first ? { last: ROWS } : { after, limit: 1000 }));
    after = page.items.at(-1)?.seq ?? after ?? page.next;
    const least = Number(show.value);
    const items = page.items.filter((request) => request.status >= least);
    body.prepend(...items.map(row).reverse());
    while (body.children.length > ROWS) body.lastElementChild.remove();
    none.hidden = body.children.length > 0;
    if (!first && items.length) {
      const last = items.at(-1);
      announce(`${plural(items.length, "new call")}, the last ${last.method} ${last.resource ?? ""} ${last.status}`);
    }
    await one?.update();
  }
  return { update };
}

/** All records of a correlation id. */
function call(place, id) {
  const parts = ["trace", "events", "items", "logs"].map((name) => [name, el("div", { id: name })]);
  const summary = el("p");
  place.replaceChildren(
    el("div", { class: "title" }, el("h2", { class: "id" }, id), summary), ...parts.map(([, part]) => part));
  place.setAttribute("role", "region");
  place.setAttribute("aria-label", `Call ${id}`);
  const makers = { trace: traces, logs: lines, events, items };

  async function update() {
    const found = await get(`calls/${encodeURIComponent(id)}`);
    summary.replaceChildren(plural(found.requests.length, "request"), ", ",
      plural(found.logs.length, "log line"), ", ", plural(found.events.length, "event"));
    const parted = { trace: found.traces, logs: found.logs, events: found.events,
      items: [found.items, found.searchedAllItems] };
    for (const [name, part] of parts) {
      replace(part, JSON.stringify(parted[name]), () => makers[name](parted[name]));
    }
  }
  return { update };
}

const KINDS = { gateway: "API Gateway", lambda: "Lambda", function: "Function", aws: "Call of AWS" };

function traces(found) {
  if (found.length === 0) return card("Trace", null, empty("No trace is kept of this call."));
  return found.map((trace) => {
    const total = Math.max(trace.durationMs, 0.001);
    const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => el("span", {}, milliseconds(total * share)));
    const rows = trace.spans.map((span) => {
      const bar = el("div", { class: `span-bar kind-${span.kind} ${span.problem ? "failed" : ""}` });
      bar.style.left = `${(100 * span.offsetMs) / total}%`;
      bar.style.width = `${(100 * span.durationMs) / total}%`;
      const name = el("th", { scope: "row", class: "span wide" },
        el("span", { class: "unseen" }, `${KINDS[span.kind]}: `), span.name, " ",
        span.status && (span.kind === "gateway" || span.status >= 400) ? status(span.status) : null,
        span.detail.filter((it) => it !== "success").map((it) => el("span", { class: "faint" }, ` ${it}`)));
      name.style.setProperty("--depth", span.depth);
      return el("tr", {}, name,
        el("td", { class: "line" },
          el("span", { class: "unseen" }, `begins after ${milliseconds(span.offsetMs)}`),
          el("div", { class: "track", "aria-hidden": "true" }, bar)),
        el("td", { class: "number" }, milliseconds(span.durationMs)));
    });
    const head = el("tr", {}, el("th", { scope: "col", class: "span" }, "Span"),
      el("th", { scope: "col" }, el("div", { class: "line" }, ticks)),
      el("th", { scope: "col", class: "number" }, "Took"));
    const legend = el("ul", { class: "legend" },
      Object.entries(KINDS).map(([kind, text]) => el("li", {}, el("i", { class: `kind-${kind}` }), text)));
    return card("Trace", trace.traceId,
      el("table", { class: "waterfall" },
        el("caption", { class: "unseen" }, `Waterfall of the trace ${trace.traceId}`),
        el("thead", {}, head), el("tbody", {}, rows)),
      legend);
  });
}

function line(record) {
  return el("li", {},
    el("div", { class: "head" }, el("span", { class: "time" }, clock(record.time)), level(record.level ?? kind(record.message)),
      el("span", {}, record.source), record.correlationId ? callLink(record.correlationId) : null),
    message(record.message));
}

function lines(records) {
  return card("Log lines", plural(records.length, "line"),
    records.length ? el("ol", { class: "lines" }, records.map(line)) : empty("No log line is kept."));
}

function event(it) {
  const id = it.detail?.correlationId;
  return json(it.id, [el("span", { class: "time" }, clock(Date.parse(it.time))),
    el("strong", {}, it.detailType), el("span", { class: "faint" }, it.source)], it, id ? callLink(id) : null);
}

function events(found) {
  return card("Events on the bus", plural(found.length, "event"),
    found.length ? el("ol", { class: "lines" }, found.map(event))
      : empty("None yet: an event follows a change after a moment, and nothing else."));
}

function items([found, searchedAll]) {
  const note = searchedAll ? plural(found.length, "item") : "only a part of the tables was searched";
  const entry = ({ table: name, item }) => json(`${item.pk}${item.sk}`,
    [el("strong", {}, item.action ?? name), el("span", { class: "faint" }, name)], item,
    item.userId ? el("a", { class: "id", href: `#/users/${encodeURIComponent(item.userId)}` }, item.userId) : null);
  return card("Audit entries in the tables", note,
    found.length ? el("ol", { class: "lines" }, found.map(entry)) : empty("No item has this correlation id."));
}

/** The latest events of the bus. */
export function bus(main) {
  const place = el("div");
  main.replaceChildren(title("Events", el("p", {}, "The latest first. They arrive after the change, in order per user.")), place);
  async function update() {
    const found = (await get(query("events", { last: ROWS }))).items.reverse();
    replace(place, JSON.stringify(found.map((it) => it.id)), () => el("div", { class: "card" },
      found.length ? el("ol", { class: "lines" }, found.map(event))
        : empty("No event yet. Register a user: ", el("code", {}, "cargo xtask call POST /users --data '{\"email\": \"ada@example.com\"}'"))));
  }
  return { update };
}

/** The audit history of a user. */
export function users(main, id) {
  const place = el("div");
  const input = el("input", { id: "user-id", autocomplete: "off", spellcheck: "false", required: true, size: 30, value: id });
  const submit = (it) => {
    it.preventDefault();
    location.hash = `#/users/${encodeURIComponent(input.value.trim())}`;
  };
  main.replaceChildren(
    title("History of a user"),
    el("form", { class: "title fields", on: { submit } },
      el("label", { for: "user-id" }, "User id"), input, el("button", { type: "submit" }, "Show")),
    place);

  const value = (it) => (Array.isArray(it) ? it.join(", ") : it);
  const change = (it) => el("p", { class: "change" }, `${it.field} `,
    it.old === undefined ? null : el("del", {}, value(it.old)), it.old === undefined || it.new === undefined ? null : " → ",
    it.new === undefined ? null : el("ins", {}, value(it.new)));
  const entry = (it) => el("tr", {},
    el("td", { class: "number" }, it.version), el("td", { class: "time" }, clock(Date.parse(it.at))),
    el("th", { scope: "row" }, it.action),
    el("td", { class: "wide" }, (it.changes ?? []).map(change), it.reason ? el("p", { class: "change faint" }, `because: ${it.reason}`) : null),
    el("td", { class: "wide" }, callLink(it.correlationId)));

  async function update() {
    if (!id) {
      replace(place, "none", () => el("div", { class: "card" }, empty("Enter the id of a user, or follow one from a call.")));
      return;
    }
    const path = `tables/${AUDIT.table}/items`;
    const found = await get(query(path, { partition: AUDIT.partition(id), "sort-prefix": AUDIT.sort, descending: true, plain: true }));
    replace(place, JSON.stringify(found), () => el("div", { class: "card" }, found.items.length
      ? table("history", `Audit history of ${id}, the latest first`,
        [["Version", "number"], ["Time"], ["Action"], ["Changes"], ["Correlation id"]], found.items.map(entry))
      : empty("There is no audit entry of this user."),
    found.next ? empty(`Only the latest ${found.items.length} are shown.`) : null));
  }
  return { update };
}

/** The tables, and the items of one. */
export function tables(main, name) {
  const list = el("div");
  const place = el("div");
  const more = el("button", { type: "button", hidden: true, on: { click: () => page(next) } }, "More items");
  main.replaceChildren(title("Tables"), list, place, el("p", {}, more));
  let next = null;
  let asked = false;
  const shown = el("ol", { class: "lines" });

  async function page(start) {
    const found = await get(query(`tables/${encodeURIComponent(name)}/items`, { limit: 50, start, plain: true }));
    const keys = known.find((it) => it.name === name)?.keys ?? [];
    shown.append(...found.items.map((item) => {
      const key = keys.map((it) => item[it]).join("  ");
      return json(key, el("span", { class: "id wide" }, key), item);
    }));
    next = found.next ?? null;
    more.hidden = next === null;
    if (place.childElementCount === 0) {
      place.append(card(name, "items by key, as they lie in the table",
        shown.childElementCount ? shown : empty("The table is empty.")));
      place.firstElementChild.classList.add("items");
    }
  }

  let known = [];
  async function update() {
    known = (await get("tables")).items;
    replace(list, JSON.stringify(known), () => el("div", { class: "card" }, table("tables", "Tables",
      [["Table"], ["Keys"], ["Items", "number"], ["Bytes", "number"]],
      known.map((it) => el("tr", { class: it.name === name ? "chosen" : null },
        el("th", { scope: "row" }, el("a", { href: `#/tables/${encodeURIComponent(it.name)}` }, it.name)),
        el("td", { class: "id" }, it.keys.join(", ")),
        el("td", { class: "number" }, it.items.toLocaleString("en")),
        el("td", { class: "number" }, it.bytes.toLocaleString("en")))))));
    if (name && !asked) {
      asked = true;
      place.replaceChildren();
      list.style.marginBottom = "14px";
      await page(null);
    }
  }
  return { update };
}

/** The latest log lines. */
export function logs(main) {
  const errors = el("input", { type: "checkbox", id: "errors", on: { change: () => update() } });
  const place = el("div");
  main.replaceChildren(
    title("Log lines", el("div", { class: "more" }, errors, el("label", { for: "errors" }, "Only warnings and errors"))),
    place);
  async function update() {
    const found = (await get(query("logs", { last: ROWS, errors: errors.checked }))).items.reverse();
    replace(place, JSON.stringify([errors.checked, found.at(0)?.seq]), () => el("div", { class: "card" },
      found.length ? el("ol", { class: "lines" }, found.map(line)) : empty("No such line yet.")));
  }
  return { update };
}

// Runs in a page of another origin. `arguments` are the ports of the listeners, the port of the API,
// and what to call at the end with the list of what was read.
const [ports, front, done] = arguments;
const leaks = [];
const forged = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/dynamodb/aws4_request, " +
  "SignedHeaders=host, Signature=0";
const scan = JSON.stringify({TableName: "UsersTable"});
const faults = JSON.stringify({dynamodb: {delayMs: 60000}});
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const within = (promise, ms = 4000) => Promise.race([promise, pause(ms)]);

/** Every path that is worth a try at a listener. */
const pathsOf = (port) => port === front
  ? ["/_local/events", "/_local/tables/UsersTable/items", "/_local/console/console.js", "/_local/logs",
     "/_local/faults", "/_local/streams", "/_local/faults/placed"]
  : ["/", "/users-profile-get/1/2018-06-01/runtime/invocation/next",
     "/users-profile-get/1/2018-06-01/runtime/init/error", "/2018-06-01/runtime/invocation/next"];

/** Notes a leak when what a page may read of an answer is more than nothing. */
const readable = async (way, url, promise) => {
  try {
    const answer = await within(promise);
    if (answer && answer.type !== "opaque" && answer.type !== "opaqueredirect") {
      leaks.push(`${way} ${url}: ${answer.status} ${(await answer.text()).slice(0, 200)}`);
    }
  } catch { /* kept out */ }
};

/** Notes a leak when an element says that it has loaded what it was given. */
const loads = (way, url, name, attributes) => within(new Promise((resolve) => {
  const element = document.createElement(name);
  element.onload = element.onloadeddata = () => { leaks.push(`${way} ${url} loads`); resolve(); };
  element.onerror = resolve;
  Object.assign(element, attributes);
  document.body.append(element);
}), 1500);

const form = async (url, type, target) => {
  const element = document.createElement("form");
  Object.assign(element, {method: "post", action: url, enctype: type, target});
  const field = document.createElement("input");
  // As text, name and value of a field can be JSON together.
  [field.name, field.value] = ['{"dynamodb":{"delayMs":60000},"x":"', '"}'];
  element.append(field);
  document.body.append(element);
  element.submit();
  await pause(50);
};

const frame = (attributes) => {
  const element = document.createElement("iframe");
  Object.assign(element, attributes);
  document.body.append(element);
  return element;
};

const worker = (source) => new Worker(URL.createObjectURL(new Blob([source])));

const ways = {
  "fetch": (url) => readable("fetch", url, fetch(url)),
  "fetch with cookies": (url) => readable("credentials", url, fetch(url, {credentials: "include"})),
  "fetch without cors": (url) => readable("no-cors", url, fetch(url, {mode: "no-cors"})),
  "fetch as if same-origin": (url) => readable("same", url, fetch(url, {mode: "same-origin"})),
  "forged call": (url) => readable("forged", url, fetch(url, {
    method: "POST", body: scan,
    headers: {"x-amz-target": "DynamoDB_20120810.Scan", "x-amz-date": "20260101T000000Z",
              "content-type": "application/x-amz-json-1.0", authorization: forged},
  })),
  "forged event": (url) => readable("event", url, fetch(url, {
    method: "POST", body: '{"Entries":[]}',
    headers: {"x-amz-target": "AWSEvents.PutEvents", authorization: forged},
  })),
  "JSON": (url) => readable("json", url, fetch(url, {
    method: "POST", body: faults, headers: {"content-type": "application/json"},
  })),
  "simple post": (url) => readable("text", url, fetch(url, {
    method: "POST", body: faults, mode: "no-cors", headers: {"content-type": "text/plain"},
  })),
  "post of bytes": (url) => readable("bytes", url, fetch(url, {
    method: "POST", body: new TextEncoder().encode(faults), mode: "no-cors",
  })),
  "post that outlives the page": (url) => readable("keepalive", url, fetch(url, {
    method: "POST", body: faults, mode: "no-cors", keepalive: true,
  })),
  "put": (url) => readable("put", url, fetch(url, {method: "PUT", body: faults})),
  "delete": (url) => readable("delete", url, fetch(url, {method: "DELETE"})),
  "head": (url) => readable("head", url, fetch(url, {method: "HEAD"})),
  "redirect": (url) => readable("redirect", url, fetch(`/to?${encodeURIComponent(url)}`)),
  "redirected post": (url) => readable("redirected", url, fetch(`/to?${encodeURIComponent(url)}`, {
    method: "POST", body: faults, mode: "no-cors", headers: {"content-type": "text/plain"},
  })),
  "beacon": async (url) => { navigator.sendBeacon(url, faults); },
  "beacon of JSON": async (url) => {
    navigator.sendBeacon(url, new Blob([faults], {type: "application/json"}));
  },
  "XMLHttpRequest": (url) => within(new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.onload = () => { leaks.push(`xhr ${url}: ${request.responseText}`); resolve(); };
    request.onerror = resolve;
    request.open("GET", url);
    request.send();
  }), 2000),
  "XMLHttpRequest that posts": (url) => within(new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.upload.onprogress = () => {};
    request.onload = () => { leaks.push(`xhr post ${url}`); resolve(); };
    request.onerror = resolve;
    request.open("POST", url);
    request.send(faults);
  }), 2000),
  "image": (url) => loads("image", url, "img", {src: url}),
  "script": (url) => loads("script", url, "script", {src: url}),
  "module": (url) => loads("module", url, "script", {src: url, type: "module"}),
  "style": (url) => loads("style", url, "link", {rel: "stylesheet", href: url}),
  "prefetch": (url) => loads("preload", url, "link", {rel: "preload", as: "fetch", href: url}),
  "video": (url) => loads("video", url, "video", {src: url}),
  "import": async (url) => {
    try {
      await within(import(url).then(() => leaks.push(`import ${url}`)), 1500);
    } catch { /* kept out */ }
  },
  "frame": async (url) => {
    const inner = frame({src: url});
    await pause(150);
    try { if (inner.contentDocument?.body?.innerText) leaks.push(`frame ${url}`); } catch { /* out */ }
    inner.remove();
  },
  "sandbox": async (url) => {
    // Its origin is `null`.
    frame({sandbox: "allow-scripts allow-forms", srcdoc: `<script>
      fetch(${JSON.stringify(url)}).then((it) => parent.postMessage("sandbox ${url}", "*"), () => {});
      fetch(${JSON.stringify(url)}, {method: "POST", mode: "no-cors", body: '${faults}'});
    <\/script>`});
    await pause(100);
  },
  "form": (url) => form(url, "application/x-www-form-urlencoded", "sink"),
  "form of text": (url) => form(url, "text/plain", "sink"),
  "form of parts": (url) => form(url, "multipart/form-data", "sink"),
  "socket": (url) => within(new Promise((resolve) => {
    const socket = new WebSocket(url.replace("http", "ws"));
    socket.onopen = () => { leaks.push(`socket ${url}`); resolve(); };
    socket.onerror = socket.onclose = resolve;
  }), 2000),
  "event source": (url) => within(new Promise((resolve) => {
    const source = new EventSource(url);
    source.onopen = source.onmessage = () => { leaks.push(`events ${url}`); resolve(); };
    source.onerror = () => { source.close(); resolve(); };
  }), 2000),
  "worker": async (url) => {
    worker(`fetch(${JSON.stringify(url)}).then(() => postMessage("worker ${url}"), () => {})`)
      .onmessage = ({data}) => leaks.push(data);
    worker(`try { importScripts(${JSON.stringify(url)}); postMessage("script ${url}") } catch {}`)
      .onmessage = ({data}) => leaks.push(data);
  },
  "window": async (url) => {
    const opened = window.open(url, "popup");
    await pause(100);
    try { if (opened?.document?.body?.innerText) leaks.push(`window ${url}`); } catch { /* out */ }
  },
};

(async () => {
  addEventListener("message", ({data}) => { if (typeof data === "string") leaks.push(data); });
  frame({name: "sink", hidden: true});
  for (const port of ports) {
    for (const host of ["127.0.0.1", location.hostname]) {
      for (const path of pathsOf(port)) {
        const url = `http://${host}:${port}${path}`;
        await Promise.all(Object.values(ways).map((way) => way(url).catch(() => {})));
      }
    }
  }
  await pause(2000);
  done({leaks, ways: Object.keys(ways).length});
})();

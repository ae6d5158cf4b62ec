// The list of jobs, a page of it at a time, and the page of one job.

const $ = (id) => document.getElementById(id);
const AT_MOST_EVERY = 2000; // the list is loaded anew, while a run goes on
const WAIT_FOR_MORE_KEYS = 250;
const STATES = {
  queued: ["Queued", ""], intent: ["Being sent", "busy"], created: ["At Akool", "busy"],
  refused: ["Refused", "bad"], unknown: ["In doubt", "bad"], completed: ["Completed", "good"],
  failed: ["Failed", "bad"], expired: ["Expired", "bad"], abandoned: ["Abandoned", ""],
  closed: ["Closed", ""],
};
const GOES_ON = ["queued", "intent", "created"];
const HINTS = {
  failed: "It stays as it is. The same akool run command with --retry-failed sends it, and pays for it, again.",
  refused: "It was never created, and cost nothing. The next run sends it again.",
  expired: "Akool has deleted its result. A row with a new key is made, and paid for, again.",
  unknown: "Nobody knows whether Akool made it. Look at the account; then `akool journal resolve` decides.",
  intent: "It is being sent; if no process does so, nobody knows whether Akool made it, and `akool journal resolve` decides.",
};

const FORMAT = new Intl.NumberFormat("en");
const pages = [null]; // where each page up to this one begins
let next = null;
let shown = null; // the job whose page is open
let asked = 0; // answers may come in another order than they were asked for

export const number = (value) => FORMAT.format(value);
export const time = (seconds) => new Date(seconds * 1000).toLocaleTimeString("en-GB");
const moment = (seconds) => new Date(seconds * 1000).toLocaleString("en-GB");

// Fill an element with others, each given by its name and its text.
export function fill(element, parts) {
  const there = [...element.querySelectorAll("dt, dd")];
  if (there.length === parts.length) {
    parts.forEach(([, text], at) => {
      if (there[at].textContent !== text) there[at].textContent = text;
    });
    return;
  }
  element.replaceChildren(...parts.map(([name, text]) => {
    const made = document.createElement(name);
    if (text instanceof Node) made.append(text);
    else made.textContent = text;
    return made;
  }));
}

export function chooseOperations(names) {
  const select = $("operation");
  const there = [...select.options].map((each) => each.value);
  for (const name of names.filter((each) => each && !there.includes(each))) {
    select.add(new Option(name, name));
  }
}

// The list

let seen = "";
let loading = null;
export function jobsMayHaveChanged(mark) {
  if (mark === seen) return;
  seen = mark;
  loading ??= setTimeout(() => {
    loading = null;
    if (shown && GOES_ON.includes(shown.state)) loadJob(shown.number);
    else if (!shown && pages.length === 1) load(); // an older page stays as it is read
  }, AT_MOST_EVERY);
}

async function load() {
  const mine = ++asked;
  const query = new URLSearchParams({
    search: $("search").value, state: $("state").value, operation: $("operation").value,
  });
  const before = pages.at(-1);
  if (before !== null) query.set("before", before);
  let page;
  try {
    const answer = await fetch(`api/rows?${query}`);
    page = await answer.json();
    if (!answer.ok) throw new Error(page.error);
  } catch {
    if (mine === asked) $("where").textContent = "The jobs could not be read.";
    return;
  }
  if (mine === asked) showPage(page);
}

function showPage({ rows, next: following }) {
  next = following;
  const body = $("rows");
  const there = new Map([...body.rows].map((each) => [each.dataset.number, each]));
  const wanted = rows.map((row) => fillRow(there.get(String(row.number)) ?? newRow(row.number), row));
  wanted.forEach((row, at) => { if (body.rows[at] !== row) body.insertBefore(row, body.rows[at] ?? null); });
  while (body.rows.length > wanted.length) body.deleteRow(-1);
  $("none").hidden = rows.length > 0;
  const chosen = ["search", "state", "operation"].some((id) => $(id).value);
  $("none").textContent = chosen ? "No such job." : "No job has been submitted yet.";
  $("newer").disabled = pages.length === 1;
  $("older").disabled = next === null;
  const page = pages.length === 1 && next === null ? "" : `Page ${pages.length}. `;
  const count = rows.length ? `${rows.length} ${rows.length === 1 ? "job" : "jobs"} here` : "";
  $("where").textContent = `${page}${count}`;
}

function newRow(id) {
  const row = document.createElement("tr");
  row.dataset.number = id;
  const head = row.appendChild(document.createElement("th"));
  head.scope = "row";
  const link = head.appendChild(document.createElement("a"));
  [link.className, link.href] = ["key-text", `#/job/${id}`];
  for (const name of ["what", "why"]) head.appendChild(document.createElement("div")).className = name;
  row.insertCell().append(document.createElement("span"));
  row.cells[1].firstChild.className = "state";
  row.insertCell().className = "number wide";
  row.insertCell().className = "wide";
  return row;
}

function fillRow(row, { key, operation, state, why, seconds, changed }) {
  const [head, badge, took, when] = row.cells;
  const put = (element, text) => { if (element.textContent !== text) element.textContent = text; };
  put(head.children[0], key);
  put(head.children[1], operation);
  put(head.children[2], why);
  head.children[2].title = why;
  showState(badge.firstChild, state);
  put(took, seconds === null ? "" : `${seconds.toFixed(1)} s`);
  put(when, changed === null ? "" : moment(changed));
  return row;
}

function showState(badge, state) {
  const [words, tone] = STATES[state] ?? [state, ""];
  if (badge.textContent !== words) badge.textContent = words;
  badge.dataset.tone = tone;
}

function fromTheStart() {
  pages.length = 1;
  load();
}

let typing = null;
$("search").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(fromTheStart, WAIT_FOR_MORE_KEYS);
});
$("state").addEventListener("change", fromTheStart);
$("operation").addEventListener("change", fromTheStart);
$("filter").addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(typing);
  fromTheStart();
});
$("older").addEventListener("click", () => {
  if (next === null) return;
  pages.push(next);
  load();
});
$("newer").addEventListener("click", () => {
  if (pages.length > 1) pages.pop();
  load();
});

// Where the address points: the overview, or a job

export function showPlace() {
  const found = /^#\/job\/(-?\d+)$/.exec(location.hash);
  $("job").hidden = !found;
  $("overview").hidden = Boolean(found);
  shown = null;
  $("job-media").replaceChildren(); // nothing goes on playing
  if (found) return loadJob(found[1]);
  load();
  if (location.hash === "#jobs") $("jobs").focus();
}

async function loadJob(id) {
  let job;
  try {
    const answer = await fetch(`api/rows/${id}`);
    job = await answer.json();
    if (!answer.ok) throw new Error(job.error);
  } catch (error) {
    job = { number: Number(id), key: `#${id}`, state: "", why: `It could not be read: ${error.message}.`, request: "" };
  }
  if (location.hash === `#/job/${id}`) showJob(job);
}

function showJob(job) {
  const again = shown?.number === job.number;
  shown = job;
  $("job-key").textContent = job.key;
  showState($("job-state"), job.state);
  $("job-why").textContent = job.why;
  $("job-hint").textContent = HINTS[job.state] ?? "";
  $("job-request").textContent = job.request;
  $("job-facts").replaceChildren();
  fill($("job-facts"), facts(job).flatMap(([name, value]) => [["dt", name], ["dd", value]]));
  showMedia(job);
  if (again) return; // who reads it is left in peace
  $("job-key").focus();
  window.scrollTo(0, 0);
}

function facts(job) {
  const { outcome } = job;
  const seconds = (value) => (value === undefined || value === null ? null : `${value} s`);
  const at = (value) => (value === undefined || value === null ? null : moment(value));
  const all = [
    ["Operation", job.operation], ["Line", outcome?.line && number(outcome.line)],
    ["Made for", outcome?.input],
    ["Sent", at(job.sent)], ["Accepted", at(job.accepted)], ["Last changed", at(job.changed)],
    ["Before Akool", seconds(outcome?.queued_seconds)], ["At Akool", seconds(outcome?.akool_seconds)],
    ["Times sent", job.attempts ? String(job.attempts) : null],
    ["Error", outcome?.error], ["Code", outcome?.code && String(outcome.code)],
    ["Job's id", job.id], ["Token", job.token], ["File", outcome?.path],
    ["Further files", outcome?.more_files?.map((each) => each.path).join(", ")],
    ["Bytes", outcome?.bytes && number(outcome.bytes)], ["SHA-256", outcome?.sha256],
    ["Address", outcome?.url],
  ];
  return all.filter(([, value]) => value);
}

function showMedia({ outcome, medium, key }) {
  const path = outcome?.path;
  if (!path || !path.startsWith("media/")) return $("job-media").replaceChildren();
  const addressOf = (each) => each.split("/").map(encodeURIComponent).join("/");
  const address = addressOf(path);
  const parts = [];
  if (medium !== "file") {
    const shown = document.createElement(medium === "image" ? "img" : medium);
    shown.src = address;
    if (medium === "image") shown.alt = `The result of ${key}`;
    else shown.controls = true;
    shown.setAttribute("aria-label", `The result of ${key}`);
    parts.push(shown);
  }
  const links = [path, ...(outcome.more_files ?? []).map((each) => each.path)].map((each, index) => {
    const link = document.createElement("a");
    const name = index ? `Download ${each.split("/").pop()}` : "Download the file";
    [link.href, link.textContent] = [`${addressOf(each)}?download=1`, name];
    return link;
  });
  $("job-media").replaceChildren(...parts, ...links);
}

// The page of a run: figures, charts and buttons. `rows.js` has the list of jobs and a job's page.
//
// The server sends the figures, twice a second at most, over one stream. A hidden tab closes its
// stream: a browser has six connections to a server, and each stream holds one.

import { chooseOperations, fill, jobsMayHaveChanged, number, showPlace, time } from "./rows.js";

const $ = (id) => document.getElementById(id);
const HISTORY_EVERY = 10_000;
const PHASES = {
  starting: "Starting", running: "Running", paused: "Paused", "out of credit": "Out of credit",
  "no connection": "No connection", draining: "Draining", over: "Over",
};
const TONES = {
  running: "good", paused: "busy", "out of credit": "bad", "no connection": "bad",
  draining: "busy", starting: "busy",
};

let latest = null; // { running, figures }
let phase = "";
let history = null;

// Figures

function show(picture) {
  latest = picture;
  const { running, figures } = picture;
  const sums = total(figures);
  const left = sums.waiting + sums.in_flight;
  showPhase(running, figures, left);
  showProgress(figures, sums);
  showTiles(running, figures, sums);
  showOperations(figures);
  showErrors(figures.errors);
  showControls(running, figures, left);
  chooseOperations(Object.keys(figures.operations));
  jobsMayHaveChanged(JSON.stringify(figures.operations));
  drawLast(sums.in_flight);
}

function total(figures) {
  const sums = { rows: 0, waiting: 0, in_flight: 0, completed: 0, failed: 0, in_doubt: 0, skipped: 0 };
  for (const each of Object.values(figures.operations)) {
    for (const name of Object.keys(sums)) sums[name] += each[name];
  }
  return sums;
}

function showPhase(running, figures, left) {
  const now = running ? figures.phase : left ? "stopped" : "over";
  const words = latest.hangs ? "No answer" : PHASES[now] ?? "Stopped";
  $("phase").textContent = words;
  $("phase").dataset.tone = now === "stopped" ? "bad" : TONES[now] ?? "";
  if (phase && phase !== now) say(`The run is ${words.toLowerCase()}.`);
  phase = now;
  document.title = `${words}: ${$("name").textContent}`;
}

function showProgress(figures, sums) {
  const ended = sums.completed + sums.failed + sums.in_doubt + sums.skipped;
  $("done").max = Math.max(sums.rows, 1);
  $("done").value = ended;
  $("done-words").textContent = `${number(ended)} of ${number(sums.rows)} rows ended`;
  const eta = figures.phase !== "over" && figures.eta !== null;
  $("eta").textContent = eta ? `about ${clock(figures.eta)} left` : "";
}

function showTiles(running, figures, sums) {
  const rate = figures.per_minute === null ? "–" : number(Math.round(figures.per_minute));
  const tiles = [
    ["Completed", number(sums.completed)], ["Failed", number(sums.failed)],
    ["In doubt", number(sums.in_doubt)], ["In flight", number(sums.in_flight)],
    ["Waiting", number(sums.waiting)], ["Skipped", number(sums.skipped)],
    ["Files saved", `${number(figures.saved)}`], ["On disk", size(figures.bytes)],
  ];
  if (running) {
    tiles.push(["To be saved", number(figures.behind)], ["Rows per minute", rate]);
    tiles.push(["Since its start", clock(figures.elapsed)]);
  }
  if (running || figures.credits_left !== null) {
    tiles.push(["Credits spent", credits(figures.credits_spent)]);
    tiles.push(["Credits left", credits(figures.credits_left)]);
  }
  fill($("tiles"), tiles.flatMap(([name, value]) => [["dt", name], ["dd", value]]));
  pair($("tiles"));
}

// A name and its value stand together, however many fit a line.
function pair(list) {
  const parts = [...list.children];
  if (parts.every((each) => each.tagName === "DIV")) return;
  const pairs = [];
  for (let at = 0; at < parts.length; at += 2) {
    const box = document.createElement("div");
    box.append(parts[at], parts[at + 1]);
    pairs.push(box);
  }
  list.replaceChildren(...pairs);
}

function showOperations(figures) {
  const names = ["rows", "completed", "failed", "in_doubt", "in_flight", "waiting", "skipped"];
  const rows = Object.entries(figures.operations).map(([name, each]) => {
    const cells = names.map((column) => number(each[column]));
    return [name || "(wrong rows)", ...cells, each.median === null ? "–" : `${each.median.toFixed(1)} s`];
  });
  const body = $("operations");
  while (body.rows.length > rows.length) body.deleteRow(-1);
  rows.forEach((cells, at) => {
    let row = body.rows[at];
    if (!row) {
      row = body.insertRow();
      cells.forEach((_, column) => {
        const cell = row.appendChild(document.createElement(column ? "td" : "th"));
        if (column) cell.className = "number";
        else cell.scope = "row";
      });
    }
    cells.forEach((text, column) => { put(row.cells[column], text); });
  });
}

function showErrors(errors) {
  $("errors-section").hidden = !errors.length;
  const list = $("errors");
  while (list.children.length > errors.length) list.lastChild.remove();
  errors.forEach((each, at) => {
    let item = list.children[at];
    if (!item) {
      item = list.appendChild(document.createElement("li"));
      for (const name of ["strong", "span", "p"]) item.append(document.createElement(name));
      item.lastChild.className = "newest hint";
    }
    put(item.children[0], number(each.count));
    put(item.children[1], each.error);
    put(item.children[2], each.newest);
  });
}

// Charts: paths whose points change in place

async function loadHistory() {
  if (document.hidden) return;
  const answer = await ask("api/history");
  if (answer) {
    history = answer;
    draw();
  }
}

function drawLast(inFlight) {
  if (!history) return;
  history.in_flight[history.in_flight.length - 1] = inFlight;
  draw();
}

function draw() {
  const rate = 60 / history.step;
  // The last step is not over: half of its rows are no fall of the rate.
  const whole = history.completed.length > 2 ? -1 : undefined;
  const good = history.completed.slice(0, whole).map((each) => each * rate);
  const bad = history.troubled.slice(0, whole).map((each) => each * rate);
  chart($("ended"), [good, bad]);
  chart($("flying"), [history.in_flight]);
  const most = Math.max(...good);
  put($("ended-words"), `At most ${number(Math.round(most))} completed per minute.`);
  const flying = history.in_flight;
  put($("flying-words"), `Now ${number(flying.at(-1))}, at most ${number(Math.max(...flying))}.`);
}

function chart(svg, lines) {
  const top = Math.max(1, ...lines.flat());
  const figure = svg.closest("figure");
  put(figure.querySelector(".most"), number(Math.round(top)));
  const count = lines[0].length;
  put(figure.querySelector(".from"), time(history.begin));
  put(figure.querySelector(".to"), time(history.begin + history.step * (count - 1)));
  svg.querySelectorAll("path").forEach((path, at) => {
    const points = lines[at].map((value, place) => {
      const x = count > 1 ? (600 * place) / (count - 1) : 0;
      return `${x.toFixed(1)} ${(158 - (156 * value) / top).toFixed(1)}`;
    });
    if (points.length === 1) points.push(points[0].replace("0.0", "600.0"));
    path.setAttribute("d", `M${points.join("L")}`);
  });
}

// Buttons

function showControls(running, figures, left) {
  const going = running && ["running", "paused", "out of credit", "no connection"].includes(figures.phase);
  $("pause").disabled = !going;
  put($("pause"), waits(figures) ? "Resume" : "Pause");
  for (const id of ["drain", "places", "places-set"]) $(id).disabled = !going;
  if (document.activeElement !== $("places") && going) $("places").value = figures.concurrency;
  put($("control-hint"), hintOf(running, figures, left));
}

function waits(figures) {
  return ["paused", "out of credit"].includes(figures.phase);
}

function hintOf(running, figures, left) {
  if (latest.hangs) return "The process that carries this run out does not answer. It may be stopped by a signal.";
  if (!running && !left) return "This run is over.";
  if (!running) return "No process carries this run out. The same akool run command goes on.";
  if (figures.phase === "draining") return "Nothing more is created; what is in flight is awaited and saved.";
  if (figures.phase === "paused") return "Nothing is created until it is resumed; what is in flight goes on.";
  if (figures.phase === "out of credit") return "The account has no credit. It goes on once there is some, or now with Resume.";
  if (figures.phase === "no connection") return "Akool, or the bucket for uploads, cannot be reached. It goes on by itself once it can.";
  return "";
}

async function command(document, words) {
  const headers = { "Content-Type": "application/json" };
  const figures = await ask("api/do", { method: "POST", headers, body: JSON.stringify(document) });
  if (!figures) return;
  show({ running: true, figures });
  say(words);
}

$("pause").addEventListener("click", () => {
  const paused = latest !== null && waits(latest.figures);
  command({ do: paused ? "resume" : "pause" }, paused ? "Resumed." : "Paused.");
});
$("drain").addEventListener("click", () => { $("sure").returnValue = ""; $("sure").showModal(); });
$("sure").addEventListener("close", () => {
  if ($("sure").returnValue === "drain") command({ do: "drain" }, "Draining.");
});
$("places-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const concurrency = Number($("places").value);
  command({ do: "set", concurrency }, `${concurrency} jobs at once.`);
});

// The stream

let source = null;
function streamWhileVisible() {
  if (document.hidden) {
    source?.close();
    source = null;
    return;
  }
  if (source) return;
  loadHistory();
  source = new EventSource("api/events");
  source.onopen = () => put($("link"), "");
  source.onmessage = ({ data }) => show(JSON.parse(data));
  source.onerror = () => {
    put($("link"), "Connection lost. Trying again…");
    if (source.readyState !== EventSource.CLOSED) return; // the browser connects again
    source = null;
    setTimeout(streamWhileVisible, 2000);
  };
}

// Small things

async function ask(path, options) {
  try {
    const answer = await fetch(path, options);
    const said = await answer.json();
    if (answer.ok) return said;
    say(`That was refused: ${said.error}.`);
    put($("control-hint"), `That was refused: ${said.error}.`);
  } catch {
    put($("link"), "Connection lost. Trying again…");
  }
  return null;
}

function say(words) {
  $("said").textContent = words;
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text; // text, whatever is in it
}

function credits(value) {
  return value === null ? "unknown" : number(Math.round(value * 100) / 100);
}

function clock(seconds) {
  const all = Math.round(seconds);
  const parts = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  const [hours, minutes, rest] = parts.map((each) => String(each).padStart(2, "0"));
  return parts[0] ? `${parts[0]}:${minutes}:${rest}` : `${Number(minutes)}:${rest}`;
}

function size(bytes) {
  if (bytes < 1e6) return `${number(Math.round(bytes / 1e3))} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

async function begin() {
  const run = await ask("api/run");
  if (run) {
    $("name").textContent = run.name;
    const since = run.started ? `, started ${new Date(run.started).toLocaleString("en-GB")}` : "";
    $("about").textContent = `${run.manifests.join(", ") || run.folder}${since}`;
    $("about").title = run.folder;
  }
  document.addEventListener("visibilitychange", streamWhileVisible);
  window.addEventListener("hashchange", showPlace);
  streamWhileVisible();
  showPlace();
  setInterval(() => { if (latest?.running) loadHistory(); }, HISTORY_EVERY);
}

begin();

// The page: sends photos and orders, and shows how far each order is.
//
// Whatever is sent is sent again until there is an answer, so a server that is killed loses nothing:
// an order is named here, and one name is one order, however often it arrives.

const $ = (id) => document.getElementById(id);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const STATES = {
  uploading: "Uploading", queued: "Queued", processing: "Processing", done: "Done",
  failed: "Failed", unsure: "In doubt",
};
const BUTTONS = { try: "Try again", look: "Look again", remove: "Remove" };
const NEVER_MIND = [408, 425, 429, 500, 502, 503, 504]; // answers of a server that is not well

// Requests

class Refused extends Error {}

// Send a request until it is answered. Throws Refused with the server's reason.
async function ask(method, path, body, type = "application/json") {
  for (let pause = 250; ; pause = Math.min(2 * pause, 4000)) {
    let answer;
    try {
      const headers = body === undefined ? {} : { "Content-Type": type };
      answer = await fetch(path, { method, body, headers });
      if (answer.ok) return await answer.json();
    } catch {
      answer = null; // no connection, or it broke in the middle of the answer
    }
    if (answer && !NEVER_MIND.includes(answer.status)) {
      const said = await answer.json().catch(() => ({}));
      throw new Refused(typeof said.detail === "string" ? said.detail : "The server refused it.");
    }
    await sleep(pause);
  }
}

async function upload(file) {
  if (file.size > 20 * 2 ** 20) throw new Refused("The photo is larger than 20 MB.");
  return (await ask("POST", "/api/photos", file, "application/octet-stream")).photo;
}

// Orders on the page

const cards = new Map(); // by the order's id: { order, element }
const announced = new Map();

function words(order) {
  if (order.kind === "face") return "Another face";
  const years = Math.abs(order.years);
  return `${years} ${years === 1 ? "year" : "years"} ${order.years < 0 ? "younger" : "older"}`;
}

function show(order) {
  let card = cards.get(order.id);
  if (card && order.at < card.order.at) return; // older than what is shown
  if (!card) {
    card = { element: $("card").content.firstElementChild.cloneNode(true) };
    card.element.querySelector(".again").addEventListener("click", () => again(order.id));
    cards.set(order.id, card);
    place(card.element, order.created);
  }
  const before = card.order;
  card.order = order;
  fill(card.element, order);
  $("empty").hidden = true;
  if (before && before.state !== order.state) announce(order);
}

function place(element, created) {
  element.dataset.created = created;
  const later = [...$("list").children].find((other) => Number(other.dataset.created) < created);
  $("list").insertBefore(element, later ?? null);
}

function fill(element, order) {
  const find = (selector) => element.querySelector(selector);
  const busy = ["uploading", "queued", "processing"].includes(order.state);
  find("h3").textContent = order.photo_name; // text, whatever the file is called
  find("h3").title = order.photo_name; // a long name is cut in the heading
  find(".what").textContent = words(order);
  find(".state").textContent = STATES[order.state];
  find(".state").dataset.state = order.state;
  find(".note").textContent = order.note;
  const picture = find(".before");
  picture.alt = `Before: ${order.photo_name}`;
  if (order.photo || order.preview) load(picture, order.photo ? `/photos/${order.photo}` : order.preview);
  const after = find(".after");
  after.hidden = !order.has_result;
  after.alt = `After: ${order.photo_name}, ${words(order).toLowerCase()}`;
  const address = `/api/orders/${order.id}/result`;
  if (order.has_result) load(after, address);
  const inLine = order.position !== null;
  find("progress").hidden = !busy || inLine;
  find(".nothing").hidden = (busy && !inLine) || order.has_result;
  find(".nothing").textContent = inLine ? `Number ${order.position} in line` : "No picture";
  const download = find(".download");
  download.hidden = !order.has_result;
  download.href = `${address}?download=true`;
  download.setAttribute("aria-label", `Download ${order.photo_name}`);
  const button = find(".again");
  button.hidden = !order.again;
  button.textContent = BUTTONS[order.again] ?? "";
  button.setAttribute("aria-label", `${button.textContent}: ${order.photo_name}`);
}

// Show a picture; ask for it again where the server did not answer.
function load(picture, address) {
  if (picture.getAttribute("src") === address) return;
  let pause = 1000;
  picture.onerror = () => {
    pause = Math.min(2 * pause, 60_000); // it may also be no picture at all
    if (!address.startsWith("blob:")) setTimeout(() => { picture.src = address; }, pause);
  };
  picture.src = address;
}

async function again(id) {
  const { order, element } = cards.get(id);
  if (order.again === "remove") return remove(id);
  element.querySelector("h3").focus(); // the button goes, and the focus would go with it
  element.querySelector(".again").hidden = true;
  try {
    const body = JSON.stringify({ failed: order.attempt });
    tell({ order: await ask("POST", `/api/orders/${id}/again`, body) });
  } catch (error) {
    show({ ...order, note: error.message });
  }
}

// Remove the card of an order that the server never took.
function remove(id) {
  cards.get(id).element.remove();
  cards.delete(id);
  $("empty").hidden = cards.size > 0;
  $("orders").focus();
}

// What has changed is said once for all changes of a second, not ten times in a row.
let saying = null;
function announce(order) {
  announced.set(order.id, order);
  saying ??= setTimeout(() => {
    saying = null;
    const lines = [...announced.values()].map(
      (each) => `${each.photo_name}: ${STATES[each.state]}. ${each.note}`.trim(),
    );
    announced.clear();
    const more = lines.length > 3 ? ` And ${lines.length - 3} more.` : "";
    $("said").textContent = lines.slice(0, 3).join(" ") + more;
  }, 800);
}

// One stream of events for all tabs of this browser: a server over HTTP/1.1 gets six connections
// from a browser, so a seventh tab with a stream of its own would hang. One tab holds the stream and
// passes everything on. When it is closed, the lock goes to the next one.

const channel = new BroadcastChannel("akool-web");
channel.onmessage = ({ data }) => take(data);

function tell(message) {
  take(message);
  channel.postMessage(message);
}

function take({ all, order, lost }) {
  if (lost !== undefined) $("link").textContent = lost ? "Connection lost. Trying again…" : "";
  if (all) {
    $("mode").hidden = false;
    $("mode").textContent = all.simulated
      ? "Simulated: nothing is sent to Akool, and nothing is paid."
      : "Akool makes these pictures, and each one costs credit.";
    for (const each of [...all.orders].reverse()) show(each);
  }
  if (order) show(order);
}

let source = null;
function openStream() {
  source = new EventSource("/api/events");
  source.addEventListener("all", ({ data }) => tell({ all: JSON.parse(data), lost: false }));
  source.addEventListener("order", ({ data }) => tell({ order: JSON.parse(data) }));
  source.onerror = async () => {
    tell({ lost: true });
    if (source?.readyState !== EventSource.CLOSED) return; // the browser connects again
    await sleep(1000);
    if (source?.readyState === EventSource.CLOSED) openStream();
  };
}

function streamWhileVisible() {
  if (document.hidden) {
    source?.close();
    source = null;
  } else if (!source) {
    openStream();
  }
}

if (navigator.locks) {
  // The promise never ends: the lock is held until the tab is closed.
  navigator.locks.request("akool-web-stream", () => new Promise(openStream));
} else {
  document.addEventListener("visibilitychange", streamWhileVisible);
  streamWhileVisible();
}
ask("GET", "/api/orders").then((all) => take({ all }), ({ message }) => problem(message));

// The form

let chosen = []; // { file, preview }

function problem(text) {
  $("problem").textContent = text;
}

function choose(files) {
  const photos = [...files].filter((file) => file.type.startsWith("image/"));
  problem(photos.length < files.length ? "Only photos can be used." : "");
  chosen = [...chosen, ...photos.map((file) => ({ file, preview: URL.createObjectURL(file) }))];
  showChosen();
}

function showChosen() {
  $("chosen").replaceChildren(...chosen.map((each) => {
    const line = document.createElement("li");
    const picture = document.createElement("img");
    const name = document.createElement("span");
    const remove = document.createElement("button");
    [picture.src, picture.alt, name.textContent] = [each.preview, "", each.file.name];
    [remove.type, remove.textContent] = ["button", "Remove"];
    remove.setAttribute("aria-label", `Remove ${each.file.name}`);
    remove.addEventListener("click", () => {
      chosen = chosen.filter((other) => other !== each);
      URL.revokeObjectURL(each.preview);
      showChosen();
      $("photos").focus();
    });
    line.append(picture, name, remove);
    return line;
  }));
  const count = chosen.length;
  $("start").textContent = count > 1 ? `Make ${count} pictures` : "Make the picture";
}

function showChange() {
  const age = $("form").elements.kind.value === "age";
  $("age").hidden = !age;
  $("face").hidden = age;
  const years = Number($("years").value);
  $("years-words").textContent = years === 0 ? "No change" : words({ kind: "age", years });
}

$("photos").addEventListener("change", ({ target }) => {
  choose(target.files);
  target.value = ""; // so that the same file can be chosen again
});
$("new-face").addEventListener("change", ({ target }) => {
  const [file] = target.files;
  if ($("face-shown").src) URL.revokeObjectURL($("face-shown").src);
  $("face-shown").hidden = !file;
  if (file) $("face-shown").src = URL.createObjectURL(file);
});
$("form").addEventListener("input", showChange);
document.addEventListener("paste", ({ clipboardData }) => {
  if (clipboardData.files.length) choose(clipboardData.files);
});
document.addEventListener("dragover", (event) => {
  event.preventDefault(); // else the browser opens what is dropped, and the page is gone
  $("drop").classList.add("over");
});
document.addEventListener("dragleave", ({ relatedTarget }) => {
  if (!relatedTarget) $("drop").classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  $("drop").classList.remove("over");
  choose(event.dataTransfer.files);
});

$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const kind = $("form").elements.kind.value;
  const years = Number($("years").value);
  const [face] = $("new-face").files;
  if (!chosen.length) return refuse("Choose a photo first.", "photos");
  if (kind === "age" && years === 0) return refuse("Choose a number of years.", "years");
  if (kind === "face" && !face) return refuse("Choose a photo with the new face.", "new-face");
  problem("");
  const uploaded = kind === "face" ? upload(face) : null; // one upload for all orders
  let before = Promise.resolve(); // photos travel together; orders arrive as they were chosen
  for (const each of chosen) {
    before = order(each, kind === "age" ? { kind, years } : { kind }, uploaded, before);
  }
  chosen = [];
  showChosen();
  if (matchMedia("(max-width: 60rem)").matches) $("orders").scrollIntoView();
});

function refuse(text, field) {
  problem(text);
  $(field).focus();
}

async function order({ file, preview }, change, uploadedFace, before) {
  const id = newId();
  const draft = {
    id, at: 0, position: null, attempt: 0, photo_name: file.name, preview, kind: change.kind,
    years: change.years ?? null, created: Date.now() / 1000, has_result: false,
  };
  show({ ...draft, state: "uploading", note: "", again: "" });
  try {
    const photo = await upload(file);
    const wish = uploadedFace ? { ...change, face: await uploadedFace } : change;
    const body = JSON.stringify({ photo, photo_name: file.name, change: wish });
    await before;
    tell({ order: await ask("PUT", `/api/orders/${id}`, body) });
    URL.revokeObjectURL(preview);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    show({ ...draft, state: "failed", note: error.message, again: "remove" });
  }
}

function newId() {
  // crypto.randomUUID exists only where the page is secure; this exists everywhere.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

addEventListener("beforeunload", (event) => {
  const uploading = [...cards.values()].some(({ order: { state } }) => state === "uploading");
  if (uploading || chosen.length) event.preventDefault(); // photos that nobody else has yet
});
showChange();
showChosen();

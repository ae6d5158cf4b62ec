// What was said: whole texts in a log that a screen reader announces politely, and below it the text
// that is being said, which is not announced piece by piece.

const NAMES = { bot: "Avatar", user: "You" };
const MOST = 200; // entries in the log
const NEAR = 80; // pixels from the end, within which the newest is kept in view

const said = document.getElementById("said");
const log = document.getElementById("log");
const growing = document.getElementById("growing");
const empty = document.getElementById("empty");
const texts = new Map(); // by speaker: the message that is not whole yet
let atEnd = true; // whoever reads further up is left there
let height = said.clientHeight;

said.addEventListener("scroll", () => {
  if (said.clientHeight !== height) return; // it was resized: nobody has scrolled
  atEnd = said.scrollHeight - said.scrollTop - said.clientHeight < NEAR;
});
new ResizeObserver(() => {
  height = said.clientHeight; // a longer message takes of it
  keepInView();
}).observe(said);

// Take a caption: what is new of a text.
export function take({ speaker, mid, text, final, gap }) {
  if (texts.has(speaker) && texts.get(speaker).mid !== mid) finish(speaker, " …");
  const before = texts.get(speaker)?.text ?? "";
  texts.set(speaker, { mid, text: before + (gap ? " … " : "") + text });
  if (final) finish(speaker, "");
  else show(speaker);
}

// Write what somebody said into the log.
export function add(speaker, text) {
  const entry = document.createElement("p");
  entry.append(document.createElement("b"), document.createElement("span"));
  fill(entry, speaker, text);
  log.append(entry);
  while (log.childElementCount > MOST) log.firstElementChild.remove();
  empty.hidden = true;
  keepInView();
}

// Nobody speaks any more: what never became whole is written as far as it came.
export function flush() {
  for (const speaker of [...texts.keys()]) finish(speaker, " …");
}

// A new session begins with an empty log.
export function clear() {
  texts.clear();
  atEnd = true;
  growing.hidden = true;
  log.replaceChildren();
  empty.hidden = false;
}

function finish(speaker, more) {
  const text = texts.get(speaker).text.trim();
  texts.delete(speaker);
  growing.hidden = true;
  if (text !== "") add(speaker, text + more);
}

function show(speaker) {
  fill(growing, speaker, texts.get(speaker).text);
  growing.hidden = false;
  empty.hidden = true;
  keepInView();
}

function fill(entry, speaker, text) {
  entry.className = speaker;
  entry.firstElementChild.textContent = `${NAMES[speaker]}: `;
  entry.lastElementChild.textContent = text;
}

function keepInView() {
  if (atEnd) said.scrollTop = said.scrollHeight;
}

// What was said: whole texts in a log that a screen reader announces politely, and what is being
// said as a subtitle over the picture.

const NAMES = { bot: "Avatar", user: "You" };
const MOST = 200; // entries in the log
const TAIL = 140; // characters of a subtitle: the newest

const log = document.getElementById("log");
const subtitle = document.getElementById("subtitle");
const empty = document.getElementById("empty");
const growing = new Map(); // texts that are not whole yet, by speaker and message

// Take a caption: what is new of a text.
export function take({ speaker, mid, text, final, gap }) {
  const key = `${speaker} ${mid}`;
  const whole = (growing.get(key) ?? "") + (gap ? " … " : "") + text;
  if (final) growing.delete(key);
  else growing.set(key, whole);
  subtitle.textContent = whole.length > TAIL ? `… ${whole.slice(-TAIL)}` : whole;
  subtitle.dataset.speaker = speaker;
  if (final && whole.trim() !== "") add(speaker, whole.trim());
}

// Write what somebody said into the log.
export function add(speaker, text) {
  const entry = document.createElement("p");
  const name = document.createElement("b");
  const words = document.createElement("span");
  entry.className = speaker;
  name.textContent = `${NAMES[speaker]}: `;
  words.textContent = text;
  entry.append(name, words);
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  log.append(entry);
  while (log.childElementCount > MOST) log.firstElementChild.remove();
  if (atEnd) log.scrollTop = log.scrollHeight; // whoever reads further up is left there
  empty.hidden = true;
}

// Nothing is being said any more; what never became whole is written as it is.
export function silent() {
  subtitle.textContent = "";
}

export function flush() {
  for (const [key, text] of growing) add(key.split(" ", 1)[0], `${text.trim()} …`);
  growing.clear();
  silent();
}

// A new session begins with an empty log.
export function clear() {
  growing.clear();
  silent();
  log.replaceChildren();
  empty.hidden = false;
}

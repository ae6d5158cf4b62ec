// The page: what is pressed, and what is seen and heard.

import * as backend from "./backend.js";
import * as captions from "./captions.js";
import { Problem } from "./deadlines.js";
import * as listening from "./microphone.js";
import { Session, kept } from "./session.js";

const $ = (id) => document.getElementById(id);
const main = $("main"), video = $("video");

const STILL_THERE = "Are you still there?";

let settings, carrier;
let session = null;
let begun = false; // whether people could talk in this session
let voice = null; // the microphone's track
let endsAt = null; // milliseconds, as performance.now() counts them
let seen = null; // called once the avatar's picture is seen

// What the page shows: idle, starting, live, or ended.

function show(state, title = "", step = "") {
  main.dataset.state = state;
  const live = state === "live";
  $("panel").hidden = live;
  $("title").textContent = title;
  $("step").textContent = step;
  $("opening").hidden = !["idle", "ended"].includes(state);
  $("cancel").hidden = state !== "starting";
  $("end").hidden = $("live").hidden = !live;
  for (const id of ["text", "send", "microphone"]) $(id).disabled = !live;
  if (!live) speaking(false);
}

function notice(words) {
  $("notice").textContent = words;
}

function speaking(now) {
  main.classList.toggle("speaking", now);
  const button = $("interrupt");
  const focused = document.activeElement === button;
  button.disabled = main.dataset.state !== "live";
  if (button.disabled && focused) $("title").focus();
}

function length(seconds) {
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.round(seconds / 6) / 10;
  return minutes === 1 ? "1 minute" : `${minutes} minutes`;
}

// A session

const hear = {
  step: (words) => show("starting", "One moment", words),
  track(track) {
    const stream = video.srcObject ?? new MediaStream();
    for (const old of stream.getTracks()) if (old.kind === track.kind) stream.removeTrack(old);
    stream.addTrack(track);
    video.srcObject = stream;
    play();
  },
  picture: () => new Promise((resolve) => {
    seen = resolve;
    if (video.videoWidth > 0) resolve();
  }),
  frame(frame) {
    if (frame.type === "session") count(frame.remaining);
    else if (frame.type === "caption") caption(frame);
    else if (frame.type === "speaking") speaking(true);
    else if (frame.type === "silent") speaking(false);
    else if (frame.type === "warned") warned(frame);
    else if (frame.type === "idle") idle(frame);
    else if (frame.type === "refused") notice(frame.message);
    if (frame.type === "session" && main.dataset.state === "live") notice("");
  },
  down: () => notice("The connection to the server is down. Trying to get it back …"),
  problem: notice,
  ending() {
    session = null;
    closeMicrophone();
    captions.flush();
    show("ending", "One moment", "Ending the session …");
    $("title").focus();
  },
  ended(words) {
    video.srcObject = null;
    $("sound").hidden = true;
    notice("");
    document.title = "Talk with a live avatar";
    show("ended", begun ? "The session is over" : "The session did not start", words);
    $("start").textContent = "Start again";
    $("title").focus();
  },
};

async function begin(wish, opened) {
  if (session !== null) return;
  session = new Session(carrier, hear, settings.deadlines);
  begun = opened !== undefined;
  captions.clear();
  notice("");
  const mine = session;
  await (opened ? mine.resume(opened) : mine.start(wish));
  if (session !== mine) return;
  begun = true;
  show("live");
  document.title = "Live – Talk with a live avatar";
  notice("You are live. Type a message, or turn on the microphone.");
  $("text").focus();
}

function caption(frame) {
  captions.take(frame);
  if ($("notice").textContent.startsWith(STILL_THERE)) notice("");
}

function warned({ what, seconds }) {
  const left = length(Math.round(seconds));
  notice(what === "session" ? `${left} left.` : `${left} left to join the channel.`);
}

function idle({ seconds }) {
  notice(`${STILL_THERE} Say or type something, or the session ends in ${length(Math.round(seconds))}.`);
}

function count(remaining) {
  endsAt = remaining === null ? null : performance.now() + remaining * 1000;
  tick();
}

function tick() {
  if (endsAt === null) {
    $("left").textContent = "Live";
    return;
  }
  const left = Math.max(0, Math.ceil((endsAt - performance.now()) / 1000));
  const clock = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  $("left").textContent = `${clock} left`;
  $("live").classList.toggle("soon", left <= 30);
}

// Sound. Start is a gesture, so it may play; after a reload there was none, and it may not.

async function play() {
  try {
    video.muted = false;
    await video.play();
    $("sound").hidden = true;
  } catch (error) {
    if (error.name !== "NotAllowedError") return; // another track has come meanwhile
    $("sound").hidden = false;
    video.muted = true; // the picture at least
    await video.play().catch(() => {});
  }
}

// The microphone

async function toggleMicrophone() {
  if (voice !== null) return closeMicrophone();
  const mine = session;
  microphone("asking");
  try {
    const track = await listening.open(settings.deadlines.microphone);
    if (session !== mine) return track.stop();
    voice = track;
    track.onended = () => {
      closeMicrophone();
      notice("The microphone was unplugged. You can go on typing.");
    };
    await mine.microphone(track);
    microphone("on");
    notice("The avatar hears you.");
  } catch (error) {
    closeMicrophone();
    if (session === mine) notice(error.message);
  }
}

function closeMicrophone() {
  if (voice !== null) {
    voice.onended = null;
    voice.stop();
    session?.microphone(null).catch(() => {});
  }
  voice = null;
  microphone("off");
}

function microphone(state) {
  const button = $("microphone");
  button.dataset.state = state;
  button.setAttribute("aria-pressed", String(state === "on"));
  $("microphone-state").textContent = state === "asking" ? " …" : `: ${state}`;
}

// What a person does

function send() {
  const text = whole($("text").value).trim();
  if (text === "" || session === null) return;
  try {
    session.say(text);
  } catch (error) {
    notice(error.message);
    return;
  }
  captions.add("user", text);
  $("text").value = "";
  fit();
  notice("");
}

// Half a character, as a paste may leave it, is nothing that can be sent.
function whole(text) {
  return text.toWellFormed?.() ?? text;
}

function interrupt() {
  if (session === null || main.dataset.state !== "live") return;
  try {
    session.interrupt();
    speaking(false);
    notice("The avatar was asked to stop.");
  } catch (error) {
    notice(error.message);
  }
}

function fit() {
  const text = $("text");
  text.style.height = "auto";
  text.style.height = `${text.scrollHeight + 2}px`;
}

$("opening").addEventListener("submit", (event) => {
  event.preventDefault();
  const duration = Number($("duration").value);
  begin({ avatar_id: $("avatar").value, ...(duration ? { duration } : {}) });
  $("title").focus(); // not Cancel: a key that is held down would press it
});
$("cancel").addEventListener("click", ({ detail }) => {
  if (detail < 2) session?.end("You cancelled the start."); // else Start was clicked twice
});
$("end").addEventListener("click", () => session?.end("You ended the session."));
$("sound").addEventListener("click", () => {
  play();
  $("text").focus();
});
$("microphone").addEventListener("click", toggleMicrophone);
$("interrupt").addEventListener("click", interrupt);
$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
$("text").addEventListener("input", fit);
$("text").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  send();
});
addEventListener("keydown", (event) => {
  if (event.key === "Escape") interrupt();
});
video.addEventListener("resize", () => {
  if (video.videoWidth === 0) return;
  $("stage").style.setProperty("--shape", video.videoWidth / video.videoHeight);
  seen?.();
});
addEventListener("pagehide", () => session?.leave());
addEventListener("pageshow", (event) => event.persisted && location.reload());
setInterval(tick, 1000);

// The beginning

function option(value, text) {
  const made = document.createElement("option");
  made.value = value;
  made.textContent = text;
  return made;
}

function script(address, seconds) {
  return new Promise((resolve, reject) => {
    const made = document.createElement("script");
    const missing = () => reject(new Problem(`The server does not have ${address}.`));
    setTimeout(missing, seconds * 1000);
    made.src = address;
    made.onload = resolve;
    made.onerror = missing;
    document.head.append(made);
  });
}

async function load() {
  settings = await backend.settings();
  $("avatar").append(...settings.avatars.map(({ id, name }) => option(id, name)));
  $("duration").append(...settings.durations.map((each) => option(each, length(each))));
  $("avatar-choice").hidden = settings.avatars.length < 2;
  $("duration-choice").hidden = settings.durations.length < 2;
  $("money").textContent = settings.simulated
    ? "Simulated: nothing is paid." : "A session is paid by the second until it ends.";
  for (const each of settings.scripts) await script(each, settings.deadlines.scripts);
  carrier = await import(`./${settings.carrier}.js`);
}

async function first() {
  show("loading", "One moment", "The page gets ready …");
  try {
    await load();
  } catch (error) {
    const other = "The server does not answer. Reload this page in a minute.";
    show("failed", "This page is not ready", error instanceof Problem ? error.message : other);
    return;
  }
  const opened = kept();
  if (opened !== null) begin(null, opened);
  else show("idle", "Meet your avatar", "You see and hear the avatar. Type to it, or talk to it.");
}

first();

// Agora's channel, by the AgoraRTC that your own server serves. The same five functions as
// loopback.js.

import { Problem, within } from "./deadlines.js";

const LEAVING = 3; // seconds
const WARNINGS = 2; // AgoraRTC's level: warnings and errors only

let client = null, voice = null;
let hear = { message() {}, track() {}, left() {} };

// Join the channel; return once messages can be sent. Without a network, AgoraRTC would go on trying
// for ever: our deadline ends that, and leaves.
export async function join(credentials, seconds, signal) {
  const mine = client = created();
  listen(mine);
  const { agora_app_id, agora_channel, agora_token, agora_uid } = credentials;
  const joining = mine.join(agora_app_id, agora_channel, agora_token, agora_uid);
  joining.catch(() => {}); // leaving makes it fail later, when nobody waits for it any more
  try {
    await within(seconds, "The avatar's channel did not open in time.", joining, signal);
  } catch (error) {
    await leave();
    signal?.throwIfAborted();
    if (error instanceof Problem) throw error;
    throw new Problem(`The avatar's channel refused this page (${error.code ?? error.message}).`);
  }
}

// Send a message into the channel. The types of AgoraRTC do not show this function; its second
// argument asks not to repeat what is lost.
export async function send(bytes) {
  if (client === null) throw new Problem("The channel is not open.");
  await client.sendStreamMessage(bytes, false);
}

// Name the functions that hear: message(bytes), track(media track), and left(words).
export function receive(functions) {
  hear = functions;
}

// Publish a track of the microphone; null stops it.
export async function microphone(track) {
  const old = voice;
  voice = null;
  if (old !== null) {
    await client?.unpublish(old);
    old.close();
  }
  if (track === null || client === null) return;
  voice = globalThis.AgoraRTC.createCustomAudioTrack({ mediaStreamTrack: track });
  await client.publish(voice);
}

export async function leave() {
  const old = client;
  client = null;
  voice?.close();
  voice = null;
  if (old === null) return;
  old.removeAllListeners();
  await within(LEAVING, "The channel did not let go in time.", old.leave()).catch(() => {});
}

function created() {
  const { AgoraRTC } = globalThis;
  if (!AgoraRTC) throw new Problem("AgoraRTC is missing on this page.");
  AgoraRTC.disableLogUpload(); // nothing of a talk goes to Agora's logs
  AgoraRTC.setLogLevel(WARNINGS);
  const made = AgoraRTC.createClient({ mode: "rtc", codec: "vp8" });
  if (typeof made.sendStreamMessage !== "function") {
    throw new Problem("This version of AgoraRTC cannot send messages: serve another one.");
  }
  return made;
}

function listen(mine) {
  const gone = (words) => {
    if (mine !== client) return; // the page itself has left
    leave();
    hear.left(words);
  };
  let avatar = null;
  mine.on("user-published", async (user, kind) => {
    if (kind === "video") avatar = user.uid;
    const track = await mine.subscribe(user, kind);
    if (mine === client) hear.track(track.getMediaStreamTrack());
  });
  mine.on("user-left", ({ uid }) => uid === avatar && gone("The avatar has left."));
  mine.on("connection-state-change", (now, before, reason) => {
    if (now === "DISCONNECTED") gone(`The connection to the avatar was lost (${reason}).`);
  });
  mine.on("stream-message", (_uid, data) => hear.message(bytesOf(data)));
}

function bytesOf(data) {
  return typeof data === "string" ? new TextEncoder().encode(data) : new Uint8Array(data);
}

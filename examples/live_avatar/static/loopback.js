// The simulator's media peer, by plain WebRTC. The same five functions as agora.js.

import { Problem, within } from "./deadlines.js";

const GATHERING = 1; // seconds: what the browser has not found by then is not needed on loopback

let peer = null, channel = null, voice = null;
let hear = { message() {}, track() {}, left() {} };

// Join the channel; return once messages can be sent.
export async function join(credentials, seconds, signal) {
  const words = "The avatar's channel did not open in time. A browser needs a network for it, even on this machine.";
  const mine = peer = new RTCPeerConnection();
  try {
    await within(seconds, words, connected(mine, credentials, signal), signal);
  } catch (error) {
    if (mine === peer) await leave();
    throw error;
  }
}

// Send a message into the channel.
export async function send(bytes) {
  if (channel?.readyState !== "open") throw new Problem("The channel is not open.");
  channel.send(bytes);
}

// Name the functions that hear: message(bytes), track(media track), and left(words).
export function receive(functions) {
  hear = functions;
}

// Publish a track of the microphone; null stops it.
export async function microphone(track) {
  await voice?.replaceTrack(track);
}

export async function leave() {
  const old = peer;
  peer = channel = voice = null;
  old?.close();
}

async function connected(mine, { agora_channel, agora_token, agora_uid }, signal) {
  mine.addTransceiver("video", { direction: "recvonly" });
  voice = mine.addTransceiver("audio", { direction: "sendrecv" }).sender;
  const opened = new Promise((resolve, reject) => {
    channel = mine.createDataChannel("stream-message", { ordered: false });
    channel.binaryType = "arraybuffer";
    channel.onopen = resolve;
    channel.onmessage = ({ data }) => hear.message(bytesOf(data));
    channel.onclose = () => {
      reject(new Problem("The channel was closed."));
      gone(mine);
    };
  });
  opened.catch(() => {}); // it is awaited below, if the answer comes
  mine.ontrack = ({ track }) => hear.track(track);
  mine.onconnectionstatechange = () => {
    if (["failed", "closed"].includes(mine.connectionState)) gone(mine);
  };
  await mine.setLocalDescription();
  await gathered(mine);
  const answer = await fetch("loopback/join", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({
      channel: agora_channel, token: agora_token, uid: agora_uid, sdp: mine.localDescription.sdp,
    }),
    signal,
  });
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Problem(said.message ?? "The channel refused this page.");
  await mine.setRemoteDescription({ type: "answer", sdp: said.sdp });
  await opened;
}

function gathered(mine) {
  if (mine.iceGatheringState === "complete") return null;
  return new Promise((resolve) => {
    setTimeout(resolve, GATHERING * 1000);
    mine.onicegatheringstatechange = () => mine.iceGatheringState === "complete" && resolve();
  });
}

function gone(mine) {
  if (mine !== peer) return; // the page itself has left
  leave();
  hear.left("The connection to the avatar was lost.");
}

function bytesOf(data) {
  return typeof data === "string" ? new TextEncoder().encode(data) : new Uint8Array(data);
}

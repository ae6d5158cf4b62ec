// The microphone. Whatever is wrong with it is said in words: a person can always type.

import { Problem, within } from "./deadlines.js";

const WORDS = {
  NotAllowedError: "The browser does not let this page use the microphone. You can allow it in the browser's settings for this page, or go on typing.",
  NotFoundError: "No microphone was found. Plug one in and try again, or go on typing.",
  NotReadableError: "Another program uses the microphone. Close it and try again, or go on typing.",
  AbortError: "The microphone could not be started. Try again, or go on typing.",
};
const OTHER = "The microphone does not work here. You can go on typing.";
const SLOW = "The browser still waits for your answer about the microphone. Press the button again after you have answered it, or go on typing.";
const INSECURE = "Browsers give the microphone to https pages only. You can go on typing.";

// Return a track of the microphone.
export async function open(seconds) {
  if (!navigator.mediaDevices) throw new Problem(INSECURE);
  const asked = navigator.mediaDevices.getUserMedia({
    audio: { echoCancellation: true, noiseSuppression: true },
  });
  let late = false;
  asked.then((stream) => late && stop(stream), () => {});
  try {
    const stream = await within(seconds, SLOW, asked);
    return stream.getAudioTracks()[0];
  } catch (error) {
    late = true;
    if (error instanceof Problem) throw error;
    throw new Problem(WORDS[error.name] ?? OTHER);
  }
}

function stop(stream) {
  for (const track of stream.getTracks()) track.stop();
}

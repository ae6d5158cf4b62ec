// The requests to the page's own server: open a session, and end it.

import { Problem } from "./deadlines.js";

const API = "api/sessions";

export async function settings() {
  const answer = await fetch("settings.json");
  if (!answer.ok) throw new Problem("The server does not answer. Reload this page in a minute.");
  return answer.json();
}

// Open a session. It costs from now on, so whoever has it must end it.
export async function open(wish) {
  let answer;
  try {
    answer = await fetch(API, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(wish),
    });
  } catch {
    throw new Problem("The server cannot be reached. Check the connection, and start again.");
  }
  const said = await answer.json().catch(() => ({}));
  if (answer.ok) return said;
  throw new Problem(said.message ?? `The server opens no session now (${answer.status}).`);
}

// End a session; say whether the server heard it. The server ends it by itself a little later, too.
export async function end(ticket, seconds) {
  try {
    const answer = await fetch(`${API}/${ticket}`, {
      method: "DELETE", keepalive: true, signal: AbortSignal.timeout(seconds * 1000),
    });
    return answer.ok || answer.status === 404;
  } catch {
    return false;
  }
}

// Tell the server, while the page goes away, that it goes. A reload looks the same, so the server
// waits a moment for the page to come back; without this, it waits longer.
export function leaving(ticket) {
  navigator.sendBeacon(`${API}/${ticket}/leave`);
}

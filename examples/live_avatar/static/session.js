// One session, from its opening to its end. It knows nothing of how the page looks.
//
// Whatever happens after the opening, the session is ended: it is paid by the second.

import * as backend from "./backend.js";
import { Problem, within } from "./deadlines.js";
import { Relay } from "./relay.js";

const KEPT = "live-avatar";
const WHY = 1500; // milliseconds
const TOO_LATE = "Your session could not go on: its channel can be joined in the first minutes only.";

// Return what a reload left behind: the session that goes on.
export function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT));
  } catch {
    return null; // no storage, or nothing that can be read
  }
}

function keep(opened) {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(opened));
  } catch { /* without storage, a reload ends the session */ }
}

function forget() {
  try {
    sessionStorage.removeItem(KEPT);
  } catch { /* nothing was kept */ }
}

export class Session {
  #carrier; #hear; #seconds; #relay = null; #opened = null; #cancel = new AbortController();
  #ending = null;

  // `hear` has functions: step(words), frame(object), track(media track), picture() that returns
  // once the avatar is seen, down(), problem(words), ending(), and ended(words).
  constructor(carrier, hear, seconds) {
    this.#carrier = carrier;
    this.#hear = hear;
    this.#seconds = seconds;
  }

  // Open a session and join its channel.
  async start(wish) {
    this.#hear.step("Opening a session …");
    await this.#steps(async () => {
      this.#opened = await this.#open(wish);
      keep(this.#opened);
      await this.#join(this.#opened);
    });
  }

  // Go on with the session of before a reload.
  async resume(opened) {
    this.#hear.step("Going on with your session …");
    await this.#steps(async () => {
      try {
        await this.#join(opened);
      } catch (error) {
        const late = this.#opened !== null && Date.now() > Date.parse(opened.join_before);
        throw late ? new Problem(TOO_LATE) : error;
      }
    });
  }

  say(text) {
    this.#relay.say(text);
  }

  interrupt() {
    this.#relay.interrupt();
  }

  async microphone(track) {
    const words = "The microphone could not be connected in time.";
    await within(this.#seconds.microphone, words, this.#carrier.microphone(track));
  }

  // End the session; `words` say why. Ending twice is ending once.
  end(words) {
    this.#ending ??= this.#end(words);
    return this.#ending;
  }

  // The page goes away. A reload may follow: the ticket is kept, and the server waits a moment.
  leave() {
    if (this.#opened !== null && this.#ending === null) backend.leaving(this.#opened.ticket);
  }

  async #steps(all) {
    try {
      await all();
    } catch (error) {
      if (!(error instanceof Problem) && !this.#cancel.signal.aborted) console.error(error);
      const other = "Something went wrong on this page.";
      await this.end(error instanceof Problem ? error.message : other);
    }
  }

  // A session that the page does not wait for any more is ended as soon as its ticket arrives.
  async #open(wish) {
    const opening = backend.open(wish);
    const words = "The server took too long to open a session.";
    try {
      return await within(this.#seconds.open, words, opening, this.#cancel.signal);
    } catch (error) {
      opening.then(({ ticket }) => backend.end(ticket, this.#seconds.end), () => {});
      throw error;
    }
  }

  async #join(opened) {
    const { signal } = this.#cancel;
    this.#relay = new Relay(opened.relay, {
      message: (bytes) => this.#pass(bytes),
      frame: (frame) => this.#frame(frame),
      down: () => this.#hear.down(),
      gone: (words) => this.end(words),
    }, this.#seconds);
    this.#carrier.receive({
      message: (bytes) => this.#relay.pass(bytes),
      track: (track) => this.#hear.track(track),
      left: (words) => {
        this.#relay.left(words);
        setTimeout(() => this.end(words), WHY); // the server may know better why
      },
    });
    await this.#relay.open(signal); // it fails if this session is another tab's: that one goes on
    this.#opened = opened;
    this.#hear.step("Joining the avatar's channel …");
    await this.#carrier.join(opened.credentials, this.#seconds.join, signal);
    this.#relay.joined();
    this.#hear.step("Waiting for the avatar's picture …");
    const words = "The avatar did not appear.";
    await within(this.#seconds.picture, words, this.#hear.picture(), signal);
  }

  async #pass(bytes) {
    const words = "A message to the avatar did not leave in time.";
    try {
      await within(this.#seconds.send, words, this.#carrier.send(bytes));
    } catch (error) {
      if (this.#ending === null) this.#hear.problem(error.message);
    }
  }

  #frame(frame) {
    if (frame.type !== "ended") return this.#hear.frame(frame);
    this.#opened = null; // the server has ended it: there is nothing left to tell
    return this.end(reasonOf(frame.reason));
  }

  async #end(words) {
    this.#hear.ending();
    const ticket = this.#opened?.ticket;
    this.#opened = null;
    this.#cancel.abort(new Problem(words));
    forget();
    const heard = ticket === undefined || backend.end(ticket, this.#seconds.end);
    this.#relay?.close();
    await this.#carrier.leave();
    const late = "The server did not answer; it ends the session by itself within seconds.";
    this.#hear.ended(await heard ? words : `${words} ${late}`);
  }
}

const REASONS = {
  closed: "The session was ended.",
  "ended by the page": "The session was ended.",
  expired: "The time of this session is over.",
  failed: "The avatar's session failed.",
  "ended at Akool": "The avatar service has ended the session.",
  "never joined": "The avatar's channel was not joined in time.",
  "nobody said anything": "Nobody said anything for a while, so the session was ended.",
  "the server stops": "The server was about to stop. Start again in a minute.",
};

function reasonOf(reason) {
  return REASONS[reason] ?? `The session is over: ${reason}.`;
}

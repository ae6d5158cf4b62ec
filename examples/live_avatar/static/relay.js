// The websocket to the page's own server. The server speaks with the avatar; the page only passes
// its messages on, from the channel to the server and back.

import { Problem, within } from "./deadlines.js";

const PAUSE = 500; // milliseconds between two tries
const KEPT = 200; // messages that are kept while the connection is down
const OVER = 404, KNOWN = 426; // what the server says of a ticket
const LOST = "The connection to the server was lost.";

export class Relay {
  #path; #address; #hear; #seconds; #socket = null; #known = false; #over = false; #waiting = [];
  #joined = false;

  // `hear` has four functions: message(bytes), frame(object), down(), and gone(words).
  constructor(path, hear, seconds) {
    const address = new URL(path, location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    this.#path = path;
    this.#address = address.href;
    this.#hear = hear;
    this.#seconds = seconds;
  }

  // Connect; return once the server has greeted.
  open(signal) {
    return this.#open(this.#seconds.relay, signal);
  }

  // Tell the server that the page is in the channel, now and whenever the connection is back.
  joined() {
    this.#joined = true;
    this.#frame({ type: "joined" });
  }

  left(reason) {
    this.#joined = false;
    this.#frame({ type: "left", reason });
  }

  // Pass on a message of the channel; while the connection is down, the newest are kept.
  pass(bytes) {
    if (this.up) this.#socket.send(bytes);
    else if (this.#waiting.push(bytes) > KEPT) this.#waiting.shift();
  }

  say(text) {
    this.#must({ type: "say", text });
  }

  interrupt() {
    this.#must({ type: "interrupt" });
  }

  close() {
    this.#over = true;
    this.#socket?.close(1000);
  }

  get up() {
    return this.#known && this.#socket?.readyState === WebSocket.OPEN;
  }

  #must(frame) {
    if (!this.up) throw new Problem("The connection to the server is down. Your text stays here.");
    this.#frame(frame);
  }

  #frame(frame) {
    if (this.up) this.#socket.send(JSON.stringify(frame));
  }

  #connect() {
    return new Promise((resolve, reject) => {
      const socket = this.#socket = new WebSocket(this.#address);
      this.#known = false;
      socket.binaryType = "arraybuffer";
      socket.onmessage = ({ data }) => {
        if (socket !== this.#socket || this.#over) return;
        if (typeof data !== "string") return this.#hear.message(new Uint8Array(data));
        const frame = JSON.parse(data);
        if (frame.type === "ping") return socket.send('{"type":"pong"}');
        if (frame.type === "ended") this.#over = true;
        if (frame.type === "session") {
          this.#known = true;
          if (this.#joined) this.joined();
          for (const bytes of this.#waiting.splice(0)) this.pass(bytes);
          resolve();
        }
        return this.#hear.frame(frame);
      };
      socket.onclose = () => {
        reject(new Problem(LOST));
        if (socket === this.#socket && this.#known && !this.#over) this.#again();
      };
    });
  }

  // Try until the seconds are over. A websocket that is refused may be let in a moment later: after
  // a reload, the server may not know yet that the old one is gone.
  async #open(seconds, signal) {
    const giveUp = performance.now() + seconds * 1000;
    for (;;) {
      try {
        return await within(this.#seconds.relay, LOST, this.#connect(), signal);
      } catch {
        this.#socket.close();
        signal?.throwIfAborted();
      }
      const status = await this.#status();
      if (this.#over || status === OVER) throw new Problem("The session is over.");
      if (performance.now() > giveUp) {
        throw new Problem(status === KNOWN ? "This session is open in another tab." : LOST);
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }

  // A browser does not tell why a websocket was refused; the same address, asked plainly, does.
  async #status() {
    try {
      return (await fetch(this.#path, { signal: AbortSignal.timeout(2000) })).status;
    } catch {
      return 0;
    }
  }

  // Try to come back for as long as the server keeps the session.
  async #again() {
    this.#hear.down();
    try {
      await this.#open(this.#seconds.back);
    } catch (error) {
      if (!this.#over) this.#hear.gone(error.message);
    }
  }
}

// The websocket to the page's own server. The server speaks with the avatar; the page only passes
// its messages on, from the channel to the server and back.

import { Problem, within } from "./deadlines.js";

const PAUSE = 500; // milliseconds between two tries
const KEPT = 200; // messages that are kept while the connection is down

export class Relay {
  #address; #hear; #seconds; #socket = null; #known = false; #over = false; #waiting = [];
  #joined = false;

  // `hear` has four functions: message(bytes), frame(object), down(), and gone(words).
  constructor(path, hear, seconds) {
    const address = new URL(path, location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    this.#address = address.href;
    this.#hear = hear;
    this.#seconds = seconds;
  }

  // Connect; return once the server has greeted.
  open(signal) {
    const words = "The server did not answer in time.";
    return within(this.#seconds.relay, words, this.#connect(), signal);
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
        reject(new Problem("The session is over, or it is open in another tab."));
        if (socket === this.#socket && this.#known && !this.#over) this.#again();
      };
    });
  }

  // Try to come back for as long as the server keeps the session.
  async #again() {
    this.#hear.down();
    const giveUp = performance.now() + this.#seconds.back * 1000;
    while (!this.#over && performance.now() < giveUp) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
      if (this.#over) return;
      try {
        return await this.open();
      } catch {
        this.#socket.close();
      }
    }
    if (!this.#over) this.#hear.gone("The connection to the server was lost.");
  }
}

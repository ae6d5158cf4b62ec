// Stands in for AgoraRTC in tests: its documented functions that the page uses, and sendStreamMessage.
// `window.agora` notes what the page did; `window.agoraHangs` lets `join` go on for ever.

window.agora = { logUpload: true, joined: null, sent: [], left: 0, published: 0, client: null };

window.AgoraRTC = {
  disableLogUpload() { window.agora.logUpload = false; },
  setLogLevel() {},
  createCustomAudioTrack({ mediaStreamTrack }) {
    return { mediaStreamTrack, close() { window.agora.published -= 1; } };
  },
  createClient() {
    const handlers = {};
    const emit = (name, ...given) => handlers[name]?.(...given);
    const canvas = document.createElement("canvas");
    canvas.width = 320;
    canvas.height = 180;
    const context = canvas.getContext("2d");
    let painting, refuse;
    const client = window.agora.client = {
      emit,
      on(name, handler) { handlers[name] = handler; },
      removeAllListeners() { for (const name of Object.keys(handlers)) delete handlers[name]; },
      join(...given) {
        if (window.agoraHangs) return new Promise((_, reject) => { refuse = reject; });
        window.agora.joined = given;
        painting = setInterval(() => {
          context.fillStyle = `hsl(${performance.now() % 360} 60% 40%)`;
          context.fillRect(0, 0, 320, 180);
        }, 40);
        setTimeout(() => emit("user-published", { uid: 1 }, "video"));
        return Promise.resolve(given[3]);
      },
      async subscribe() {
        const [track] = canvas.captureStream(25).getVideoTracks();
        return { getMediaStreamTrack: () => track };
      },
      async sendStreamMessage(bytes, retry) {
        if (window.agora.joined === null) throw new Error("INVALID_OPERATION");
        const said = JSON.parse(new TextDecoder().decode(bytes));
        window.agora.sent.push([said, retry]);
        if (said.type !== "chat") return;
        const answer = { v: 2, type: "chat", mid: "b1", idx: 0, fin: true,
          pld: { from: "bot", text: `You said: ${said.pld.text}` } };
        emit("stream-message", 1, new TextEncoder().encode(JSON.stringify(answer)));
      },
      async publish() { window.agora.published += 1; },
      async unpublish() {},
      async leave() {
        clearInterval(painting);
        window.agora.left += 1;
        refuse?.(new Error("OPERATION_ABORTED"));
      },
    };
    if (window.agoraIsOld) delete client.sendStreamMessage;
    return client;
  },
};

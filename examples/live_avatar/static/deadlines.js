// Every step has a deadline, and every step can be cancelled: then the page says so in words.

// What a person reads when a step did not work.
export class Problem extends Error {}

// Return what a step returns. Throws a Problem with these words when its seconds are over, and the
// signal's reason when the user cancels. The step itself is not stopped: its owner leaves.
export async function within(seconds, words, step, signal) {
  signal?.throwIfAborted();
  let timer, cancelled;
  const over = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Problem(words)), seconds * 1000);
    cancelled = () => reject(signal.reason);
    signal?.addEventListener("abort", cancelled);
  });
  try {
    return await Promise.race([step, over]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", cancelled);
  }
}

// The network in a worker: one picture after the other, the page stays free.

const worker = new Worker("/worker.js");
const waiting = new Map();
let settle;
let count = 0;
const started = new Promise((resolve, reject) => (settle = { resolve, reject }));
started.catch(() => {}); // told by start(), which may be called later

/** Loads LiteRT.js and the network; resolves to the number of threads. */
export function start(network) {
  worker.postMessage({ network });
  return started;
}

/** ImageBitmap -> {classMap: uint8 at the network's size, ...}, see worker.js. */
export function segment(bitmap) {
  const id = ++count;
  worker.postMessage({ id, bitmap }, [bitmap]);
  return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
}

worker.onmessage = ({ data }) => {
  const { resolve, reject } = waiting.get(data.id) ?? settle;
  waiting.delete(data.id);
  if (data.failed) reject(new Error(data.failed));
  else resolve(data.ready ? data.threads : data);
};

worker.onerror = (event) => {
  const reason = new Error(event.message || "its worker did not load");
  for (const { reject } of [settle, ...waiting.values()]) reject(reason);
  waiting.clear();
};

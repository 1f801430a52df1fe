// Runs the network beside the page, so that the page answers while it works.
// In: {network} once, then {id, bitmap}. Out: {ready} or {failed}, then
// {id, classMap, clear, prepare, run} or {id, failed}; clear: whether parts of the
// picture are transparent; prepare, run: milliseconds.

let network, about, pixels, Tensor;

self.onmessage = async ({ data }) => {
  if (data.network) {
    try {
      self.postMessage({ ready: true, threads: await start(data.network) });
    } catch (error) {
      self.postMessage({ failed: String(error?.message ?? error) });
    }
    return;
  }
  try {
    const answer = await segment(data.bitmap);
    self.postMessage({ id: data.id, ...answer }, [answer.classMap.buffer]);
  } catch (error) {
    self.postMessage({ id: data.id, failed: String(error?.message ?? error) });
  }
};

/** Loads LiteRT.js and the network; gives the number of threads. */
async function start(described) {
  about = described;
  if (typeof WebAssembly === "undefined") {
    throw new Error("WebAssembly is switched off or unknown to this browser.");
  }
  pixels = await import("/pixels.js");
  const lite = await import("/litertjs/dist/index.js");
  Tensor = lite.Tensor;
  // No graphics card is woken up: the network runs on the processor.
  const create = lite.Environment.create;
  lite.Environment.create = () => create({ webGpuDevice: null });
  const shared = self.crossOriginIsolated && navigator.hardwareConcurrency > 1;
  const fast = await lite.supportsFeature("relaxedSimd");
  const threads = shared && fast && (await lite.supportsFeature("threads"));
  await lite.loadLiteRt("/litertjs/wasm/", { threads });
  const numThreads = threads ? Math.min(4, navigator.hardwareConcurrency) : 1;
  const options = { accelerator: "wasm", cpuOptions: { numThreads } };
  const answer = await fetch("/network.tflite");
  if (!answer.ok) throw new Error(`The network was not sent (${answer.status}).`);
  const bytes = new Uint8Array(await answer.arrayBuffer());
  network = await lite.loadAndCompile(bytes, options);
  return numThreads;
}

async function segment(bitmap) {
  const { height, width, signature, exclusive } = about;
  const began = performance.now();
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("The picture is too large for this browser.");
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  const size = [canvas.height, canvas.width, height, width];
  const image = new Tensor(pixels.stretched(data, ...size), [1, height, width, 3]);
  const ready = performance.now();
  const given = await network.run(signature, { image });
  const result = await given[signature].data();
  let classMap;
  if (signature === "class_map") classMap = result.slice();
  else if (exclusive) classMap = pixels.argmax(result, height * width);
  else classMap = pixels.above(result);
  image.delete();
  for (const tensor of Object.values(given)) tensor.delete();
  const run = performance.now() - ready;
  return { classMap, clear: pixels.isClear(data), prepare: ready - began, run };
}

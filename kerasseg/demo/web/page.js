// The page: pictures and camera frames in, overlay, shares and times out.

import * as camera from "/camera.js";
import { segment, start } from "/runner.js";
import * as view from "/view.js";

const LARGEST = 64e6; // pixels of a picture: a quarter of a gigabyte
const CLEAR =
  "Parts of this picture are transparent. Browsers lose their colours, so that the " +
  "classes there can differ from those of python -m kerasseg.predict.";
const KINDS = "JPEG, PNG, WebP, GIF, BMP or AVIF";

const file = document.getElementById("file");
const cameraButton = document.getElementById("camera");
const opacity = document.getElementById("opacity");
let network;
let opening; // the camera, while the browser asks the user
let asked = 0; // counts what the user asked for: an older answer is not shown

const ready = begin();

async function begin() {
  try {
    const answer = await fetch("/network.json");
    network = await answer.json();
    view.introduce(network);
    const threads = await start(network);
    cameraButton.disabled = false;
    document.getElementById("how").textContent =
      `LiteRT.js on the processor, ${threads} ${threads > 1 ? "threads" : "thread"}. ` +
      `Pictures are stretched to ${network.width} × ${network.height}.`;
    view.say("Ready.");
    return true;
  } catch (error) {
    file.disabled = true;
    view.complain(`The network cannot run in this browser: ${error.message}`);
    view.say("Not running.");
    return false;
  }
}

// ---- Pictures -----------------------------------------------------------------------
async function open(chosen) {
  if (!(await ready)) return;
  const mine = ++asked;
  stopCamera();
  view.complain();
  view.say(`Reading ${chosen.name} …`);
  try {
    const bitmap = await decoded(chosen);
    const copy = await createImageBitmap(bitmap);
    const { classMap, clear, prepare, run } = await segment(copy);
    if (mine !== asked) return;
    const shares = view.show(bitmap, classMap, network);
    bitmap.close();
    const words = view.inWords(shares, network.names);
    view.tellShares(shares);
    view.tellTimes(prepare, run, 1000 / (prepare + run));
    view.describe(`${chosen.name} with its classes in colour: ${words}`);
    view.say(`${chosen.name}: ${words}. ${run.toFixed(0)} ms.`);
    if (clear) view.complain(CLEAR);
  } catch (error) {
    if (mine !== asked) return;
    view.complain(error.message);
    view.say("");
  }
}

async function decoded(chosen) {
  let bitmap;
  try {
    // Upright as EXIF says, and the grey levels of the file, as Python reads them.
    bitmap = await createImageBitmap(chosen, { colorSpaceConversion: "none" });
  } catch {
    throw new Error(`${chosen.name} is not a picture that this browser can read (${KINDS}).`);
  }
  if (bitmap.width * bitmap.height > LARGEST) {
    const size = `${bitmap.width} × ${bitmap.height}`;
    bitmap.close();
    throw new Error(`${chosen.name} is too large (${size}); at most 64 megapixels.`);
  }
  return bitmap;
}

file.addEventListener("change", () => {
  if (file.files.length) open(file.files[0]);
  file.value = ""; // so that choosing the same file again counts
});

for (const kind of ["dragenter", "dragover"]) {
  addEventListener(kind, (event) => {
    event.preventDefault();
    document.body.classList.add("dropping");
  });
}
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dropping");
});
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  take(event.dataTransfer.files);
});
addEventListener("paste", (event) => {
  if (event.clipboardData.files.length) take(event.clipboardData.files);
});

function take(files) {
  if (files.length) open(files[0]);
  else view.complain("That was not a file. Drop a picture file from a folder.");
}

// ---- Camera -------------------------------------------------------------------------
cameraButton.addEventListener("click", async () => {
  if (opening) return;
  const mine = ++asked;
  view.complain();
  if (camera.running()) {
    stopCamera();
    view.say("Camera stopped.");
    return;
  }
  try {
    view.say("Waiting for the camera …");
    opening = camera.open(network.width).finally(() => (opening = undefined));
    await opening;
    // A picture may have come while the browser asked for permission.
    if (mine !== asked) return camera.close();
    cameraButton.textContent = "Stop the camera";
    // Once, not for each frame: a screen reader would never stop.
    view.say("The camera is running.");
    view.describe("Camera picture with its classes in colour; shares are in the table");
    await follow(mine);
  } catch (error) {
    if (mine !== asked) return;
    view.complain(error.message);
    view.say("");
  } finally {
    if (mine === asked) stopCamera();
  }
});

async function follow(mine) {
  let before = performance.now();
  let seconds = 0;
  await camera.each(async (bitmap) => {
    const { classMap, prepare, run } = await segment(await createImageBitmap(bitmap));
    if (mine === asked) {
      const now = performance.now();
      const last = (now - before) / 1000;
      seconds = seconds ? 0.9 * seconds + 0.1 * last : last;
      before = now;
      view.tellShares(view.show(bitmap, classMap, network));
      view.tellTimes(prepare, run, 1 / seconds);
    }
    bitmap.close();
  });
}

function stopCamera() {
  camera.close();
  cameraButton.textContent = "Use the camera";
}

// ---- Opacity ------------------------------------------------------------------------
opacity.addEventListener("input", () => view.setOpacity(opacity.value));
view.setOpacity(opacity.value); // browsers keep it over a reload

// What the page shows: the picture, the class colours over it, shares and times.

import { painted } from "/pixels.js";

const SHOWN = 1920; // pixels of the longer side on the screen, at most
const MANY = 24; // with more classes than this, only those seen are listed

let last; // what was painted last, for the switches of classes that overlap
const shown = new Set(); // ids of the classes that are switched on

const find = (id) => document.getElementById(id);
const percent = (share) => `${(100 * share).toFixed(1)} %`;

/** Fills in what is known before any picture: name, size and classes. */
export function introduce(network) {
  const { names, colours, height, width, name, file, bytes, exclusive } = network;
  document.title = `${name} in the browser`;
  find("name").textContent = name;
  find("about").textContent =
    `${file}, ${(bytes / 1e6).toFixed(1)} MB: ${names.length} classes, ` +
    `${width} × ${height} pixels. Pictures stay in this browser.`;
  const rows = names.map((text, i) => {
    const row = document.createElement("tr");
    const head = document.createElement("th");
    const swatch = document.createElement("span");
    head.scope = "row";
    swatch.className = "swatch";
    swatch.style.backgroundColor = `rgb(${colours[i]})`;
    shown.add(i);
    head.append(...(exclusive ? [] : [switchOf(i, text)]), swatch, text);
    row.append(head, document.createElement("td"));
    row.hidden = names.length > MANY;
    return row;
  });
  find("classes").replaceChildren(...rows);
}

/** A box that shows or hides one of the classes that overlap. */
function switchOf(id, text) {
  const box = document.createElement("input");
  box.type = "checkbox";
  box.checked = true;
  box.setAttribute("aria-label", `Show ${text}`);
  box.addEventListener("change", () => {
    if (box.checked) shown.add(id);
    else shown.delete(id);
    if (last) paint(...last);
  });
  return box;
}

/** Shows an ImageBitmap with its class map over it; gives the share of each class. */
export function show(bitmap, classMap, network) {
  const scale = Math.min(1, SHOWN / Math.max(bitmap.width, bitmap.height));
  const picture = find("picture");
  picture.width = Math.max(1, Math.round(bitmap.width * scale));
  picture.height = Math.max(1, Math.round(bitmap.height * scale));
  picture.getContext("2d").drawImage(bitmap, 0, 0, picture.width, picture.height);

  last = [classMap, network];
  const { counts, pixels } = paint(classMap, network);
  find("frame").style.setProperty("--aspect", picture.width / picture.height);
  find("hint").hidden = true;
  find("frame").hidden = false;
  find("stage").classList.add("full");
  return network.names.map((_, i) => counts[i] / pixels);
}

function paint(classMap, { colours, height, width, exclusive }) {
  const overlay = find("overlay");
  overlay.width = width;
  overlay.height = height;
  const found = painted(classMap, colours, exclusive, shown);
  const image = new ImageData(found.rgba, width, height);
  overlay.getContext("2d").putImageData(image, 0, 0);
  return found;
}

export function tellShares(shares) {
  [...find("classes").rows].forEach((row, i) => {
    row.classList.toggle("absent", shares[i] < 0.0005);
    row.hidden = shares.length > MANY && shares[i] < 0.0005;
    row.cells[1].textContent = percent(shares[i]);
  });
}

export function tellTimes(prepare, run, rate) {
  find("prepare").textContent = `${prepare.toFixed(1)} ms`;
  find("run").textContent = `${run.toFixed(1)} ms`;
  find("rate").textContent = rate.toFixed(1);
}

/** "Road 41.0 %, Sky 20.3 % and 3 more classes", the largest first. */
export function inWords(shares, names) {
  const order = names.map((_, i) => i).filter((i) => shares[i] > 0);
  order.sort((a, b) => shares[b] - shares[a]);
  const words = order.slice(0, 4).map((i) => `${names[i]} ${percent(shares[i])}`);
  const more = order.length - words.length;
  return words.join(", ") + (more ? ` and ${more} more` : "");
}

/** For people who do not see it. */
export function describe(words) {
  find("frame").setAttribute("aria-label", words);
}

export function say(words) {
  find("status").textContent = words;
}

/** An error in the page; empty: none any more. */
export function complain(words = "") {
  find("error").hidden = !words;
  find("error").textContent = words;
}

export function setOpacity(value) {
  find("overlay").style.opacity = value / 100;
  find("opacity-value").textContent = `${value} %`;
}

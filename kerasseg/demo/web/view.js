// What the page shows: the picture, the class colours over it, shares and times.

const SHOWN = 1920; // pixels of the longer side on the screen, at most
const MANY = 24; // with more classes than this, only those seen are listed

const find = (id) => document.getElementById(id);
const percent = (share) => `${(100 * share).toFixed(1)} %`;

/** Fills in what is known before any picture: name, size and classes. */
export function introduce({ names, colours, height, width, name, file, bytes }) {
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
    head.append(swatch, text);
    row.append(head, document.createElement("td"));
    row.hidden = names.length > MANY;
    return row;
  });
  find("classes").replaceChildren(...rows);
}

/** Shows an ImageBitmap with its class map over it; gives the share of each class. */
export function show(bitmap, classMap, { names, colours, height, width }) {
  const scale = Math.min(1, SHOWN / Math.max(bitmap.width, bitmap.height));
  const picture = find("picture");
  picture.width = Math.max(1, Math.round(bitmap.width * scale));
  picture.height = Math.max(1, Math.round(bitmap.height * scale));
  picture.getContext("2d").drawImage(bitmap, 0, 0, picture.width, picture.height);

  const overlay = find("overlay");
  overlay.width = width;
  overlay.height = height;
  const context = overlay.getContext("2d");
  const image = context.createImageData(width, height);
  const counts = new Uint32Array(names.length);
  classMap.forEach((id, i) => {
    counts[id]++;
    image.data.set(colours[id], 4 * i);
    image.data[4 * i + 3] = 255;
  });
  context.putImageData(image, 0, 0);
  find("frame").style.setProperty("--aspect", picture.width / picture.height);
  find("hint").hidden = true;
  find("frame").hidden = false;
  find("stage").classList.add("full");
  return names.map((_, i) => counts[i] / classMap.length);
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

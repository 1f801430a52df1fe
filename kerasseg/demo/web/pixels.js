// The same arithmetic on pixels as kerasseg/lite.py, float32 operation by operation.

const f = Math.fround;

/**
 * RGBA bytes (high, wide, 4) -> RGB bytes (height, width, 3), the grey levels training
 * saw: bilinear at half-pixel centres, with antialiasing where it shrinks.
 */
export function stretched(rgba, high, wide, height, width) {
  const out = new Uint8Array(height * width * 3);
  if (high === height && wide === width) {
    for (let i = 0, j = 0; j < out.length; i += 4) {
      for (let c = 0; c < 3; c++) out[j++] = rgba[i + c];
    }
    return out;
  }
  const rows = taps(high, height);
  const columns = taps(wide, width);
  const tall = new Float32Array(wide * 3);
  const line = new Float32Array(width * 3);
  for (let y = 0; y < height; y++) {
    tall.fill(0);
    for (let t = 0; t < rows.count; t++) {
      const weight = rows.weights[t * height + y];
      if (weight === 0) continue;
      let i = rows.at[t * height + y] * wide * 4;
      for (let j = 0; j < tall.length; i += 4, j += 3) {
        // A Float32Array rounds the sums, fround the products.
        tall[j] += f(rgba[i] * weight);
        tall[j + 1] += f(rgba[i + 1] * weight);
        tall[j + 2] += f(rgba[i + 2] * weight);
      }
    }
    line.fill(0);
    for (let t = 0; t < columns.count; t++) {
      for (let x = 0, j = 0; x < width; x++, j += 3) {
        const weight = columns.weights[t * width + x];
        const i = columns.at[t * width + x] * 3;
        line[j] += f(tall[i] * weight);
        line[j + 1] += f(tall[i + 1] * weight);
        line[j + 2] += f(tall[i + 2] * weight);
      }
    }
    out.set(line.map(halfToEven), y * width * 3);
  }
  return out;
}

/** Whether parts are transparent: a canvas keeps no colours there, Python has them. */
export function isClear(rgba) {
  for (let i = 3; i < rgba.length; i += 4) if (rgba[i] < 255) return true;
  return false;
}

/** Scores (pixels, classes) -> the class of each pixel. */
export function argmax(scores, pixels) {
  const classes = scores.length / pixels;
  const out = classes > 255 ? new Uint16Array(pixels) : new Uint8Array(pixels);
  for (let p = 0, i = 0; p < pixels; p++, i += classes) {
    let best = 0;
    for (let c = 1; c < classes; c++) {
      if (scores[i + c] > scores[i + best]) best = c;
    }
    out[p] = best;
  }
  return out;
}

/** Probabilities of classes that overlap -> 1 where a class is, else 0. */
export function above(scores) {
  return Uint8Array.from(scores, (score) => (score > 0.5 ? 1 : 0));
}

/**
 * Class map -> RGBA bytes of its colours, and how many pixels each class has.
 * exclusive: one id a pixel; else 0 or 1 for each class of a pixel: the mean colour of
 * those that are there and in `shown` (a Set of ids), nothing where there is none.
 */
export function painted(classMap, colours, exclusive, shown) {
  const classes = colours.length;
  const pixels = exclusive ? classMap.length : classMap.length / classes;
  const rgba = new Uint8ClampedArray(4 * pixels);
  const counts = new Uint32Array(classes);
  for (let p = 0; p < pixels; p++) {
    if (exclusive) {
      const id = classMap[p];
      counts[id]++;
      rgba.set(colours[id], 4 * p);
      rgba[4 * p + 3] = 255;
      continue;
    }
    const sum = [0, 0, 0];
    let drawn = 0;
    for (let id = 0; id < classes; id++) {
      if (!classMap[p * classes + id]) continue;
      counts[id]++;
      if (!shown.has(id)) continue;
      drawn++;
      for (let c = 0; c < 3; c++) sum[c] += colours[id][c];
    }
    for (let c = 0; drawn && c < 3; c++) rgba[4 * p + c] = Math.round(sum[c] / drawn);
    rgba[4 * p + 3] = drawn ? 255 : 0;
  }
  return { rgba, counts, pixels };
}

/** For each tap t and target pixel x, at t * target + x: source pixel and weight. */
function taps(source, target) {
  const inverse = f(1 / f(target / source));
  const reach = Math.max(inverse, 1);
  const slope = f(1 / reach);
  const first = new Int32Array(target);
  const last = new Int32Array(target);
  const centre = new Float32Array(target);
  let count = 0;
  for (let x = 0; x < target; x++) {
    centre[x] = (x + 0.5) * inverse;
    const from = Math.ceil(f(f(centre[x] - reach) - 0.5));
    const to = Math.floor(f(f(centre[x] + reach) - 0.5));
    first[x] = Math.min(Math.max(from, 0), source - 1);
    last[x] = Math.min(Math.max(to, 0), source - 1);
    count = Math.max(count, last[x] - first[x] + 1);
  }
  const at = new Int32Array(count * target);
  const weights = new Float32Array(count * target);
  const total = new Float32Array(target);
  for (let t = 0; t < count; t++) {
    for (let x = 0; x < target; x++) {
      const pixel = first[x] + t;
      const position = f(pixel + 0.5 - centre[x]);
      const weight = Math.max(f(1 - Math.abs(f(position * slope))), 0);
      at[t * target + x] = Math.min(pixel, source - 1);
      weights[t * target + x] = pixel <= last[x] ? weight : 0;
      total[x] += weights[t * target + x];
    }
  }
  for (let i = 0; i < weights.length; i++) weights[i] *= f(1 / total[i % target]);
  return { at, weights, count };
}

function halfToEven(value) {
  const up = Math.round(value);
  const even = up - value === 0.5 && up % 2 !== 0 ? up - 1 : up;
  return Math.min(Math.max(even, 0), 255);
}

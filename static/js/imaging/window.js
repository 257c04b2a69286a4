// From stored values to grey: rescale, then a window or a table (DICOM PS3.3 C.11.2.1). The same as documents/imaging/pixels.py.

/** One grey level for each value that a frame of this format may have, as 32-bit pixels for ImageData. */
export function greys(format, display, view) {
  const [first, count] = { u8: [0, 256], u16: [0, 65536], s16: [-32768, 65536] }[format];
  const table = new Uint32Array(count);
  const inverted = Boolean(display.inverted) !== view.inverted;
  const grey = view.table ? byTable(view.table) : byWindow(view);
  for (let index = 0; index < count; index += 1) {
    const value = (first + index) * display.slope + display.intercept;
    let level = Math.round(grey(value));
    level = level < 0 ? 0 : level > 255 ? 255 : level;
    if (inverted) {
      level = 255 - level;
    }
    table[index] = 0xff000000 | (level << 16) | (level << 8) | level;
  }
  return { table, first };
}

function byTable({ first, step, grey }) {
  const last = grey.length - 1;
  return (value) => grey[Math.min(last, Math.max(0, Math.floor((value - first) / step)))];
}

function byWindow({ center, width, curve }) {
  if (curve === "SIGMOID") {
    return (value) => 255 / (1 + Math.exp((-4 * (value - center)) / width));
  }
  if (curve === "LINEAR_EXACT") {
    return (value) => ((value - center) / width + 0.5) * 255;
  }
  const span = Math.max(width - 1, 1e-6);
  return (value) => ((value - (center - 0.5)) / span + 0.5) * 255;
}

const KINDS = { u8: Uint8Array, u16: Uint16Array, s16: Int16Array, rgb: Uint8Array };

/** The values of a frame as they came: little endian, as every browser's machine is. */
export function values(buffer, format) {
  return new KINDS[format](buffer);
}

/** Fill the pixels of a frame. */
export function paint(target, frame, image, view) {
  const out = new Uint32Array(target.data.buffer);
  if (image.format === "rgb") {
    for (let index = 0, from = 0; index < out.length; index += 1, from += 3) {
      const pixel = 0xff000000 | (frame[from + 2] << 16) | (frame[from + 1] << 8) | frame[from];
      out[index] = view.inverted ? pixel ^ 0x00ffffff : pixel;
    }
    return;
  }
  const { table, first } = greys(image.format, image.display, view);
  for (let index = 0; index < out.length; index += 1) {
    out[index] = table[frame[index] - first];
  }
}

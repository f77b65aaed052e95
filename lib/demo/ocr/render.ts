/** Renders words and a page of words as pictures, the same on every machine: fonts from npm, none of the system's. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type sharpFunction from "sharp";
import type { Sharp } from "sharp";

/** Rows of red, green, blue bytes. */
export interface Picture {
  width: number;
  height: number;
  pixels: Uint8Array;
}

/** A rectangle in pixels; right and bottom lie just outside. */
export interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** sharp's own function; the package is the user's, not a dependency of pare. */
export type SharpFunction = typeof sharpFunction;

export interface Renderer {
  /** A word 48 pixels high; its look (font, ink, paper, sharpness) follows from `index`, the font unless it is given. */
  word(text: string, index: number, face?: Face): Promise<Picture>;
  /** Words in rows on a page, as many as fit, and where each stands. */
  page(texts: readonly string[], width: number, height: number): Promise<{ picture: Picture; boxes: Box[] }>;
  /** The pictures in columns on one sheet, as a PNG file's bytes. */
  sheet(pictures: readonly Picture[]): Promise<Uint8Array>;
  /** The picture turned clockwise, upside down if nothing else is asked for. */
  turned(picture: Picture, degrees?: 90 | 180 | 270): Promise<Picture>;
  close(): void;
}

/** A font: its file without ".ttf", relative to the renderer's folder or absolute, and the name by which fontconfig knows it. */
export type Face = readonly [file: string, name: string];

const faces: readonly Face[] = [
  ["DejaVuSans", "DejaVu Sans"],
  ["DejaVuSerif", "DejaVu Serif"],
  ["DejaVuSansMono", "DejaVu Sans Mono"],
  ["DejaVuSans-Bold", "DejaVu Sans Bold"],
  ["DejaVuSerif-Italic", "DejaVu Serif Italic"],
  ["DejaVuSansCondensed", "DejaVu Sans Condensed"],
  ["DejaVuSerif-Bold", "DejaVu Serif Bold"],
  ["DejaVuSans-Oblique", "DejaVu Sans Oblique"],
];

/** Ink on paper: plain, tinted, pale, light on dark, colour on colour. */
const colours = [
  ["#000000", "#ffffff"],
  ["#1b2a49", "#f3ead7"],
  ["#7d7d7d", "#e4e4e4"],
  ["#f2f2f2", "#263238"],
  ["#8c1c13", "#cfe3d4"],
] as const;

/** Text heights before the word is brought to 48 pixels: the smaller, the more blurred. */
const fontPixels = [30, 22, 15] as const;

const wordHeight = 48;

/** `sharp` as loaded by the caller after this returns would be too late: fontconfig reads its settings at the first text. */
export function createRenderer(loadSharp: () => SharpFunction, fontFolder: string): Renderer {
  const settings = mkdtempSync(join(tmpdir(), "pare-fonts-"));
  mkdirSync(join(settings, "cache"));
  writeFileSync(
    join(settings, "fonts.conf"),
    `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">\n` +
      `<fontconfig><dir>${escapeMarkup(fontFolder)}</dir><cachedir>${escapeMarkup(join(settings, "cache"))}</cachedir></fontconfig>\n`,
  );
  // Without this, a system with no fonts makes fontconfig warn on standard error, and one with fonts may hint differently.
  process.env.FONTCONFIG_FILE = join(settings, "fonts.conf");
  const sharp = loadSharp();

  const text = (content: string, [file, font]: Face, pixels: number, ink: string): Promise<Raw> => {
    const fontfile = resolve(fontFolder, `${file}.ttf`);
    const markup = `<span foreground="${ink}">${escapeMarkup(content)}</span>`;
    // At 72 dots an inch a point is a pixel.
    return raw(sharp({ text: { text: markup, fontfile, font: `${font} ${pixels}`, dpi: 72, rgba: true } }));
  };

  return {
    async word(content, index, face = faces[index % faces.length]!) {
      const [ink, paper] = colours[index % colours.length]!;
      const pixels = fontPixels[Math.floor(index / colours.length) % fontPixels.length]!;
      const { data, info } = await text(content, face, pixels, ink);
      // Letters sit in a line of 1.6 times their size, as a text detector crops them.
      const line = Math.max(info.height + 2, Math.round(pixels * 1.6));
      const top = (line - info.height) >> 1;
      const side = Math.round(pixels / 4);
      const crop = await raw(
        sharp(data, { raw: info })
          .flatten({ background: paper })
          .extend({ top, bottom: line - info.height - top, left: side, right: side, background: paper }),
      );
      return picture(await raw(sharp(crop.data, { raw: crop.info }).resize({ height: wordHeight })));
    },

    async page(texts, width, height) {
      const layers: { input: Buffer; raw: Raw["info"]; left: number; top: number }[] = [];
      const boxes: Box[] = [];
      const margin = 24;
      const rowHeight = 56;
      let left = margin;
      let top = margin;
      for (const [index, content] of texts.entries()) {
        const { data, info } = await text(content, faces[index % faces.length]!, 26, "#202020");
        if (left + info.width + margin > width) {
          left = margin;
          top += rowHeight;
        }
        if (top + rowHeight > height - margin / 2) break;
        layers.push({ input: data, raw: info, left, top: top + ((rowHeight - info.height) >> 1) });
        const box = layers.at(-1)!;
        // The ink and a rim around it, as people draw boxes around words.
        boxes.push({
          left: left - 3,
          top: box.top - 3,
          right: left + info.width + 3,
          bottom: box.top + info.height + 3,
        });
        left += info.width + 40;
      }
      const paper = sharp({ create: { width, height, channels: 3, background: "#faf7f0" } });
      return { picture: picture(await raw(paper.composite(layers).removeAlpha())), boxes };
    },

    async sheet(pictures) {
      const columns = 5;
      const cell = { width: Math.max(...pictures.map(({ width }) => width)) + 16, height: wordHeight + 12 };
      const layers = pictures.map(({ width, height, pixels }, index) => ({
        input: Buffer.from(pixels.buffer, pixels.byteOffset, pixels.byteLength),
        raw: { width, height, channels: 3 as const },
        left: 8 + (index % columns) * cell.width,
        top: 6 + Math.floor(index / columns) * cell.height,
      }));
      const rows = Math.ceil(pictures.length / columns);
      const size = { width: columns * cell.width, height: rows * cell.height, channels: 3 as const };
      return sharp({ create: { ...size, background: "#ffffff" } })
        .composite(layers)
        .png()
        .toBuffer();
    },

    async turned({ width, height, pixels }, degrees = 180) {
      return picture(await raw(sharp(pixels, { raw: { width, height, channels: 3 } }).rotate(degrees)));
    },

    close() {
      rmSync(settings, { recursive: true, force: true });
    },
  };
}

type Raw = Awaited<ReturnType<typeof raw>>;

async function raw(
  image: Sharp,
): Promise<{ data: Buffer; info: { width: number; height: number; channels: 1 | 2 | 3 | 4 } }> {
  const { data, info } = await image.toColourspace("srgb").raw().toBuffer({ resolveWithObject: true });
  return { data, info: { width: info.width, height: info.height, channels: info.channels } };
}

function picture({ data, info }: Raw): Picture {
  if (info.channels !== 3) throw new Error(`a picture must have 3 channels; sharp gave ${info.channels}`);
  return { width: info.width, height: info.height, pixels: data };
}

function escapeMarkup(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

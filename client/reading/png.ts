/** A chart as a picture file: its canvases with title, symbol, stretch of time and legend drawn around them. */
import { dateTime } from '../exact.ts';
import type { Zone } from '../format.ts';
import { type Palette, slotColor, slotDash } from '../painters/scene.ts';
import type { Picture } from '../recipes/recipe.ts';
import { linesOf } from './lineset.ts';
import type { Window } from './rows.ts';

/** What is painted. */
export interface PictureParts {
  readonly panel: HTMLElement;
  readonly palette: Palette;
  readonly window: Window;
  readonly zone: Zone;
  readonly title: string;
  /** None for a stream without symbols. */
  readonly symbols: readonly string[];
  readonly picture: Picture;
  readonly isDemo: boolean;
  /** How many of its lines are hidden. */
  readonly hidden: number;
}

/** CSS pixels. */
const PAD = 16;
const SWATCH = 18;
const BETWEEN = 14;

/** Paints the picture at the screen's own resolution; null where the browser makes no file of it. */
export function paintPicture(parts: PictureParts): Promise<Blob | null> {
  const { panel, palette } = parts;
  const panes = panel.querySelector<HTMLElement>('.panes');
  const canvas = document.createElement('canvas');
  const ctx = canvas.getContext('2d');
  if (panes === null || ctx === null) return Promise.resolve(null);
  const ratio = devicePixelRatio;
  const size = palette.textSize;
  const width = Math.max(320, panes.clientWidth + 2 * PAD);
  const legend = legendRows(ctx, parts, width - 2 * PAD);
  const row = Math.round(size * 1.6);
  const head = PAD + Math.round(size * 3.4) + legend.length * row + 6;
  const height = head + panes.clientHeight + PAD;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  ctx.scale(ratio, ratio);
  ctx.fillStyle = palette.panel;
  ctx.fillRect(0, 0, width, height);
  ctx.textBaseline = 'alphabetic';
  paintHead(ctx, parts, width);
  for (const [index, entries] of legend.entries())
    paintLegend(ctx, parts, entries, PAD + Math.round(size * 3.4) + index * row + size * 0.9);
  paintPanes(ctx, parts, panes, { left: (width - panes.clientWidth) / 2, top: head });
  return new Promise((done) => canvas.toBlob(done, 'image/png'));
}

function font({ palette }: PictureParts, weight: number, scale = 1): string {
  return `${weight} ${palette.textSize * scale}px ${palette.font}`;
}

/** Writes a text from x on and tells where it ends. */
function write(ctx: CanvasRenderingContext2D, text: string, x: number, y: number, most: number): number {
  ctx.fillText(text, x, y, Math.max(1, most));
  return x + Math.min(most, ctx.measureText(text).width);
}

function paintHead(ctx: CanvasRenderingContext2D, parts: PictureParts, width: number): void {
  const { palette, title, symbols, picture, window, zone, isDemo, hidden } = parts;
  const size = palette.textSize;
  const end = width - PAD;
  ctx.font = font(parts, 650, 1.25);
  ctx.fillStyle = palette.text;
  const name = [title, symbols.join(', ')].filter((text) => text !== '').join(' · ');
  const x = write(ctx, name, PAD, PAD + size * 1.1, end - PAD);
  ctx.font = font(parts, 450);
  ctx.fillStyle = palette.second;
  const subtitle = hidden === 0 ? picture.subtitle : `${picture.subtitle} · ${hidden} hidden`;
  if (end - x > 80) write(ctx, subtitle, x + 10, PAD + size * 1.1, end - x - 10);
  const stretch = `${dateTime(Math.round(window.from / 1000) * 1000, zone)} – ${dateTime(Math.round(window.to / 1000) * 1000, zone)}`;
  write(ctx, `${stretch}${isDemo ? ' · demo data, made up' : ''}`, PAD, PAD + size * 2.7, end - PAD);
}

interface Entry {
  readonly name: string;
  readonly slot: number;
  readonly width: number;
}

/** The legend's entries in rows that fit. A scatter's colours are no line's. */
function legendRows(ctx: CanvasRenderingContext2D, parts: PictureParts, width: number): readonly (readonly Entry[])[] {
  const rows: Entry[][] = [];
  let left = 0;
  ctx.font = font(parts, 500);
  for (const { name, slot, isColoured } of linesOf(parts.picture)) {
    if (!isColoured) continue;
    const own = SWATCH + 6 + ctx.measureText(name).width + BETWEEN;
    const last = rows.at(-1);
    if (last === undefined || own > left) {
      rows.push([{ name, slot, width: own }]);
      left = width - own;
    } else {
      last.push({ name, slot, width: own });
      left -= own;
    }
  }
  return rows;
}

function paintLegend(ctx: CanvasRenderingContext2D, parts: PictureParts, entries: readonly Entry[], y: number): void {
  let x = PAD;
  ctx.save();
  ctx.font = font(parts, 500);
  ctx.lineWidth = 2.5;
  for (const { name, slot, width } of entries) {
    ctx.strokeStyle = slotColor(parts.palette, slot);
    ctx.setLineDash([...slotDash(slot)]);
    ctx.beginPath();
    ctx.moveTo(x, y - parts.palette.textSize * 0.32);
    ctx.lineTo(x + SWATCH, y - parts.palette.textSize * 0.32);
    ctx.stroke();
    ctx.fillStyle = parts.palette.second;
    ctx.fillText(name, x + SWATCH + 6, y);
    x += width;
  }
  ctx.restore();
}

/** The plots as they stand on the screen, with the titles of their panes. */
function paintPanes(
  ctx: CanvasRenderingContext2D,
  parts: PictureParts,
  panes: HTMLElement,
  at: { readonly left: number; readonly top: number },
): void {
  const outer = panes.getBoundingClientRect();
  const place = (element: Element) => {
    const box = element.getBoundingClientRect();
    return {
      x: at.left + box.left - outer.left,
      y: at.top + box.top - outer.top,
      width: box.width,
      height: box.height,
    };
  };
  for (const canvas of panes.querySelectorAll('canvas')) {
    const { x, y, width, height } = place(canvas);
    if (canvas.width > 0 && canvas.height > 0) ctx.drawImage(canvas, x, y, width, height);
  }
  ctx.font = font(parts, 450);
  ctx.fillStyle = parts.palette.second;
  for (const title of panes.querySelectorAll('h3')) {
    const { x, y, width, height } = place(title);
    write(ctx, title.textContent ?? '', x, y + height * 0.78, width);
  }
}

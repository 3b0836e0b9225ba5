/**
 * Paints the overview's cells on one canvas of the viewport's size: of a thousand only those in sight, and of those only the
 * ones that look different from what stands there. The thin edge of `look.ts` and `layout.ts`.
 */
import { drawNever, drawSoon } from '../draw.ts';
import type { Palette } from '../painters/scene.ts';
import type { Item } from './arrange.ts';
import { GAP, type GridLayout, HEADING, type Rect, type Tier } from './layout.ts';
import { type Look, type LookContext, lookOf, sameLook } from './look.ts';

/** What is painted; another object is another picture. */
export interface GridScene {
  readonly items: readonly Item[];
  readonly titles: readonly (string | null)[];
  readonly layout: GridLayout;
  readonly limit: number;
}

/** What the painter asks for when it paints. */
export interface PainterDeps {
  readonly canvas: HTMLCanvasElement;
  /** How far the content is scrolled, and how large the viewport is, in CSS pixels. */
  viewport(): { readonly top: number; readonly width: number; readonly height: number };
  context(): Pick<LookContext, 'now' | 'theme' | 'isStill'>;
}

const RADIUS = 4;
/**
 * Between two paints that follow the data, ms: every second picture of a screen. Each takes the whole canvas to the screen however
 * little of it is new, and where thousands of rates change a second there is something new for all of them.
 */
const PAUSE_MS = 30;
/** On a machine that is slow, or busy with other work, the pause is so many times as long as such a paint took, and at most this. */
const PAUSE_SHARE = 8;
const PAUSE_MOST_MS = 160;

/** Paints when it is asked to, once a frame at most. */
export class GridPainter {
  readonly #deps: PainterDeps;
  readonly #ctx: CanvasRenderingContext2D | null;
  #scene: GridScene | null = null;
  #palette: Palette | null = null;
  /** What stands on the canvas, by cell; undefined where nothing does. */
  #looks: (Look | undefined)[] = [];
  #versions: number[] = [];
  #top = 0;
  #ratio = 0;
  #isWhole = false;
  #second = 0;
  #hatch: CanvasPattern | null = null;
  readonly #flashing = new Set<number>();
  /** When it last painted, on the page's own clock, ms; and what waits for the pause after it. */
  #paintedAt = Number.NEGATIVE_INFINITY;
  #pauseMs = PAUSE_MS;
  #later: ReturnType<typeof setTimeout> | undefined;
  readonly #widths = new Map<string, number>();

  constructor(deps: PainterDeps) {
    this.#deps = deps;
    this.#ctx = deps.canvas.getContext('2d');
  }

  /** Shows another scene, or other colours: all is painted anew. */
  show(scene: GridScene, palette: Palette): void {
    if (palette !== this.#palette) {
      this.#hatch = null;
      this.#widths.clear();
    }
    this.#scene = scene;
    this.#palette = palette;
    this.#isWhole = false;
    drawSoon(this);
  }

  /** What is in sight may have changed its place: the next picture shows it. */
  touch(): void {
    drawSoon(this);
  }

  /** Rates may have changed: the next picture shows it, or the one after the pause where one has just been painted. */
  follow(): void {
    if (this.#later !== undefined) return;
    const wait = this.#paintedAt + this.#pauseMs - performance.now();
    if (wait <= 0) drawSoon(this);
    else {
      this.#later = setTimeout(() => {
        this.#later = undefined;
        drawSoon(this);
      }, wait);
    }
  }

  destroy(): void {
    clearTimeout(this.#later);
    drawNever(this);
  }

  draw(): void {
    this.#paintedAt = performance.now();
    const scene = this.#scene;
    const palette = this.#palette;
    const ctx = this.#ctx;
    if (scene === null || palette === null || ctx === null) return;
    const { top, width, height } = this.#deps.viewport();
    this.#fit(width, height);
    if (top !== this.#top) this.#isWhole = false;
    this.#top = top;
    const context: LookContext = { ...this.#deps.context(), limit: scene.limit };
    ctx.setTransform(this.#ratio, 0, 0, this.#ratio, 0, Math.round(-top * this.#ratio));
    const ranges = scene.layout.visible(top, top + height);
    if (this.#isWhole) {
      this.#paintChanged(ctx, scene, palette, ranges, context);
      const tookMs = performance.now() - this.#paintedAt;
      this.#pauseMs = Math.min(PAUSE_MOST_MS, Math.max(PAUSE_MS, PAUSE_SHARE * tookMs));
    } else this.#paintAll(ctx, scene, palette, ranges, context);
    // What fades asks for the next frame by itself; without anything fresh there is none.
    if (this.#flashing.size > 0 && !context.isStill) this.follow();
  }

  /** Gives the canvas the viewport's size in device pixels. */
  #fit(width: number, height: number): void {
    const { canvas } = this.#deps;
    const ratio = devicePixelRatio || 1;
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width === w && canvas.height === h && ratio === this.#ratio) return;
    canvas.width = w;
    canvas.height = h;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    this.#ratio = ratio;
    this.#isWhole = false;
    this.#hatch = null;
  }

  #paintAll(
    ctx: CanvasRenderingContext2D,
    scene: GridScene,
    palette: Palette,
    ranges: readonly (readonly [number, number])[],
    context: LookContext,
  ): void {
    ctx.clearRect(0, this.#top - 1, scene.layout.width + GAP, this.#deps.canvas.height / this.#ratio + 2);
    this.#looks = [];
    this.#versions = [];
    this.#flashing.clear();
    this.#headings(ctx, scene, palette);
    for (const [from, to] of ranges) {
      for (let index = from; index < to; index += 1) this.#paint(ctx, scene, palette, index, context);
    }
    this.#isWhole = true;
    this.#second = Math.floor(context.now / 1000);
  }

  #paintChanged(
    ctx: CanvasRenderingContext2D,
    scene: GridScene,
    palette: Palette,
    ranges: readonly (readonly [number, number])[],
    context: LookContext,
  ): void {
    // Time alone makes values stale and lets the hour's marks go; once a second all are looked at.
    const second = Math.floor(context.now / 1000);
    const isTick = second !== this.#second;
    this.#second = second;
    for (const [from, to] of ranges) {
      for (let index = from; index < to; index += 1) {
        const version = scene.items[index]?.row.version;
        if (isTick || version !== this.#versions[index] || this.#flashing.has(index))
          this.#paint(ctx, scene, palette, index, context);
      }
    }
  }

  #paint(
    ctx: CanvasRenderingContext2D,
    { items, layout }: GridScene,
    palette: Palette,
    index: number,
    context: LookContext,
  ): void {
    const item = items[index];
    if (item === undefined) return;
    const look = lookOf(item, context);
    const before = this.#looks[index];
    this.#versions[index] = item.row.version;
    if (look.flash > 0) this.#flashing.add(index);
    else this.#flashing.delete(index);
    if (before !== undefined && sameLook(before, look)) return;
    this.#looks[index] = look;
    const rect = layout.rectOf(index);
    if (before !== undefined) ctx.clearRect(rect.x, rect.y, rect.width, rect.height);
    this.#cell(ctx, rect, look, layout.tier, palette);
  }

  #headings(ctx: CanvasRenderingContext2D, { layout, titles }: GridScene, palette: Palette): void {
    const size = layout.tier.name === 'wall' ? 20 : 13;
    ctx.textBaseline = 'alphabetic';
    for (const [index, { top, count }] of layout.sections.entries()) {
      const title = titles[index];
      if (title == null) continue;
      ctx.font = `640 ${size}px ${palette.font}`;
      ctx.fillStyle = palette.text;
      ctx.fillText(title, 1, top + HEADING - 11);
      const after = ctx.measureText(title).width;
      ctx.font = `450 ${size}px ${palette.font}`;
      ctx.fillStyle = palette.third;
      ctx.fillText(`${count}`, after + 9, top + HEADING - 11);
    }
  }

  #cell(ctx: CanvasRenderingContext2D, rect: Rect, look: Look, tier: Tier, palette: Palette): void {
    const { x, y, width, height } = rect;
    const { inset, nameSize, valueSize } = tier;
    ctx.beginPath();
    ctx.roundRect(x, y, width, height, RADIUS);
    ctx.fillStyle = look.shade?.fill ?? palette.panel;
    ctx.fill();
    if (look.stale !== null) {
      ctx.fillStyle = this.#hatching(ctx, palette);
      ctx.fill();
    }
    const ink = look.shade?.text ?? palette.second;
    const weak = look.shade === null ? palette.third : ink;
    ctx.textBaseline = 'alphabetic';
    const smallSize = tier.name === 'small' ? 11 : Math.round(nameSize * 0.84);
    const first = y + inset + nameSize * 0.8;
    const second = y + height - inset - 1;
    const right = x + width - inset;
    const markFrom = look.count === '' ? right : this.#mark(ctx, look, right, first, smallSize, palette);

    ctx.textAlign = 'left';
    const room = markFrom - x - inset - (look.count === '' ? 0 : 4);
    const bold = `640 ${nameSize}px ${palette.font}`;
    ctx.font = bold;
    ctx.fillStyle = ink;
    const base = this.#fitted(ctx, look.base, bold, room);
    ctx.fillText(base, x + inset, first);
    const used = this.#width(ctx, base, bold) + 1;
    const plain = `450 ${smallSize}px ${palette.font}`;
    ctx.font = plain;
    if (look.rest !== '' && base === look.base && this.#width(ctx, look.rest, plain) <= room - used) {
      ctx.fillStyle = weak;
      ctx.globalAlpha = look.shade === null ? 1 : 0.85;
      ctx.fillText(look.rest, x + inset + used, first);
      ctx.globalAlpha = 1;
    }
    const note = look.stale ?? look.strongest;
    if (note !== '') {
      ctx.textAlign = 'right';
      ctx.fillStyle = ink;
      ctx.fillText(note, right, second);
      ctx.textAlign = 'left';
    }
    ctx.font = `560 ${valueSize}px ${palette.font}`;
    ctx.fillStyle = ink;
    ctx.fillText(look.value, x + inset, second);
    if (look.flash > 0) this.#ring(ctx, rect, look.flash, palette);
  }

  /** The hour's mark: a dot in its heat and the count, on the panel's own colour so that both hold on any cell. */
  #mark(
    ctx: CanvasRenderingContext2D,
    look: Look,
    right: number,
    baseline: number,
    size: number,
    palette: Palette,
  ): number {
    const font = `600 ${size}px ${palette.font}`;
    const dot = size * 0.56;
    const width = this.#width(ctx, look.count, font) + dot + 12;
    const left = right - width + 4;
    ctx.beginPath();
    ctx.roundRect(left, baseline - size + 0.5, width, size + 3, 4);
    ctx.fillStyle = palette.panel;
    ctx.fill();
    ctx.beginPath();
    ctx.arc(left + 4 + dot / 2, baseline - size * 0.36, dot / 2, 0, 2 * Math.PI);
    ctx.fillStyle = palette.heat[look.heat];
    ctx.fill();
    ctx.font = font;
    ctx.fillStyle = palette.text;
    ctx.textAlign = 'left';
    ctx.fillText(look.count, left + dot + 8, baseline);
    return left;
  }

  #ring(ctx: CanvasRenderingContext2D, { x, y, width, height }: Rect, flash: number, palette: Palette): void {
    ctx.beginPath();
    ctx.roundRect(x + 1.5, y + 1.5, width - 3, height - 3, RADIUS - 1);
    ctx.lineWidth = 3;
    ctx.globalAlpha = flash;
    ctx.strokeStyle = palette.text;
    ctx.stroke();
    ctx.globalAlpha = 1;
  }

  #hatching(ctx: CanvasRenderingContext2D, palette: Palette): CanvasPattern | string {
    if (this.#hatch !== null) return this.#hatch;
    const size = Math.max(4, Math.round(7 * this.#ratio));
    const tile = new OffscreenCanvas(size, size);
    const brush = tile.getContext('2d');
    if (brush === null) return palette.grid;
    brush.strokeStyle = palette.grid;
    brush.lineWidth = Math.max(1, 1.4 * this.#ratio);
    brush.beginPath();
    // Three strokes, so that the tile meets its neighbours.
    for (const shift of [-size, 0, size]) {
      brush.moveTo(shift - 1, size + 1);
      brush.lineTo(shift + size + 1, -1);
    }
    brush.stroke();
    const pattern = ctx.createPattern(tile, 'repeat');
    pattern?.setTransform(new DOMMatrix().scale(1 / this.#ratio));
    this.#hatch = pattern;
    return pattern ?? palette.grid;
  }

  /** A text that fits, cut off with an ellipsis where it has to be. */
  #fitted(ctx: CanvasRenderingContext2D, text: string, font: string, room: number): string {
    if (this.#width(ctx, text, font) <= room) return text;
    for (let length = text.length - 1; length > 1; length -= 1) {
      const cut = `${text.slice(0, length)}…`;
      if (this.#width(ctx, cut, font) <= room) return cut;
    }
    return text.slice(0, 1);
  }

  #width(ctx: CanvasRenderingContext2D, text: string, font: string): number {
    const key = `${font}\n${text}`;
    const known = this.#widths.get(key);
    if (known !== undefined) return known;
    // Symbols are as many as there are, but texts that change would gather.
    if (this.#widths.size > 5000) this.#widths.clear();
    ctx.font = font;
    const { width } = ctx.measureText(text);
    this.#widths.set(key, width);
    return width;
  }
}

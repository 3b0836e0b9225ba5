/**
 * Pages to hold the dashboard's against, from a tiny server: a bare uPlot page that draws five charts of the same points;
 * the same in the dashboard's own elements and style sheet; a Plotly page that draws them and is extended by the rows of the
 * same feed; and a page without charts that writes the time of each line's newest row as a text, which is the least that
 * shows that a row has come.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { z } from 'zod';
import { type Dress, dressed, fileOf } from './dress.ts';
import { PARTS, SYMBOL } from './workload.ts';

/** As many pixel columns as the widest chart of the dashboard has at 1440 x 900. */
export const COLUMNS = 800;

const column = z.array(z.number().nullable());
const answer = z.object({
  data: z.array(z.object({ name: z.string().nullable(), columns: z.record(z.string(), z.array(z.unknown())) })),
});

const require = createRequire(import.meta.url);
const UPLOT = readFileSync(require.resolve('uplot/dist/uPlot.iife.min.js'));
const UPLOT_CSS = readFileSync(require.resolve('uplot/dist/uPlot.min.css'));
const PLOTLY = readFileSync(require.resolve('plotly.js-basic-dist-min/plotly-basic.min.js'));

/** One line of a chart: epoch ms and values. */
export interface FloorLine {
  readonly name: string;
  readonly times: readonly number[];
  readonly values: readonly (number | null)[];
}

/** A chart of the floors. Its lines are those that the dashboard's server answers for the same width. */
export interface FloorChart {
  readonly stream: string;
  readonly value: string;
  readonly lines: readonly FloorLine[];
}

/** The tiny server. */
export interface FloorPages {
  readonly origin: string;
  /** What is drawn from now on. */
  show(charts: readonly FloorChart[]): void;
  /** What the dressed page wears from now on. */
  dress(dress: Dress): void;
  stop(): Promise<void>;
}

/** Width and height of every chart, in CSS pixels: about what a chart of the dashboard has at 1440 x 900. */
const SIZE = { width: 790, height: 190 };

const STYLE = `body { margin: 0; background: #0d1115; color: #e8edf1; font: 14px system-ui }
main { display: grid; grid-template-columns: auto auto; gap: 12px }`;

/** uPlot wants the lines of a chart on one axis of times: joined here, so that the page has nothing to do but to draw. */
function aligned({ lines }: FloorChart): (number | null)[][] {
  const times = [...new Set(lines.flatMap((line) => line.times))].sort((a, b) => a - b);
  const places = new Map(times.map((time, index) => [time, index]));
  const columns = lines.map((line) => {
    const column: (number | null)[] = times.map(() => null);
    for (const [index, time] of line.times.entries()) column[places.get(time) ?? 0] = line.values[index] ?? null;
    return column;
  });
  return [times.map((time) => time / 1000), ...columns];
}

/** Where a chart goes on a bare page. */
const BARE = `() => ({ host: document.querySelector('main'), width: ${SIZE.width}, height: ${SIZE.height} })`;
/** Where it goes in the dashboard's elements, which decide how large it is. */
const DRESSED = `(stream) => {
    const host = document.querySelector('[data-stream="' + stream + '"] .plot');
    return { host, width: host.clientWidth, height: host.clientHeight };
  }`;

const uplotScript = (place: string): string => `
  const colours = ['#62b0f0', '#f0a73a', '#35c2a0', '#c792ea'];
  const place = ${place};
  const draw = (charts) => {
    for (const { stream, data } of charts) {
      const { host, width, height } = place(stream);
      new uPlot({
        width, height, legend: { show: false },
        series: [{}, ...data.slice(1).map((_, index) => ({ stroke: colours[index], spanGaps: true, points: { show: false } }))],
        hooks: { draw: [() => { if (performance.getEntriesByName('first-chart').length === 0) performance.mark('first-chart') }] },
      }, data, host);
    }
  };`;

/** The same from the feed: the history of each chart is asked for, and drawn once it is there. */
const fedScript = (charts: readonly FloorChart[], feed: string, place = BARE): string => `${uplotScript(place)}
  const asked = ${JSON.stringify(
    charts.map(({ stream }) => ({
      type: 'subscribe',
      id: stream,
      stream,
      range: '24h',
      points: COLUMNS,
      detail: 'values',
      ...(stream === 'system_metrics' ? {} : { keys: [SYMBOL] }),
    })),
  )};
  const values = ${JSON.stringify(Object.fromEntries(charts.map(({ stream, value }) => [stream, value])))};
  const lines = new Map();
  const socket = new WebSocket('${feed}?' + asked.map((frame) => 'subscribe=' + encodeURIComponent(JSON.stringify(frame))).join('&'));
  socket.onmessage = ({ data }) => {
    const { type, id, series } = JSON.parse(data);
    if (type === 'snapshot')
      lines.set(id, [...(lines.get(id) ?? []), ...series.map(({ columns }) => [columns.timestamp.map((time) => time / 1000), columns[values[id]]])]);
    else if (type === 'synced') draw([{ stream: id, data: uPlot.join(lines.get(id)) }]);
  };`;

const PLOTLY_SCRIPT = `
  const { charts, feed, symbol } = await (await fetch('/charts.json')).json();
  const layout = { width: ${SIZE.width}, height: ${SIZE.height}, margin: { t: 8, r: 8, b: 28, l: 48 }, showlegend: false,
    paper_bgcolor: '#13191f', plot_bgcolor: '#13191f', font: { color: '#a9b7c2' } };
  const places = new Map();
  for (const { stream, value, lines } of charts) {
    const host = document.createElement('div');
    document.querySelector('main').append(host);
    const mode = stream === 'anomalies' ? 'markers' : 'lines';
    await Plotly.newPlot(host, lines.map(({ name, times, values }) => ({ name, x: times.map((time) => new Date(time)), y: values, mode, type: 'scatter' })),
      structuredClone(layout), { displayModeBar: false });
    const most = Math.max(...lines.map(({ times }) => times.length));
    places.set(stream, { host, value, most, names: lines.map(({ name }) => name) });
  }
  performance.mark('first-chart');
  for (const [stream, { host, value, most, names }] of places) {
    const keys = stream === 'system_metrics' ? '' : '&keys=' + encodeURIComponent(symbol);
    const socket = new WebSocket(feed + '?detail=values&streams=' + stream + keys);
    socket.onmessage = ({ data }) => {
      const frame = JSON.parse(data);
      if (frame.type !== 'delta') return;
      for (const row of frame.rows) {
        const name = row.exchange ?? row.data_type ?? row.strategy_id ?? row.signal_type ?? row.metric_name;
        const at = names.indexOf(name);
        if (at < 0) continue;
        globalThis.extended = (globalThis.extended ?? 0) + 1;
        Plotly.extendTraces(host, { x: [[new Date(row.timestamp)]], y: [[row[value]]] }, [at], most);
      }
    };
  }`;

const TEXTS_SCRIPT = `
  const { charts, feed, symbol } = await (await fetch('/charts.json')).json();
  const texts = new Map();
  let newest = new Map();
  globalThis.benchPaints = [];
  const write = () => {
    const written = newest;
    newest = new Map();
    for (const [id, { newest: time }] of written) {
      if (!texts.has(id)) texts.set(id, document.querySelector('main').appendChild(document.createElement('p')));
      texts.get(id).textContent = id + ' ' + time;
    }
    requestAnimationFrame((now) => {
      const painted = Math.max(now, performance.now());
      for (const line of written.values()) globalThis.benchPaints.push({ ...line, painted });
    });
  };
  const asked = charts.map(({ stream }) => JSON.stringify(
    { type: 'subscribe', id: stream, stream, detail: 'values', ...(stream === 'system_metrics' ? {} : { keys: [symbol] }) }));
  const socket = new WebSocket(feed + '?bundle=1' + asked.map((text) => '&subscribe=' + encodeURIComponent(text)).join(''));
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    for (const { type, stream, rows } of message.frames ?? [message]) {
      if (type !== 'delta') continue;
      if (newest.size === 0) requestAnimationFrame(write);
      for (const row of rows) {
        const name = row.exchange ?? row.data_type ?? row.strategy_id ?? row.signal_type ?? row.metric_name;
        newest.set(stream + ' ' + name, { stream, name, newest: row.timestamp });
      }
    }
  };`;

function page(head: string, script: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Floor</title><link rel="icon" href="data:,">
<style>${STYLE}</style>${head}</head><body><main></main><script type="module">${script}</script></body></html>`;
}

/** Starts the server on a free port of 127.0.0.1. `feed` is where pages hear of rows. */
export async function startFloorPages(feed: () => string): Promise<FloorPages> {
  let charts: readonly FloorChart[] = [];
  let bare = '[]';
  let dress: Dress | null = null;
  const uplotHead = '<link rel="stylesheet" href="/uplot.css"><script src="/uplot.js"></script>';
  const answers: Readonly<Record<string, () => { type: string; body: string | Buffer }>> = {
    '/uplot.js': () => ({ type: 'text/javascript', body: UPLOT }),
    '/uplot.css': () => ({ type: 'text/css', body: UPLOT_CSS }),
    '/plotly.js': () => ({ type: 'text/javascript', body: PLOTLY }),
    '/points.json': () => ({ type: 'application/json', body: bare }),
    '/charts.json': () => ({
      type: 'application/json',
      body: JSON.stringify({ charts, feed: feed(), symbol: SYMBOL }),
    }),
    '/fetched': () => html(page(uplotHead, `${uplotScript(BARE)} draw(await (await fetch('/points.json')).json());`)),
    '/inline': () => html(page(uplotHead, `${uplotScript(BARE)} draw(${bare});`)),
    '/fed': () => html(page(uplotHead, fedScript(charts, feed()))),
    '/dressed': () => html(dress === null ? '' : dressed(dress, uplotHead, fedScript(charts, feed(), DRESSED))),
    '/plotly': () => html(page('<script src="/plotly.js"></script>', PLOTLY_SCRIPT)),
    '/texts': () => html(page('', TEXTS_SCRIPT)),
  };
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://floor');
    const answer = answers[pathname]?.() ?? fileOf(pathname);
    if (answer === null) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': answer.type }).end(answer.body);
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (address !== null && typeof address === 'object') resolve(address.port);
    });
  });
  return {
    origin: `http://127.0.0.1:${port}`,
    show(next) {
      charts = next;
      bare = JSON.stringify(next.map((chart) => ({ data: aligned(chart) })));
    },
    dress(next) {
      dress = next;
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const html = (body: string): { type: string; body: string } => ({ type: 'text/html; charset=utf-8', body });

/** The points of the five charts as the dashboard's server answers them for a day in so many pixel columns. */
export async function pointsOf(dashboard: string, points: number): Promise<readonly FloorChart[]> {
  return await Promise.all(
    PARTS.map(async ({ stream, value, names }) => {
      const query = new URLSearchParams({ hours: '24', points: String(points) });
      if (stream !== 'system_metrics') query.set('symbol', SYMBOL);
      const response = await fetch(`${dashboard}/api/chart/${stream}?${query}`);
      if (!response.ok) throw new Error(`${stream}: ${response.status} ${await response.text()}`);
      const { data } = answer.parse(await response.json());
      const lines = data
        .filter(({ name }) => names.includes(name ?? ''))
        .map(({ name, columns }) => ({
          name: name ?? '',
          times: column.parse(columns.timestamp).map(Number),
          values: column.parse(columns[value]),
        }));
      return { stream, value, lines };
    }),
  );
}

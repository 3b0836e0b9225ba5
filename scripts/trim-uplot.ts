/**
 * Cuts from uPlot what the page never uses, before bundling. uPlot is one function with everything within its reach, so
 * that no bundler finds out by itself what cannot be reached: that the page has no legend, no cursor of uPlot's (it has
 * its own), no built-in paths (the painters draw), and no time scale (the axes bring their ticks). It makes the page's
 * script smaller by a seventh. Every cut has to fit its place exactly; a uPlot that has changed there fails the build.
 */
import type { Plugin } from 'vite';

/** What stands in uPlot's source, and what takes its place. */
const CUTS: readonly (readonly [from: RegExp, to: string])[] = [
  // Helpers for other people's charts, and the paths that they choose from.
  [/uPlot\.assign = assign;[\s\S]*(?=export \{ uPlot as default \})/, ''],
  [/const linearPath = linear\(\) *;/, 'const linearPath = null;'],
  [/const pointsPath = points\(\) *;/, 'const pointsPath = null;'],
  // Time scales.
  [/const _timeAxisSplits = [^;]*;/, 'const _timeAxisSplits = null;'],
  [/const _timeAxisVals {3}= [^;]*;/, 'const _timeAxisVals = null;'],
  [/const _timeSeriesVal {2}= [^;]*;/, 'const _timeSeriesVal = null;'],
  [/let isTime = mode == 1 && scales\[s\.scale\]\.time;/, 'const isTime = false;'],
  [/let isTime = sc\.time;/, 'const isTime = false;'],
  [/let isTime = sc\.time;/, 'const isTime = false;'],
  [/const \[ timeIncrsMs,[^;]*;/, ''],
  [/const \[ timeIncrsS,[^;]*;/, ''],
  [/\(isTime \? \(ms == 1 \? timeIncrsMs : timeIncrsS\) : numIncrs\)/, 'numIncrs'],
  [/s\.value = isTime \? [^;]*;/, 's.value = sv;'],
  [/axis\.values = \(\n[\s\S]*?av \|\| numAxisVals\s*\);/, 'axis.values = fnOrSelf(av);'],
  [/const numFormatter = [^;]*;\s*const fmtNum = [^;]*;/, 'const fmtNum = String;'],
  // Scales that are not linear.
  [/sc\.distr == 3 \? snapLogX : sc\.distr == 4 \? snapAsinhX : snapNumX/, 'snapNumX'],
  [/sc\.distr == 3 \? snapLogY : sc\.distr == 4 \? snapAsinhY : snapNumY/, 'snapNumY'],
  [/sc\.distr == 3 \? logAxisSplits : sc\.distr == 4 \? asinhAxisSplits : numAxisSplits/, 'numAxisSplits'],
  [/sc\.distr >= 3 && sc\.log == 10 \? [^;]*;/, 'retArg1));'],
  [/if \(xScaleDistr == 3\)\s*\[_min, _max\] = rangeLog[\s\S]*?(?=\[_min, _max\] = rangeNum)/, ''],
  // Series: the painters draw.
  [/function drawSeries\(\) \{[\s\S]*?\n\t\}\n/, 'function drawSeries() {}\n'],
  [/self\.addSeries = addSeries;/, ''],
  [/self\.delSeries = delSeries;/, ''],
  [/self\.setSeries = setSeries;/, ''],
  [/self\.addBand = addBand;/, ''],
  [/self\.setBand = setBand;/, ''],
  [/self\.delBand = delBand;/, ''],
  // Faceted charts, the legend and the cursor, all of which `client/chart.ts` leaves off.
  [/const mode = self\.mode;/, 'const mode = 1;'],
  [/const showLegend = legend\.show;/, 'const showLegend = false;'],
  [/const showCursor = +cursor\.show;/, 'const showCursor = false;'],
  [/updateCursor\(null, true, false\);\n\s*shouldSetCursor = false;/, 'shouldSetCursor = false;'],
  [/function setLegend\(opts, _fire\) \{[\s\S]*?\n\t\}\n/, 'function setLegend() {}\n'],
  [/function setFocus\(i\) \{[\s\S]*?\n\t\}\n/, 'function setFocus() {}\n'],
  [/self\.setCursor = \(opts, _fire, _pub\) => \{[\s\S]*?\n\t\};/, ''],
  [/events\.mousedown = mouseDown;[\s\S]*?events\["setSeries"\] = [\s\S]*?\n\t\};/, ''],
];

/** The plugin for the page's build. */
export function trimUplot(): Plugin {
  return {
    name: 'trim-uplot',
    apply: 'build',
    transform(code, id) {
      if (!id.endsWith('/uPlot.esm.js')) return null;
      let trimmed = code;
      for (const [from, to] of CUTS) {
        if (!from.test(trimmed))
          throw new Error(`uPlot has changed: nothing matches ${from}. Adapt scripts/trim-uplot.ts, or leave it out.`);
        trimmed = trimmed.replace(from, to);
      }
      return { code: trimmed, map: null };
    },
  };
}

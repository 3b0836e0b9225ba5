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
  [/const _tzDate {2}= [^;]*;/, ''],
  [/const _fmtDate = [^;]*;/, ''],
  [/const days3 = [^;]*;\s*const months3 = [^;]*;/, 'const days3 = null, months3 = null;'],
  // The first of its kind in a fresh process reads all of what the browser knows of dates: 15 ms.
  [/const localTz = [^;]*;/, ''],
  [/else if \(tz == localTz\)\s*date2 = date;/, ''],
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
  [/else if \(_min == _max\) \{\s*if \(xScaleDistr == 3\)[\s\S]*?rangeNum\(_min, _max, rangePad, true\);\s*\}/, ''],
  [/const getVal = \([\s\S]*?\n\t\t\);/, 'const getVal = val => val;'],
  [/sc\._min = distr == 3 \? [^;]*;/, 'sc._min = sc.min;'],
  [/sc\._max = distr == 3 \? [^;]*;/, 'sc._max = sc.max;'],
  [/distr == 3 \? pow\(10, sv\) :\s*distr == 4 \? [^:]*:\s*distr == 100 \? [^:]*:/, ''],
  // Ranges, ticks and their labels that are not given: ours always are.
  [/if \(scaleKey != xScaleKey \|\| \(mode == 2 && !isTime\)\) \{[\s\S]*?(?=sc\.range = fnOrSelf)/, ''],
  [/rangeNum\(dataMin, dataMax, rangePad, true\)/, 'nullNullTuple'],
  [/const decIncrs = [^;]*;/, 'const decIncrs = [];'],
  [/const oneIncrs = [^;]*;/, 'const oneIncrs = [];'],
  [/genIncrs\(2, -53, 53, \[1\]\);/, ''],
  [/(?<=function findIncr\()[\s\S]*?\n\}\n/, 'minVal, maxVal, incrs, dim) { return [1, dim]; }\n'],
  [/if \(isArr\(axis\.incrs\)\) \{[\s\S]*?\n\t\t\t\}\n/, ''],
  [/axis\.splits = fnOrSelf\(axis\.splits \|\| [^;]*;/, 'axis.splits = fnOrSelf(axis.splits);'],
  [/if \(axis\.label != null\) \{[\s\S]*?ctx\.restore\(\);\s*\}/, ''],
  // Tick marks, borders and names of axes.
  [/if \(ticks\.show\) \{\s*drawOrthoLines\([\s\S]*?\);\s*\}\n/, ''],
  [/if \(border\.show\) \{\s*drawOrthoLines\([\s\S]*?\);\s*\}\n/, ''],
  [/let labelSize = axis\.label != null \? axis\.labelSize : 0;/, 'const labelSize = 0;'],
  [/if \(axis\.label != null\)\s*axis\._lpos = [^;]*;/, ''],
  // Labels that lie aslant, and those of several lines.
  [/let angle = [^;]*;/, 'const angle = 0;'],
  [/axis\.rotate = fnOrSelf\(axis\.rotate\);/, ''],
  [/axis\._rotate = side == 2 \? [^;]*;/, ''],
  [/val\.indexOf\("\\n"\) == -1 \? \[val\] : val\.split\(\/\\n\/gm\)/, '[val]'],
  // Series: the painters draw.
  [/function drawSeries\(\) \{[\s\S]*?\n\t\}\n/, 'function drawSeries() {}\n'],
  [/self\.addSeries = addSeries;/, ''],
  [/self\.delSeries = delSeries;/, ''],
  [/self\.setSeries = setSeries;/, ''],
  [/self\.addBand = addBand;/, ''],
  [/self\.setBand = setBand;/, ''],
  [/self\.delBand = delBand;/, ''],
  [/function seriesPointsShow\(self, si\) \{[\s\S]*?\n\}\n/, ''],
  [/show: seriesPointsShow,/, 'show: false,'],
  // Padding that is not given.
  [/function autoPadSide\([\s\S]*?\n\t\}\n/, ''],
  [/\(opts\.padding \|\| \[autoPadSide[^;]*;/, 'opts.padding.map(p => fnOrSelf(p));'],
  // Faceted charts, the legend and the cursor, all of which `client/chart.ts` leaves off.
  [/if \(cursorOnePt \|\| i > 0\) \{[\s\S]*?points\.pxAlign = s\.pxAlign;\s*\}/, ''],
  [/else if \(s\.show && s\.auto\)\s*accScale\(wsc, psc, s, data\[i\], s\.sorted\);/, ''],
  [/const rectH = [^;]*;\s*const rectV = [^;]*;/, 'const rectH = null, rectV = null;'],
  [/const drawAccH = [^;]*;\s*const drawAccV = [^;]*;/, 'const drawAccH = null, drawAccV = null;'],
  [/const mode = self\.mode;/, 'const mode = 1;'],
  [/const showLegend = legend\.show;/, 'const showLegend = false;'],
  [/const showCursor = +cursor\.show;/, 'const showCursor = false;'],
  [/updateCursor\(null, true, false\);\n\s*shouldSetCursor = false;/, 'shouldSetCursor = false;'],
  [/(?<=const legendOpts = )\{[\s\S]*?\n\};/, '{};'],
  [/legend\.idxs = activeIdxs;[\s\S]*?markers\.fill {3}= [^;]*;/, ''],
  [/if \(legend\.live\) \{\s*const getMultiVals[\s\S]*?\n\t\}\n/, ''],
  [/(?<=const cursorOpts = )\{[\s\S]*?\n\};/, '{ left: -10, drag: {} };'],
  [/if \(cursor\.dataIdx == null\) \{[\s\S]*?\n\t\}\n/, ''],
  [/let points = cursor\.points;[\s\S]*?const cursorOnePt = [^;]*;/, 'const cursorFocus = false, cursorOnePt = false;'],
  [/const seriesIdxMatcher = [\s\S]*?self\.pub = pub;/, ''],
  [/sync\.unsub\(self\);/, ''],
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

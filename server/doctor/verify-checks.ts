/** What `doctor --verify` says: whether the rollups are what the rows give, and which packs are not. */
import type { StreamName } from '../../shared/streams.ts';
import type { DoctorFacts } from '../db/doctor/facts.ts';
import { dropPacks, type PackDifference, type StreamVerification, verifyRollups } from '../db/doctor/verify.ts';
import type { Queryable } from '../db/queryable.ts';
import { messageOf } from '../errors.ts';
import { type Finding, fail, ok, warn } from './findings.ts';

/** Differences that are named one by one; the rest are counted. */
const MOST_NAMED = 20;
/** How often is told how far it is, in ms. */
const PROGRESS_MS = 5000;
const MEND = 'npm run doctor -- --verify --mend';

export interface VerifyRequest {
  /** Delete the packs that differ, so that they are made anew. */
  readonly mend: boolean;
  readonly progress: (line: string) => unknown;
}

/** Compares every pack with its rows, and deletes those that differ where that is asked for. */
export async function checkPacks(
  client: Queryable,
  { rollups }: DoctorFacts,
  request: VerifyRequest,
): Promise<readonly Finding[]> {
  if (rollups.streams.length === 0) {
    return [
      warn(
        'rollups',
        'verify_impossible',
        'they cannot be compared: there are none, or this role may not read them',
        null,
      ),
    ];
  }
  const found = await verifyRollups(client, {
    streams: rollups.streams.map(({ stream }) => stream),
    named: MOST_NAMED,
    progress: paced(request.progress),
  });
  const differences = found.flatMap((stream) => stream.differences);
  const findings = [...found.map(summary), ...differences.slice(0, MOST_NAMED).map(describe)];
  if (differences.length > MOST_NAMED) {
    findings.push(
      fail('rollups', 'pack_differs', `${differences.length - MOST_NAMED} further packs differ from their rows`, MEND),
    );
  }
  if (!request.mend || differences.length === 0) return findings;
  return mended(client, findings, differences);
}

async function mended(
  client: Queryable,
  findings: readonly Finding[],
  differences: readonly PackDifference[],
): Promise<readonly Finding[]> {
  try {
    const dropped = await dropPacks(client, differences);
    const what = `${dropped} packs were deleted; a server makes them anew within a minute or so, and until then the rows are read`;
    // They differed, but nobody will read them again.
    return [
      ...findings.map((finding) =>
        finding.level === 'fail' ? { ...finding, level: 'warn' as const, mend: null } : finding,
      ),
      ok('rollups', 'packs_dropped', what),
    ];
  } catch (error) {
    const what = `the packs that differ could not be deleted: ${messageOf(error)}`;
    return [...findings, fail('rollups', 'packs_not_dropped', what, `${MEND}, as a role that may keep rollups`)];
  }
}

function summary({ stream, packs, noted, differences }: StreamVerification): Finding {
  const behind = noted === 0 ? '' : `; ${noted} more wait to be made again, because rows were rewritten or dropped`;
  const right = packs - noted - differences.length;
  if (differences.length === 0)
    return ok('rollups', 'verified', `${stream}: ${right} packs are what the rows give${behind}`);
  return fail(
    'rollups',
    'verified',
    `${stream}: ${differences.length} of ${packs} packs differ from their rows${behind}`,
    MEND,
  );
}

function describe({ stream, key, line, hour, width, rowsPacked, rowsThere, firstAt }: PackDifference): Finding {
  const which = [stream, key, ...(line === '' ? [] : [line.slice(1)])].join(' ');
  const buckets = width === 0 ? 'every row' : `buckets of ${width} s`;
  const rows =
    rowsThere === 0
      ? `its ${rowsPacked} rows are gone`
      : rowsPacked === rowsThere
        ? `of ${rowsThere} rows`
        : `of ${rowsPacked} rows, and there are ${rowsThere}`;
  const first =
    firstAt === null || rowsThere === 0 ? '' : `; the first difference is at ${new Date(firstAt).toISOString()}`;
  const what = `the pack of ${which}, ${new Date(hour).toISOString()}, ${buckets}: ${rows}${first}`;
  return fail('rollups', 'pack_differs', what, MEND);
}

function paced(tell: (line: string) => unknown): (stream: StreamName, packs: number, packsInAll: number) => void {
  let told = performance.now();
  return (stream, packs, packsInAll) => {
    if (performance.now() - told < PROGRESS_MS) return;
    told = performance.now();
    tell(`compared ${packs} of ${packsInAll} packs of ${stream}`);
  };
}

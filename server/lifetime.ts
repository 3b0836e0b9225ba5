/** The life of a serving process: from its start to the signal or the fault that ends it, with nothing left running. */
import type { Logger } from 'pino';
import { messageOf } from './errors.ts';

/** What a start brings up. */
export interface Running {
  /** Where it is reached, `http://host:port`. */
  readonly address: string;
  stop(): Promise<void>;
}

/** The process, as far as its life goes; tests bring their own. */
export interface Host {
  on(event: NodeJS.Signals, listener: () => void): unknown;
  on(event: 'uncaughtException' | 'unhandledRejection', listener: (error: unknown) => void): unknown;
  /** Ends the process. */
  exit(code: number): void;
}

/** Longest clean stop in ms; with what comes before and after it, the process is gone within 5 s. */
const STOP_DEADLINE_MS = 4500;
/**
 * A signal this soon after the first, in ms, is the same one once more: Ctrl-C reaches the whole process group, and npm
 * passes on to its child what it received itself.
 */
const ECHO_MS = 500;

/**
 * Starts something, reports where it is reached, and stops it at SIGTERM, SIGINT or SIGHUP (exit 0). A second signal exits
 * at once (1). What nobody caught is logged, and ends the process with 1 after a try to stop in order.
 *
 * @param start is told by `signal` when it is to be given up before it is done.
 * @throws what `start` throws, when nothing had asked it to end.
 */
export async function runUntilSignal(
  start: (signal: AbortSignal) => Promise<Running>,
  ready: (address: string) => void,
  log: Logger,
  host: Host,
): Promise<void> {
  const giveUp = new AbortController();
  let running: Running | undefined;
  let endingSince: number | undefined;
  let exitCode = 0;

  const stop = async (): Promise<void> => {
    try {
      await running?.stop();
    } catch (error) {
      log.error({ err: error }, `the stop failed: ${messageOf(error)}`);
      host.exit(1);
      return;
    }
    host.exit(exitCode);
  };
  const end = (code: number): void => {
    endingSince = performance.now();
    exitCode = code;
    giveUp.abort();
    setTimeout(() => {
      log.error(`the stop took longer than ${STOP_DEADLINE_MS} ms`);
      host.exit(1);
    }, STOP_DEADLINE_MS).unref();
    // While the start is under way there is nothing to stop yet; it ends below, or at the deadline.
    if (running !== undefined) void stop();
  };
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    host.on(name, () => {
      if (endingSince === undefined) end(0);
      else if (performance.now() - endingSince >= ECHO_MS) host.exit(1);
    });
  }
  for (const name of ['uncaughtException', 'unhandledRejection'] as const) {
    host.on(name, (error) => {
      log.fatal({ err: error }, `${name}: ${messageOf(error)}`);
      if (endingSince === undefined) end(1);
      else host.exit(1);
    });
  }

  try {
    running = await start(giveUp.signal);
  } catch (error) {
    if (endingSince === undefined) throw error;
    log.debug({ err: error }, 'the start was given up');
  }
  if (endingSince !== undefined) await stop();
  else if (running !== undefined) ready(running.address);
}

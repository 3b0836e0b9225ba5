/** `console`: the board, wired to a connection, to a terminal or a pipe, and to the signals that end it. */
import type { ReadStream, WriteStream } from 'node:tty';
import type { Command, FeedEvent } from '../client/feed.ts';
import type { FeedTarget } from '../server/connect/target.ts';
import { openWire, type Wire } from '../server/connect/wire.ts';
import { messageOf } from '../server/errors.ts';
import { EXITS, type Exit } from '../server/tail/exit.ts';
import { exitOfClose, exitOfStatus } from '../server/tail/verdicts.ts';
import type { ConsoleArguments } from './arguments.ts';
import { Board, type Choice } from './board.ts';
import { BOARD, type Key, press, type Ui, type Wish } from './choices.ts';
import { PlainLines } from './plain.ts';
import { screen } from './screen.ts';
import { looksOf } from './style.ts';
import { fetchSymbols } from './symbols.ts';
import { isGone, Terminal } from './terminal.ts';

/** What the console needs of the process. */
export interface ConsoleHost {
  readonly stdin: ReadStream;
  readonly stdout: WriteStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Prints one line on standard error. */
  complain(line: string): void;
  /** Calls the listener at a signal to end. */
  onSignal(listener: () => void): void;
  /** Calls the listener when the process is about to end, for whatever reason. */
  onExit(listener: () => void): void;
  /** Calls the listener when the process goes on after it was stopped. */
  onContinue(listener: () => void): void;
  /** Stops the process and those that wait for it, as Ctrl-Z does. */
  suspend(): void;
}

const DEFAULT_SYMBOL = 'BTC/USDT';
/** What comes in is drawn at most so often. */
const DRAW_MS = 200;
/** Ages grow by themselves. */
const AGES_MS = 1000;
/** Longer than a process takes to be stopped. */
const SUSPENDED_MS = 500;
const SYMBOLS_RETRY_MS = 15_000;
const SYMBOLS_FRESH_MS = 300_000;

/** Shows the dashboard until somebody or something ends it. @returns the exit code. */
export async function runConsole(args: ConsoleArguments, target: FeedTarget, host: ConsoleHost): Promise<number> {
  return EXITS[await new ConsoleRun(args, target, host).start()].code;
}

class ConsoleRun {
  readonly #target: FeedTarget;
  readonly #host: ConsoleHost;
  readonly #board: Board;
  readonly #terminal: Terminal | null;
  readonly #plain = new PlainLines();
  #wire: Wire | null = null;
  #wake: NodeJS.Timeout | undefined;
  #drawing: NodeJS.Timeout | undefined;
  #loading: NodeJS.Timeout | undefined;
  #ui: Ui = BOARD;
  #symbols: readonly string[] = [];
  #symbolsFault: string | null = null;
  /** Whether the visitor named a symbol, which is then kept although no list has it. */
  #chosen: boolean;
  #everOpen = false;
  #failure = '';
  #isOver = false;
  #finish: (exit: Exit) => void = () => undefined;

  constructor(args: ConsoleArguments, target: FeedTarget, host: ConsoleHost) {
    this.#target = target;
    this.#host = host;
    this.#chosen = args.symbol !== null;
    this.#board = new Board(
      { symbol: args.symbol ?? DEFAULT_SYMBOL, range: '1h', everyAnomaly: false },
      {
        now: () => Date.now(),
        random: () => Math.random(),
        run: (command) => this.#act(command),
        greeted: () => {
          this.#everOpen = true;
          this.#loadSymbols();
        },
      },
    );
    const isTerminal = host.stdout.isTTY && host.stdin.isTTY && host.env.TERM !== undefined && host.env.TERM !== 'dumb';
    this.#terminal = isTerminal
      ? new Terminal(host.stdin, host.stdout, looksOf(host.env), {
          key: (key) => this.#press(key),
          resized: () => this.#draw(),
        })
      : null;
  }

  async start(): Promise<Exit> {
    const ended = new Promise<Exit>((resolve) => {
      this.#finish = resolve;
    });
    // First of all, so that whatever happens from here on gives the terminal back.
    this.#host.onExit(() => this.#terminal?.close());
    this.#host.onSignal(() => this.#finish('done'));
    this.#host.onContinue(() => this.#resume());
    this.#host.stdout.on('error', (error) => {
      if (!isGone(error)) this.#failure = `standard output cannot be written: ${error.message}`;
      this.#finish(isGone(error) ? 'done' : 'failed');
    });
    this.#terminal?.open();
    const ages = setInterval(() => this.#draw(), AGES_MS);
    this.#board.start();
    this.#draw();
    try {
      return await ended;
    } finally {
      this.#isOver = true;
      clearInterval(ages);
      for (const timer of [this.#wake, this.#drawing, this.#loading]) clearTimeout(timer);
      this.#wire?.close();
      this.#terminal?.close();
      if (this.#failure !== '') this.#host.complain(`console: ${this.#failure}`);
    }
  }

  #hear(event: FeedEvent, failure?: string): void {
    this.#board.hear(event, failure);
    this.#drawSoon();
  }

  #act(command: Command): void {
    switch (command.type) {
      case 'connect':
        this.#wire = this.#connect(command.socket);
        break;
      case 'send':
        this.#wire?.send(command.text);
        break;
      case 'close':
        this.#wire?.close();
        this.#wire = null;
        break;
      case 'wake':
        clearTimeout(this.#wake);
        this.#wake = setTimeout(() => this.#hear({ type: 'tick' }), command.afterMs);
        break;
      case 'reload':
        break;
    }
  }

  #connect(socket: number): Wire {
    return openWire(
      this.#target,
      socket,
      (event) => {
        switch (event.type) {
          case 'frame':
            this.#hear(event);
            break;
          case 'closed': {
            const exit = exitOfClose(event.code);
            if (exit !== null) this.#giveUp(exit, `${event.reason || 'the connection was refused'} [${event.code}]`);
            this.#hear(event, event.reason);
            break;
          }
          case 'answered': {
            const exit = exitOfStatus(event.status, this.#everOpen);
            if (exit !== null) this.#giveUp(exit, `HTTP ${event.status} instead of a feed at ${this.#target.shown}`);
            break;
          }
          case 'heard':
            break;
        }
      },
      { compressed: true },
    );
  }

  #giveUp(exit: Exit, reason: string): void {
    this.#failure = reason;
    this.#finish(exit);
  }

  #loadSymbols(): void {
    clearTimeout(this.#loading);
    fetchSymbols(this.#target).then(
      (symbols) => {
        this.#symbols = symbols;
        this.#symbolsFault = null;
        const [first] = symbols;
        const { choice } = this.#board;
        if (!this.#chosen && first !== undefined && !symbols.includes(choice.symbol)) this.#choose({ symbol: first });
        // A list that is still empty belongs to a database that is being filled, or is away.
        this.#loadLater(symbols.length === 0 ? SYMBOLS_RETRY_MS : SYMBOLS_FRESH_MS);
      },
      (error: unknown) => {
        this.#symbolsFault = `the list of symbols cannot be had: ${messageOf(error)}`;
        this.#loadLater(SYMBOLS_RETRY_MS);
      },
    );
  }

  #loadLater(ms: number): void {
    this.#drawSoon();
    clearTimeout(this.#loading);
    this.#loading = setTimeout(() => this.#loadSymbols(), ms).unref();
  }

  #press(key: Key): void {
    const { ui, wish } = press(this.#ui, key, { symbols: this.#symbols, symbol: this.#board.choice.symbol });
    this.#ui = ui;
    if (wish !== null) this.#grant(wish);
    this.#draw();
  }

  #grant(wish: Wish): void {
    switch (wish.type) {
      case 'quit':
        this.#finish('done');
        break;
      case 'redraw':
        this.#terminal?.forget();
        break;
      case 'suspend':
        this.#terminal?.close();
        this.#host.suspend();
        // Without a shell to go back to nothing stops; where something did, this comes when it goes on.
        setTimeout(() => this.#resume(), SUSPENDED_MS);
        break;
      case 'symbol':
        this.#chosen = true;
        this.#choose({ symbol: wish.symbol });
        break;
      case 'range':
        this.#choose({ range: wish.range });
        break;
      case 'anomalies':
        this.#choose({ everyAnomaly: !this.#board.choice.everyAnomaly });
    }
  }

  #choose(change: Partial<Choice>): void {
    this.#board.choose({ ...this.#board.choice, ...change });
  }

  #resume(): void {
    if (this.#isOver) return;
    this.#terminal?.open();
    this.#terminal?.forget();
    this.#draw();
  }

  #drawSoon(): void {
    this.#drawing ??= setTimeout(() => this.#draw(), DRAW_MS);
  }

  #draw(): void {
    clearTimeout(this.#drawing);
    this.#drawing = undefined;
    const seen = this.#board.look();
    if (this.#terminal === null) {
      const lines = this.#plain.of(seen);
      if (lines.length > 0) this.#host.stdout.write(`${lines.join('\n')}\n`);
      return;
    }
    const around = { address: this.#target.shown, symbols: this.#symbols, symbolsFault: this.#symbolsFault };
    try {
      this.#terminal.draw(screen(seen, this.#ui, around, this.#terminal.size));
    } catch (error) {
      if (!isGone(error)) throw error;
      this.#finish('done');
    }
  }
}

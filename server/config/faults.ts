/** Faults of a configuration: gathered while it is read, thrown all at once. */
import { CodedError } from '../errors.ts';

/** One thing that is wrong. */
export interface Fault {
  /** The variable or `--flag`. */
  readonly name: string;
  /** What it was set to; null where that is secret or where nothing was set. */
  readonly value: string | null;
  /** What is wrong or accepted instead, as a sentence without its full stop. */
  readonly problem: string;
}

/** Thrown when a configuration cannot be used; carries every fault of it. Its message shows no secret. */
export class ConfigError extends CodedError {
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    const lines = faults.map((fault) => `  ${describe(fault)}`);
    super(
      'config',
      `${faults.length === 1 ? 'One setting is' : `${faults.length} settings are`} wrong:\n${lines.join('\n')}`,
      {
        value: faults.map(({ name }) => name),
        mend: 'alphapulse-dashboard --help lists every setting.',
      },
    );
    this.name = 'ConfigError';
    this.faults = faults;
  }
}

function describe({ name, value, problem }: Fault): string {
  return value === null ? `${name}: ${problem}` : `${name}=${JSON.stringify(value)}: ${problem}`;
}

/** Where the readers of a configuration leave what they find. */
export class Findings {
  readonly faults: Fault[] = [];
  /** Sentences about what works, but perhaps not as meant. */
  readonly warnings: string[] = [];

  fault(name: string, value: string | null, problem: string): void {
    this.faults.push({ name, value, problem });
  }

  warn(sentence: string): void {
    this.warnings.push(sentence);
  }
}

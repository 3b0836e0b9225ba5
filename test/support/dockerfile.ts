/** A Dockerfile as its instructions, so that its rules can be held where there is no Docker. */

/** One instruction, its continued lines joined. */
export interface Instruction {
  readonly name: string;
  readonly text: string;
}

/** A stage of the build. */
export interface Stage {
  readonly image: string;
  /** The name that later stages copy from; null for the last one, as a rule. */
  readonly name: string | null;
  readonly instructions: readonly Instruction[];
}

/** A copy from the checkout, or from another stage. */
export interface Copy {
  readonly from: string | null;
  readonly sources: readonly string[];
  readonly target: string;
}

/** The stages of a Dockerfile. Throws where an instruction stands before the first of them. */
export function stagesOf(dockerfile: string): readonly Stage[] {
  const lines = dockerfile
    .split('\n')
    .filter((line) => !/^\s*(#|$)/.test(line))
    .join('\n')
    .replace(/\\\n\s*/g, '')
    .split('\n');
  const stages: { image: string; name: string | null; instructions: Instruction[] }[] = [];
  for (const line of lines) {
    const [name = '', ...words] = line.trim().split(/\s+/);
    if (name === 'FROM') stages.push({ image: words[0] ?? '', name: words[2] ?? null, instructions: [] });
    else if (stages.length === 0) throw new Error(`${line} stands before the first FROM`);
    else stages.at(-1)?.instructions.push({ name, text: words.join(' ') });
  }
  return stages;
}

/** What a stage copies. */
export function copiesOf(stage: Stage): readonly Copy[] {
  return stage.instructions
    .filter(({ name }) => name === 'COPY')
    .map(({ text }) => {
      const words = text.split(' ');
      const flags = words.filter((word) => word.startsWith('--'));
      const paths = words.filter((word) => !word.startsWith('--'));
      const from = flags.map((flag) => /^--from=(.+)$/.exec(flag)?.[1]).find((name) => name !== undefined);
      return { from: from ?? null, sources: paths.slice(0, -1), target: paths.at(-1) ?? '' };
    });
}

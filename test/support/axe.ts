/** What axe, the library of accessibility rules, finds wrong on a page. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { RunOptions } from 'axe-core';
import type { Page } from 'playwright-core';
import { z } from 'zod';

/** What is judged: all rules that axe has for the levels A and AA, and what it calls best practice. */
const OPTIONS: RunOptions = { resultTypes: ['violations'] };

const verdict = z.object({
  violations: z.array(
    z.object({
      id: z.string(),
      help: z.string(),
      nodes: z.array(z.object({ html: z.string(), failureSummary: z.string() })),
    }),
  ),
});

let axe: Promise<string> | null = null;

/** What axe finds wrong within an element, a line for each. */
export async function brokenRules(page: Page, root: string): Promise<string[]> {
  axe ??= readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(await axe);
  // As text, for axe is known to the page alone.
  const found = await page.evaluate(`axe.run(${JSON.stringify(root)}, ${JSON.stringify(OPTIONS)})`);
  return verdict
    .parse(found)
    .violations.flatMap(({ id, help, nodes }) =>
      nodes.map((node) => `${id} (${help}): ${node.html} ${node.failureSummary}`),
    );
}

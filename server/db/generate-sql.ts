/** Brings the generated files in sql/ up to date with the declaration of the streams: `npx tsx server/db/generate-sql.ts`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../root.ts';
import { generatedFiles } from './migrate/generate.ts';

for (const [name, text] of generatedFiles()) {
  writeFileSync(join(packageRoot(), 'sql', name), text);
  process.stdout.write(`sql/${name}\n`);
}

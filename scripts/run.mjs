/** `npm start` and its like: builds what is missing or stale, then runs a command of the program in this process. */
import { pathToFileURL } from 'node:url';
import { ensureBuilt } from './ensure-built.mjs';
import { PROGRAM } from './sources.mjs';

// In this process, because signals are sent to it.
if (await ensureBuilt()) await import(pathToFileURL(PROGRAM).href);
else process.exitCode = 1;

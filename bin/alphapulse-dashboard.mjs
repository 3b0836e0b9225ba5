#!/usr/bin/env node
/** The installed program: runs what was built before it was packed. */
import '../dist/server/main.js';

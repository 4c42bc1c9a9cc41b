#!/usr/bin/env node
// The sources are TypeScript: tsx compiles them as they are imported.
import module from 'node:module';
import { register } from 'tsx/esm/api';

// From Node 22.8 on: compiled code is kept between runs.
module.enableCompileCache?.();
register();
const { main } = await import('../cli.ts');
process.exitCode = await main(process.argv.slice(2));

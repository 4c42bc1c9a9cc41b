/** `npm run bench`: runs the benchmarks one after another, each in a fresh process, and prints a table and JSON. */
import { fork } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { UserError } from '../env/errors.ts';
import { benchmarks } from './benchmarks.ts';
import { type Measurement, summarise } from './measurement.ts';
import { formatResults } from './results-table.ts';
import type { BenchmarkReport } from './run-one.ts';

const names = benchmarks.map(({ name }) => name);
const usage = `Usage: npm run bench -- [--only name,…] [--json FILE] [--quick]

  --only   these alone; "update" means all whose name begins so
  --json   also write the results to FILE ("-": print them in place of the table)
  --quick  one short repeat of each: shows that they run; the figures mean little

${benchmarks.map(({ name, description }) => `  ${name.padEnd(14)} ${description}`).join('\n')}

Example: npm run bench -- --only simulator,ppo --json bench.json`;

interface Invocation {
  chosen: string[];
  json?: string;
  quick: boolean;
  help: boolean;
}

function parseInvocation(): Invocation {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string' },
        json: { type: 'string' },
        quick: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    return { chosen: chooseBenchmarks(values.only), json: values.json, quick: values.quick, help: values.help };
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    throw new UserError('BENCH_ARGUMENTS', `${(cause as Error).message}\n\n${usage}`, { cause });
  }
}

function chooseBenchmarks(only: string | undefined): string[] {
  if (only === undefined) return names;
  const chosen = only.split(',').map((wanted) => {
    const matching = names.filter((name) => name === wanted.trim() || name.startsWith(`${wanted.trim()}-`));
    if (matching.length > 0) return matching;
    throw new UserError('BENCH_UNKNOWN', `--only: there is no benchmark "${wanted}"; there are ${names.join(', ')}`);
  });
  return [...new Set(chosen.flat())];
}

/** In a process of its own: no benchmark inherits another's compiled code, heap or tensor backend. */
function runOne(name: string, quick: boolean): Promise<BenchmarkReport> {
  return new Promise((resolve, reject) => {
    const child = fork(new URL('./run-one.ts', import.meta.url), [name, ...(quick ? ['--quick'] : [])], {
      // Standard output is for the results alone.
      stdio: ['ignore', 2, 'inherit', 'ipc'],
    });
    let report: BenchmarkReport | undefined;
    child.once('message', (message) => {
      report = message as BenchmarkReport;
    });
    child.once('error', reject);
    child.once('exit', (code) => {
      if (code === 0 && report) resolve(report);
      else reject(new Error(`benchmark ${name} ended with exit code ${code}`));
    });
  });
}

async function main(): Promise<number> {
  const { chosen, json, quick, help } = parseInvocation();
  if (help) {
    console.log(usage);
    return 0;
  }
  const measurements: Measurement[] = [];
  let failures = 0;
  for (const name of chosen) {
    console.error(`bench ${name} …`);
    try {
      const report = await runOne(name, quick);
      measurements.push(...report.measurements, summarise(`peak memory, ${name}`, 'MB', [report.peakMegabytes]));
    } catch (error) {
      failures++;
      console.error((error as Error).message);
    }
  }
  const machine = {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpus: cpus().length,
    cpu: cpus()[0].model,
  };
  const results = `${JSON.stringify({ createdAt: new Date().toISOString(), quick, machine, measurements }, null, 2)}\n`;
  if (json === '-') process.stdout.write(results);
  else console.log(formatResults(measurements));
  if (json !== undefined && json !== '-') await writeFile(json, results);
  return failures > 0 ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}

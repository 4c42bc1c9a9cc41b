/** Child process of run.ts: runs one benchmark and reports its measurements and the peak memory of the process. */
import { parseArgs } from 'node:util';
import { benchmarks } from './benchmarks.ts';
import type { Measurement } from './measurement.ts';

export interface BenchmarkReport {
  measurements: Measurement[];
  peakMegabytes: number;
}

const { values, positionals } = parseArgs({
  options: { quick: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const benchmark = benchmarks.find(({ name }) => name === positionals[0]);
if (!benchmark) throw new Error(`there is no benchmark ${positionals[0]}`);
const measurements = await benchmark.run({ quick: values.quick });
const report: BenchmarkReport = { measurements, peakMegabytes: process.resourceUsage().maxRSS / 1024 };
process.send?.(report);

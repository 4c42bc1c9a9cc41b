/**
 * The lab figures of the README: the real HPA and the two loops side by side, on one piece of a held-out day per family.
 *
 *   npx tsx bench/lab-quality.ts [--seed 61] [--pick random | volatile] [--minutes 40] [--policy hpa-tuned duoloop] [--json FILE]
 *
 * `random`: pieces begin at moments drawn by the seed. `volatile`: those of 06:00 to 22:00 in which 5-minute means spread most.
 * Takes minutes × 4 s per family and half a minute to start each; keep the machine quiet, since the lab runs 15 times as fast
 * as life.
 */
import { parseArgs } from 'node:util';
import { loadApp } from '../env/apps/load-app.ts';
import { writeFileWhole } from '../env/files.ts';
import { createDraw } from '../env/random.ts';
import { defaultTickSeconds } from '../env/simulator/simulator.ts';
import { loadPerTick, type Trace } from '../env/workload/trace.ts';
import type { ComparisonRow } from '../training/comparison.ts';
import { compareInLab } from '../training/live/lab-comparison.ts';
import { renderSummaryText } from '../training/report/text-table.ts';
import { heldOutTraces } from '../training/trace-sets.ts';

const { values } = parseArgs({
  options: {
    app: { type: 'string', default: 'frontend' },
    seed: { type: 'string', default: '61' },
    pick: { type: 'string', default: 'random' },
    minutes: { type: 'string', default: '40' },
    policy: { type: 'string', multiple: true, default: ['hpa-tuned', 'duoloop'] },
    json: { type: 'string' },
  },
});
const noiseSeeds = [1, 2, 3];
const pieceSeconds = Number(values.minutes) * 60;
const draw = createDraw(Number(values.seed));

function randomStart(): number {
  return Math.floor(draw.uniform(0, 86_400 - pieceSeconds) / 60) * 60;
}

function volatileStart(loads: Float32Array): number {
  const meanOf = (second: number) =>
    loads.subarray(second / defaultTickSeconds, (second + 300) / defaultTickSeconds).reduce((sum, rps) => sum + rps, 0);
  let best = { second: 0, spread: -1 };
  for (let second = 6 * 3600; second + pieceSeconds <= 22 * 3600; second += 900) {
    const means = Array.from({ length: Math.floor(pieceSeconds / 300) }, (_, i) => meanOf(second + i * 300));
    const spread = Math.max(...means) - Math.min(...means);
    if (spread > best.spread) best = { second, spread };
  }
  return best.second;
}

function pieceOf(day: Trace): Trace {
  const loads = loadPerTick(day, defaultTickSeconds);
  const start = values.pick === 'volatile' ? volatileStart(loads) : randomStart();
  const first = start / defaultTickSeconds;
  const piece = Array.from(loads.subarray(first, first + pieceSeconds / defaultTickSeconds + 1));
  return { name: day.name, seconds: piece.map((_, tick) => tick * defaultTickSeconds), rps: piece };
}

const app = await loadApp(values.app);
const days = heldOutTraces({ app, perFamily: 1, seed: Number(values.seed) });
const rows: ComparisonRow[] = [];
for (const trace of days.sort((a, b) => (a.name < b.name ? -1 : 1)).map(pieceOf)) {
  const options = { app, trace, policies: values.policy, speed: 15, capacity: [], noise: 0.02, seeds: noiseSeeds };
  const comparison = await compareInLab({ ...options, signal: new AbortController().signal, log: console.error });
  rows.push(...comparison.rows);
  if (values.json !== undefined) await writeFileWhole(values.json, `${JSON.stringify(rows, null, 2)}\n`);
}
for (const seed of noiseSeeds) {
  console.log(`noise seed ${seed}`);
  console.log(renderSummaryText(rows.filter(({ trace }) => trace.endsWith(`-seed-${seed}`))));
}
console.log('all');
console.log(renderSummaryText(rows));

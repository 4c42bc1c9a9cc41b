/**
 * The quality figures of the README: policies on held-out days of the six families, as trained and while releases change
 * the application, beside every baseline's whole frontier. Every seed is reported.
 *
 *   npx tsx bench/quality.ts --app frontend --checkpoint policies/checkpoints/frontend policies/checkpoints/frontend-seeds/seed-2 …
 *     [--per-family 4] [--seed 301] [--json FILE] [--figure FILE.html]
 */
import { parseArgs } from 'node:util';
import { loadApp } from '../env/apps/load-app.ts';
import { writeFileWhole } from '../env/files.ts';
import { renderChart } from '../env/report/chart-svg.ts';
import { renderPage } from '../env/report/page.ts';
import { parseCapacity } from '../env/simulator/capacity.ts';
import { loadCheckpointPolicy } from '../policies/two-loop.ts';
import { compareFrontiers } from '../training/compare.ts';
import type { ComparisonRow, Frontier } from '../training/comparison.ts';
import { evaluatePolicy, meanOutcome } from '../training/evaluate.ts';
import type { EvaluationRow } from '../training/inspection.ts';
import { costChart } from '../training/report/cost-chart.ts';
import { frontierReplicasAt } from '../training/report/headline.ts';
import { assignStyles } from '../training/report/policy-styles.ts';
import { spreadOf, summarizePolicies } from '../training/report/policy-summary.ts';
import { heldOutTraces } from '../training/trace-sets.ts';
import { resolveTunedPolicy, tunedBaselines } from '../training/tune.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    app: { type: 'string', default: 'frontend' },
    checkpoint: { type: 'string', multiple: true, default: [] },
    'per-family': { type: 'string', default: '4' },
    seed: { type: 'string', default: '301' },
    json: { type: 'string' },
    figure: { type: 'string' },
  },
});
const baselines = [
  'hpa',
  'hpa-measured',
  'hpa-tuned',
  'rps-tuned',
  'forecast',
  'reactive',
  'last-ten',
  'random-group',
  'oracle',
];
const app = await loadApp(values.app);
const traces = heldOutTraces({ app, perFamily: Number(values['per-family']), seed: Number(values.seed) });
const folders = [...values.checkpoint, ...positionals];
const policies = [
  ...(await Promise.all(
    folders.map((folder, i) =>
      loadCheckpointPolicy(folder).then((policy) => ({ ...policy, name: `checkpoint:duoloop/seed-${i + 1}` })),
    ),
  )),
  ...(await Promise.all(baselines.map((name) => resolveTunedPolicy(name, app, console.error)))),
];

interface Scenario {
  title: string;
  rows: EvaluationRow[];
  frontiers: Frontier[];
}

async function run(title: string, releases: string | undefined): Promise<Scenario> {
  const options = { app, traces, capacity: releases === undefined ? [] : parseCapacity(releases) };
  const rows: EvaluationRow[] = [];
  const all: ComparisonRow[] = [];
  for (const policy of policies) {
    const outcomes = await evaluatePolicy(policy, options);
    rows.push(meanOutcome(policy.name, outcomes));
    all.push(
      ...outcomes.map((outcome, i) => ({ app: app.name, trace: traces[i].name, policy: policy.name, ...outcome })),
    );
  }
  const frontiers = await compareFrontiers(options, await tunedBaselines(app, console.error));
  print(title, rows, frontiers);
  if (values.figure !== undefined && releases !== undefined) {
    const shown = all.filter((row) => !['random-group', 'reactive', 'last-ten', 'hpa-measured'].includes(row.policy));
    const names = [...new Set(shown.map((row) => row.policy))];
    const chart = costChart(
      summarizePolicies(shown),
      frontiers,
      assignStyles(
        names,
        frontiers.map(({ label }) => label),
      ),
    );
    const title = `Cost against violations on ${app.name} while releases change it`;
    await writeFileWhole(values.figure, renderPage({ title, body: renderChart(chart) }));
  }
  return { title, rows, frontiers };
}

function print(title: string, rows: readonly EvaluationRow[], frontiers: readonly Frontier[]): void {
  const of = (name: string) => rows.find((row) => row.policy === name) as EvaluationRow;
  const rps = frontiers.find((frontier) => frontier.label === 'rps-tuned') as Frontier;
  console.log(`\n${app.name}, ${title}: mean of ${traces.length} held-out days`);
  console.log(`${'policy'.padEnd(30)}  above %     pods   × hpa × oracle × rps frontier at the same violations`);
  for (const row of rows) {
    const sameViolations = frontierReplicasAt(rps, row.violationPercent);
    const cells = [
      row.violationPercent.toFixed(2),
      row.meanReplicas.toFixed(2),
      (row.meanReplicas / of('hpa').meanReplicas).toFixed(2),
      (row.meanReplicas / of('oracle').meanReplicas).toFixed(2),
      sameViolations === null ? '–' : (row.meanReplicas / sameViolations).toFixed(2),
    ];
    console.log(`${row.policy.padEnd(30)}${cells.map((cell) => cell.padStart(9)).join('')}`);
  }
  const seeds = rows.filter((row) => row.policy.startsWith('checkpoint:'));
  if (seeds.length < 2) return;
  const [violations, pods] = [
    spreadOf(seeds.map((row) => row.violationPercent)),
    spreadOf(seeds.map((row) => row.meanReplicas)),
  ];
  console.log(
    `mean of ${seeds.length} seeds: ${violations.mean.toFixed(2)} ± ${violations.standardDeviation?.toFixed(2)} % at ${pods.mean.toFixed(2)} ± ${pods.standardDeviation?.toFixed(2)} pods`,
  );
}

const scenarios = [await run('as trained', undefined), await run('releases change it', '0:1,28800:0.7,57600:1.3')];
if (values.json !== undefined) await writeFileWhole(values.json, `${JSON.stringify(scenarios, null, 2)}\n`);

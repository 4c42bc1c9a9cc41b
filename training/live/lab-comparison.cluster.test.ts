/**
 * The whole of `duoloop lab --compare`: the real HPA, the real operator and the real agent scale an application side by
 * side, and the simulator is asked what it would have said. A minute and a half of real time at 15 times its pace.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { command } from '../../cli/lab-command.ts';
import { loadApp } from '../../env/apps/load-app.ts';
import { formatTrace } from '../../env/workload/trace.ts';
import { describeCluster } from '../../test/cluster.ts';
import type { ComparisonRow } from '../comparison.ts';
import { resolveContestants } from './contestants.ts';
import { runLab } from './lab-run.ts';
import { simToLiveGaps } from './sim-to-live-gap.ts';

const policies = ['hpa', 'reactive', 'duoloop'];
/** Up in two steps and down again. */
const trace = { name: 'steps', seconds: [0, 150, 600, 1050, 1350], rps: [500, 1500, 2400, 700, 700] };
const seconds = 1350;
const capacity = '0:1,750:0.7';

describeCluster('a comparison in the lab', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'duoloop-lab-comparison-'));
    await writeFile(join(folder, 'steps.csv'), formatTrace(trace));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('lets HPA, reactive loop and both loops scale under one load, as the simulator predicts', async () => {
    const printed: string[] = [];
    const file = (name: string) => join(folder, name);
    const input = command.schema.parse({
      app: 'frontend',
      trace: file('steps.csv'),
      compare: policies.join(','),
      speed: '15',
      noise: '0.02',
      seed: ['7'],
      capacity,
      json: file('rows.json'),
      series: file('series'),
      html: file('report.html'),
    });
    const logged: string[] = [];
    const exitCode = await command.run(input, {
      signal: new AbortController().signal,
      print: (line) => void printed.push(line),
      log: (line) => void logged.push(line),
      commandLine: 'duoloop lab --compare',
    });
    expect(exitCode, logged.join('\n')).toBe(0);

    const rows = JSON.parse(await readFile(file('rows.json'), 'utf8')) as ComparisonRow[];
    expect(rows.map(({ policy }) => policy)).toEqual(policies.flatMap((policy) => [policy, `${policy}@simulator`]));
    for (const row of rows) {
      expect(row).toMatchObject({ app: 'frontend', trace: 'steps', steps: seconds / 5, stepSeconds: 5 });
      // More load, less capacity, then less load: nobody can have stood still, and nobody has run away.
      expect(row.scalingActions, row.policy).toBeGreaterThanOrEqual(3);
      expect(row.meanReplicas, row.policy).toBeGreaterThan(2);
      expect(row.meanReplicas, row.policy).toBeLessThan(10);
      expect(row.podHours).toBeCloseTo((row.meanReplicas * seconds) / 3600, 6);
    }
    // A short run, in which a single decision more or less is a few percent; docs/live-comparison.md has long ones.
    for (const { policy, meanReplicas, violationPercent } of simToLiveGaps(rows)) {
      expect(Math.abs(meanReplicas.percent), policy).toBeLessThan(12);
      expect(Math.abs(violationPercent.live - violationPercent.simulated), policy).toBeLessThan(6);
    }

    const tables = await Promise.all(
      rows.map(async ({ policy }) => {
        const text = await readFile(file(`series/steps.${policy.replace('@', '_')}.csv`), 'utf8');
        return text
          .trim()
          .split('\n')
          .map((line) => line.split(','));
      }),
    );
    const column = (table: string[][], name: string) => table.slice(1).map((row) => row[table[0].indexOf(name)]);
    for (const table of tables) {
      expect(table[0]).toEqual(['second', 'rps', 'desired', 'ready', 'p95', 'cpu']);
      // The same weather for all, noise included, and for the simulator too, but for the first tick.
      expect(column(table, 'rps').slice(1)).toEqual(column(tables[0], 'rps').slice(1));
    }
    expect(new Set(column(tables[0], 'rps')).size).toBeGreaterThan(200);
    const text = printed.join('\n');
    expect(text).toMatch(/From simulator to lab/);
    expect(text).toMatch(/duoloop +1 → 0\.7 at 12 min 30 s/);
    expect(await readFile(file('report.html'), 'utf8')).toMatch(/From simulator to lab[\s\S]*Recovery from a drop/);
  }, 300_000);

  it('ends everything that it started when it is interrupted while it plays', async () => {
    const app = await loadApp('frontend');
    const stop = new AbortController();
    const contestants = await resolveContestants(['reactive', 'hpa'], app, () => {});
    const run = runLab({
      app,
      trace,
      contestants: contestants.map((contestant) => ({ ...contestant, seed: 1, traceName: trace.name })),
      speed: 15,
      capacity: [],
      noise: 0,
      scrapeIntervalSeconds: 1,
      rateWindowSeconds: 4,
      signal: stop.signal,
      log: (line) => {
        if (line.startsWith('playing')) setTimeout(() => stop.abort(new Error('Ctrl-C')), 1500);
      },
    });
    await expect(run).rejects.toThrow('Ctrl-C');
    const { stdout } = await promisify(execFile)('ps', ['--ppid', String(process.pid), '-o', 'args=']);
    expect(stdout).not.toMatch(/kube-apiserver|prometheus|duoloop\.mjs/);
  }, 90_000);
});

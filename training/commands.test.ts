import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCheckpoint } from '../policies/actor-critic/checkpoint.ts';
import type { ComparisonRow } from './comparison.ts';

/** The real command in a process of its own, as a user or a program runs it. */
const root = join(import.meta.dirname, '..');
const commandLine = ['--import', 'tsx', join(root, 'cli.ts')];
const environment = { ...process.env, DUOLOOP_BACKEND: 'cpu' };

async function duoloop(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [...commandLine, ...args], {
      cwd: root,
      env: environment,
      maxBuffer: 1 << 26,
    });
    return { code: 0, stdout, stderr };
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string };
  }
}

let folder: string;
const at = (...names: string[]) => join(folder, ...names);
/** Two hours with a step up and one down. */
const trace = 'second,rps\n0,500\n1800,1900\n5400,300\n7200,300\n';
/** Options that make a training run short. */
const small = ['--set', 'lanes=8', 'rolloutSteps=4', 'segmentRollouts=1', 'hidden=8', 'violationTargetPercent=1'];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'duoloop-commands-'));
  await writeFile(at('steps.csv'), trace);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('duoloop compare', () => {
  it('writes the JSON, series and report that others rely on', async () => {
    const { code, stderr } = await duoloop(
      'compare',
      '--app',
      'frontend',
      '--trace',
      at('steps.csv'),
      '--policy',
      'hpa',
      'oracle',
      '--cold-start',
      '60',
      '--metric-lag',
      '20',
      '--json',
      at('rows.json'),
      '--series',
      at('series'),
      '--html',
      at('report.html'),
      '--no-frontiers',
    );
    expect(stderr).not.toMatch(/error/);
    expect(code).toBe(0);
    const rows: ComparisonRow[] = JSON.parse(await readFile(at('rows.json'), 'utf8'));
    expect(rows.map(({ app, trace, policy, steps, stepSeconds }) => [app, trace, policy, steps, stepSeconds])).toEqual([
      ['frontend', 'steps', 'hpa', 1440, 5],
      ['frontend', 'steps', 'oracle', 1440, 5],
    ]);
    for (const row of rows) {
      const csv = await readFile(at('series', `steps.${row.policy}.csv`), 'utf8');
      const [header, ...lines] = csv.trim().split('\n');
      expect(header).toBe('second,rps,desired,ready,p95,cpu');
      const ticks = lines.map((line) => line.split(',').map(Number));
      expect(ticks.length).toBe(row.steps);
      const mean = (column: number) => ticks.reduce((sum, tick) => sum + tick[column], 0) / ticks.length;
      expect(mean(2)).toBeCloseTo(row.meanReplicas, 6);
      expect(row.podHours).toBeCloseTo(row.meanReplicas * 2, 6);
      expect((100 * ticks.filter((tick) => tick[4] > 5).length) / ticks.length).toBeCloseTo(row.violationPercent, 6);
      expect(row.p95Milliseconds.mean).toBeCloseTo(mean(4), 3);
      expect(row.scalingActions).toBeGreaterThan(0);
      // A pod is never ready sooner than a cold start (12 ticks) after it was ordered.
      for (let t = 12; t < ticks.length; t++) {
        const ordered = Math.max(...ticks.slice(t - 12, t).map((tick) => tick[3]), ticks[t - 12][2]);
        expect(ticks[t][3]).toBeLessThanOrEqual(ordered);
      }
    }
    expect(rows[1].violationPercent).toBe(0);
    const page = await readFile(at('report.html'), 'utf8');
    expect(page).toContain('<svg');
    expect(page).not.toMatch(/(src|href)="https?:/);
  }, 60_000);

  it('gives several services columns of their own, and a policy name a safe file name', async () => {
    const { code } = await duoloop(
      'compare',
      '--app',
      'teastore',
      '--trace',
      at('steps.csv'),
      '--policy',
      'last-ten',
      '--series',
      at('tea'),
    );
    expect(code).toBe(0);
    const [header, first] = (await readFile(at('tea', 'steps.last-ten.csv'), 'utf8')).split('\n');
    expect(header).toContain(
      'second,rps,desired,ready,p95,cpu,webui.rps,webui.desired,webui.ready,webui.p95,webui.cpu,auth.rps',
    );
    expect(first.split(',').length).toBe(6 + 7 * 5);
  }, 60_000);

  it.each([
    ['an unknown policy', ['--policy', 'best'], /there is no policy "best"; the policies are hpa/],
    [
      'a checkpoint that is not there',
      ['--policy', 'checkpoint:nowhere'],
      /checkpoint nowhere: there is no checkpoint\.json/,
    ],
    [
      'a capacity that is none',
      ['--policy', 'hpa', '--capacity', '0:1,5:-2'],
      /--capacity: "5:-2" is not second:factor/,
    ],
    ['a policy named twice', ['--policy', 'hpa', '--policy', 'hpa'], /--policy names hpa twice/],
    [
      'a series folder that is a file',
      ['--policy', 'hpa', '--series', join(root, 'LICENSE')],
      /--series .*LICENSE: .*; name a folder/,
    ],
  ])(
    'refuses %s with exit code 2',
    async (_name, args, message) => {
      const { code, stderr } = await duoloop('compare', '--app', 'frontend', '--trace', at('steps.csv'), ...args);
      expect(stderr).toMatch(message);
      expect(code).toBe(2);
    },
    30_000,
  );
});

describe('duoloop train', () => {
  it('leaves a checkpoint to compare and inspect, with its metrics', async () => {
    const run = await duoloop('train', '--app', 'frontend', '--steps', '1024', '--out', at('run'), ...small);
    expect(run.stderr).toMatch(/tensor backend: cpu/);
    expect(run.code).toBe(0);
    expect((await readdir(at('run'))).sort()).toEqual(['checkpoint.json', 'metrics', 'optimizer.bin', 'weights.bin']);
    const { document } = await readCheckpoint(at('run'));
    expect(document.evaluation.map((row) => row.policy)).toContain('rps-tuned');
    const inspected = await duoloop(
      'inspect',
      at('run'),
      '--against',
      at('run'),
      '--html',
      at('inspect.html'),
      '--json',
      '-',
    );
    expect(inspected.code).toBe(0);
    const inspection = JSON.parse(inspected.stdout);
    expect(inspection.difference.decisions.differingPercent).toBe(0);
    expect(inspection.permutationImportance.length).toBe(document.observationNames.length);
    expect(await readFile(at('inspect.html'), 'utf8')).toContain('<svg');
  }, 120_000);

  it('refuses a folder that holds something', async () => {
    await mkdir(at('full'));
    await writeFile(at('full', 'precious.txt'), 'mine');
    const { code, stderr } = await duoloop('train', '--app', 'frontend', '--out', at('full'), ...small);
    expect(stderr).toMatch(/--out .*full exists and is not empty/);
    expect(code).toBe(2);
  }, 30_000);

  it('stopped by Ctrl-C leaves a checkpoint that it can go on from', async () => {
    const args = ['train', '--app', 'frontend', '--steps', '100000000', '--out', at('stopped'), ...small];
    const child: ChildProcess = spawn(process.execPath, [...commandLine, ...args], { cwd: root, env: environment });
    let output = '';
    child.stderr?.on('data', (chunk) => {
      output += chunk;
      // Once: a second one would end the process at once.
      if (/replicas/.test(output) && !child.killed) child.kill('SIGINT');
    });
    const [code] = await once(child, 'close');
    expect(output).toMatch(/stopped; go on with: duoloop train --app frontend --resume/);
    expect(code).toBe(1);
    const { document, optimizer } = await readCheckpoint(at('stopped'));
    expect(document.resume).not.toBeNull();
    expect(optimizer).not.toBeNull();
  }, 60_000);
});

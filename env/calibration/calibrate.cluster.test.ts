/**
 * Calibration of a known application on a real control plane: the lab plays frontend under a load that rises and falls while
 * it is scaled by hand, and what `record` and `calibrate` read back from Prometheus and kube-state-metrics is frontend.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeCluster } from '../../test/cluster.ts';
import type { AppModel } from '../apps/app-model.ts';
import { loadApp } from '../apps/load-app.ts';
import { resourceTypes } from '../cluster/kubernetes-api.ts';
import type { Command, CommandContext } from '../command.ts';
import { createLab, type Lab } from '../lab/lab.ts';
import { createMeasuredSurface } from '../simulator/measured-surface.ts';
import { readTrace, type Trace } from '../workload/trace.ts';
import { command as calibrateCommand } from './calibrate-command.ts';
import { command as recordCommand } from './record-command.ts';

const speed = 30;
const sizes = [2, 3, 5];
/** Real seconds that each size is kept, while load rises. */
const secondsPerSize = 20;
const lowRps = 500;
const highRps = 1900;

/** A tooth per size. */
function sawtooth(): Trace {
  const seconds: number[] = [];
  const rps: number[] = [];
  const period = secondsPerSize * speed;
  for (let second = 0; second <= period * sizes.length; second += 5) {
    const phase = (second % period) / period;
    seconds.push(second);
    rps.push(lowRps + (highRps - lowRps) * phase);
  }
  return { name: 'sawtooth', seconds, rps };
}

describeCluster('calibration from a live Prometheus', () => {
  let lab: Lab;
  let app: AppModel;
  let folder: string;
  let startSecond: number;
  const fromPrometheus = () => ({ prometheus: lab.prometheusUrl, namespace: 'shop', step: '0.5s', rateWindow: '1s' });
  const file = (name: string) => join(folder, name);

  async function run(command: Command, typed: Record<string, unknown>): Promise<string> {
    const printed: string[] = [];
    const context: CommandContext = {
      signal: new AbortController().signal,
      print: (line) => printed.push(line),
      log: () => {},
      commandLine: 'duoloop calibrate',
    };
    await command.run(command.schema.parse(typed), context);
    return printed.join('\n');
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'calibrate-'));
    app = await loadApp('frontend');
    lab = await createLab({
      app,
      trace: sawtooth(),
      speed,
      namespace: 'shop',
      groupSize: sizes[0],
      scrapeIntervalSeconds: 0.25,
    });
    startSecond = Date.now() / 1000;
    lab.startTrace();
    for (const size of sizes) {
      await lab.api.mergePatch(
        resourceTypes.deployment,
        'shop',
        'frontend',
        { spec: { replicas: size } },
        { subresource: 'scale' },
      );
      await sleep(secondsPerSize * 1000);
    }
    await run(recordCommand, {
      ...fromPrometheus(),
      range: `${secondsPerSize * sizes.length}s`,
      out: file('history.parquet'),
    });
  }, 180_000);
  afterAll(async () => {
    await lab?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const calibrate = (out: string, source: Record<string, unknown>) =>
    run(calibrateCommand, {
      ...source,
      out: file(`${out}.json`),
      trace: file(`${out}.csv`),
      html: file(`${out}.html`),
      sla: '5',
      timeScale: String(speed),
      epoch: String(startSecond),
    });

  it('recovers p95 and CPU to 10 % where data exist, start-up and load', async () => {
    const text = await calibrate('app', { history: file('history.parquet') });
    const [found, trace] = await Promise.all([loadApp(file('app.json')), readTrace(file('app.csv'))]);
    if (found.serving.kind !== 'measured' || app.serving.kind !== 'measured') throw new Error('not measured');
    const known = createMeasuredSurface(app.serving.curves);
    for (const size of sizes) {
      const { load, p95Milliseconds, cpuPercent } = found.serving.curves[size - 1];
      expect(load.length).toBeGreaterThan(6);
      for (const [i, rps] of load.entries()) {
        expect(Math.abs(p95Milliseconds[i] / known.p95Milliseconds(size, rps) - 1)).toBeLessThan(0.1);
        expect(Math.abs(cpuPercent[i] / known.cpuPercent(size, rps) - 1)).toBeLessThan(0.1);
      }
    }
    expect(found).toMatchObject({ minGroupSize: sizes[0], maxGroupSize: sizes[sizes.length - 1] });
    // kube-state-metrics tells whole seconds, of which one is 30 of the application's.
    expect(Math.abs(found.coldStartSeconds - app.coldStartSeconds)).toBeLessThanOrEqual(speed);
    expect(found.metricAveragingSeconds).toBeGreaterThan(0.5 * speed);
    expect(found.metricAveragingSeconds).toBeLessThan(speed);
    const peak = Math.max(...trace.rps);
    expect(Math.abs(peak / highRps - 1)).toBeLessThan(0.1);
    expect(text.split('\n').every((line) => line.length <= 100)).toBe(true);
    expect(await readFile(file('app.html'), 'utf8')).not.toMatch(/NaN|Infinity|undefined/);
  });

  it('reads the same from Prometheus itself', async () => {
    await calibrate('direct', { ...fromPrometheus(), range: `${secondsPerSize * sizes.length + 5}s` });
    const found = await loadApp(file('direct.json'));
    expect(found.source).toContain('Prometheus, namespace shop');
    expect(found).toMatchObject({ name: 'shop', minGroupSize: sizes[0], maxGroupSize: sizes[sizes.length - 1] });
  });

  it.each([
    [{ preset: 'nginx-ingress', service: ['frontend'] }, /preset nginx-ingress returned nothing.*istio/s],
    [{ service: ['backend'] }, /requestsPerSecond: .* backend in shop/],
    [{ prometheus: 'http://127.0.0.1:1' }, /check --prometheus/],
  ])('says what is wrong with %j', async (wrong, words) => {
    await expect(calibrate('wrong', { ...fromPrometheus(), range: '30s', ...wrong })).rejects.toThrow(
      expect.objectContaining({ name: 'UserError', message: expect.stringMatching(words) }),
    );
  });
});

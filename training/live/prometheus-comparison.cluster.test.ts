/** What a comparison from Prometheus says of two namespaces of the lab, beside what the lab knows of them itself. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { AppModel } from '../../env/apps/app-model.ts';
import { loadApp } from '../../env/apps/load-app.ts';
import { resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { presetQueries } from '../../env/cluster/live/presets.ts';
import { createPrometheusClient } from '../../env/cluster/prometheus.ts';
import { createLab, type Lab } from '../../env/lab/lab.ts';
import { describeCluster } from '../../test/cluster.ts';
import { command } from '../compare-command.ts';
import type { ComparisonRow } from '../comparison.ts';
import { createDuoloopProcesses } from './duoloop-process.ts';
import { createLabRecord } from './lab-record.ts';
import { compareFromPrometheus, type PrometheusComparison } from './prometheus-comparison.ts';

const speed = 10;
/** 36 s of real time. */
const trace = { name: 'steps', seconds: [0, 120, 240, 360], rps: [400, 1500, 600, 600] };
const names = ['lean', 'ample'];

describeCluster('a comparison from Prometheus', () => {
  let app: AppModel;
  let lab: Lab;
  let startSecond: number;
  let truth: ComparisonRow[];
  let found: PrometheusComparison;

  const ask = (changes: Partial<Parameters<typeof compareFromPrometheus>[0]> = {}) =>
    compareFromPrometheus({
      app,
      contestants: names.map((name) => ({ policy: `policy-${name}`, namespace: name })),
      prometheus: createPrometheusClient({ url: lab.prometheusUrl }),
      queries: presetQueries('istio'),
      fromSecond: startSecond,
      toSecond: startSecond + lab.durationSeconds - 0.5,
      stepSeconds: 0.5,
      rateWindowSeconds: 2,
      timeScale: speed,
      ...changes,
    });

  beforeAll(async () => {
    app = await loadApp('frontend');
    const records = new Map(names.map((name) => [name, createLabRecord(app, trace, name)]));
    lab = await createLab({
      app,
      trace,
      speed,
      namespaces: names,
      groupSize: 2,
      scrapeIntervalSeconds: 0.5,
      onTick: (namespace, tick, state) => records.get(namespace)?.tick(tick, state),
    });
    const scale = (namespace: string, replicas: number) =>
      lab.api.mergePatch(
        resourceTypes.deployment,
        namespace,
        'frontend',
        { spec: { replicas } },
        { subresource: 'scale' },
      );
    // Until there are rates.
    await sleep(4000);
    startSecond = lab.startTrace();
    await sleep(6000);
    await scale('ample', 4);
    await sleep(18_000);
    await scale('ample', 3);
    await sleep((lab.durationSeconds - 24) * 1000);
    for (const application of lab.applications) application.state();
    truth = names.map((name) => {
      const record = records.get(name);
      expect(record?.complete).toBe(true);
      return record?.row() as ComparisonRow;
    });
    // What was asked for a moment ago has not been scraped yet.
    await sleep(1500);
    found = await ask();
  }, 120_000);
  afterAll(() => lab?.stop());

  it('agrees with what the lab knows', () => {
    for (const [i, row] of found.rows.entries()) {
      expect(row).toMatchObject({ policy: `policy-${names[i]}`, stepSeconds: 5, steps: truth[i].steps });
      // A window of 2 s smears an edge over 20 s of the trace; of 360 s that is what both figures may differ by.
      expect(Math.abs(row.violationPercent - truth[i].violationPercent)).toBeLessThan(9);
      expect(Math.abs(row.meanReplicas / truth[i].meanReplicas - 1)).toBeLessThan(0.03);
      expect(Math.abs(row.podHours / truth[i].podHours - 1)).toBeLessThan(0.03);
      expect(Math.abs(row.p95Milliseconds.mean / truth[i].p95Milliseconds.mean - 1)).toBeLessThan(0.1);
      expect(row.scalingActions).toBe(truth[i].scalingActions);
    }
    // That it is about something: one has what it needs, the other too little.
    expect(truth[0].violationPercent).toBeGreaterThan(truth[1].violationPercent + 10);
    expect(truth[1].scalingActions).toBe(2);
    const load = found.series[0].rps;
    expect(Math.abs(load[40] / 1500 - 1)).toBeLessThan(0.03);
  });

  it('says what is missing, and refuses a namespace of which nothing is known', async () => {
    expect(found.remarks).toEqual([]);
    const early = await ask({ fromSecond: startSecond - 40 });
    expect(early.remarks.join('\n')).toMatch(/lean: \d+\.\d % of the steps have no p95 or no replicas/);
    const elsewhere = { policy: 'hpa', namespace: 'elsewhere' };
    await expect(ask({ contestants: [elsewhere] })).rejects.toThrow(/namespace elsewhere has no moment .*--preset/s);
  });

  it('is what duoloop compare --live prints', async () => {
    const printed: string[] = [];
    const namespaces = names.map((name) => `${name}=${name}`);
    const typed = { app: 'frontend', live: true, prometheus: lab.prometheusUrl, namespaces, json: '-' };
    const input = command.schema.parse({ ...typed, range: '30s', step: '1s', rateWindow: '2s' });
    const context = {
      signal: new AbortController().signal,
      print: (line: string) => void printed.push(line),
      log: () => {},
      commandLine: 'duoloop compare --live',
    };
    expect(await command.run(input, context)).toBe(0);
    const rows = JSON.parse(printed.join('\n')) as ComparisonRow[];
    expect(rows.map(({ policy }) => policy)).toEqual(names);
    expect(rows[0].meanReplicas).toBeCloseTo(2, 6);
  });

  it('is told when the operator dies, with what it said last', async () => {
    const processes = createDuoloopProcesses(await mkdtemp(join(tmpdir(), 'duoloop-process-')));
    try {
      const operator = await processes.start('operator', [
        ...['--kubeconfig', lab.kubeconfigFile, '--namespace', names[0], '--ingest-port', '0'],
      ]);
      await operator.kill();
      await expect(processes.died).rejects.toThrow(/duoloop operator has ended; its last lines:\n.*"msg"/s);
    } finally {
      await processes.stop();
    }
  }, 60_000);
});

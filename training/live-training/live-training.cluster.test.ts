/** Training on a lab: a real operator carries out what is tried, within guardrails, a decision interval at a time. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadApp } from '../../env/apps/load-app.ts';
import { resourceTypes, type WatchEvent } from '../../env/cluster/kubernetes-api.ts';
import { createLab, type Lab } from '../../env/lab/lab.ts';
import type { Trace } from '../../env/workload/trace.ts';
import {
  type Checkpoint,
  encodeFloats,
  hashBytes,
  readCheckpoint,
  writeCheckpoint,
} from '../../policies/actor-critic/checkpoint.ts';
import type { ClosedLoop } from '../../policies/resources/closed-loop.ts';
import type { DeliberativeLoop, Proposal } from '../../policies/resources/deliberative-loop.ts';
import { describeCluster } from '../../test/cluster.ts';
import { contestantObjects } from '../live/contestant-objects.ts';
import { createDuoloopProcesses, type DuoloopProcesses } from '../live/duoloop-process.ts';
import type { TrainInput } from '../train-command.ts';
import { runLiveTraining } from './run-live-training.ts';

const namespace = 'shop';
const name = 'frontend';
/** A decision of the checkpoint, every 15 s of its own time, is one a second. */
const speed = 15;
const maxReplicas = 6;
const app = await loadApp('frontend');
const trace: Trace = {
  name: 'waves',
  seconds: Array.from({ length: 60 }, (_, i) => i * 120),
  rps: Array.from({ length: 60 }, (_, i) => 900 + 700 * Math.sin(i)),
};

describeCluster('training on live closed loops', () => {
  let lab: Lab;
  let processes: DuoloopProcesses;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'duoloop-live-'));
    await writeCheckpoint(join(folder, 'trained'), await resumable());
    lab = await createLab({ app, trace, speed, namespace });
    processes = createDuoloopProcesses(await mkdtemp(join(tmpdir(), 'duoloop-live-logs-')));
    await processes.start('operator', [
      ...['--kubeconfig', lab.kubeconfigFile, '--prometheus', lab.prometheusUrl, '--ingest-port', '0'],
      ...['--namespace', namespace, '--watch-namespace', namespace, '--lease-duration-seconds', '2'],
    ]);
    const checkpoint = await readCheckpoint(join(folder, 'trained'));
    const contestant = { policy: 'duoloop', namespace, scaler: { kind: 'two-loop', folder, checkpoint } } as const;
    const scene = { app, speed, rateWindowSeconds: 4, groupSize: 2 };
    for (const { type, object } of contestantObjects({ ...scene, contestants: [contestant] })) {
      await lab.api.apply(resourceTypes[type], object, { fieldManager: 'test' });
    }
    await changeLoop({ guardrails: { maxReplicas } });
    lab.startTrace();
  }, 120_000);
  afterAll(async () => {
    await processes?.stop();
    await lab?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const changeLoop = (spec: object) => lab.api.mergePatch(resourceTypes.deliberativeLoop, namespace, name, { spec });
  const loop = () => lab.api.get<DeliberativeLoop>(resourceTypes.deliberativeLoop, namespace, name);
  const input = (out: string, set: readonly string[]): TrainInput => ({
    out: join(folder, out),
    env: 'live',
    continue: false,
    resume: join(folder, 'trained'),
    set: [...set],
    namespace,
    deliberativeLoop: name,
    prometheus: lab.prometheusUrl,
    preset: 'istio',
    rateWindow: 4,
    timeScale: speed,
    epoch: 0,
    bind: '127.0.0.1',
    kubeconfig: lab.kubeconfigFile,
  });
  const context = (signal: AbortSignal, lines: string[] = []) => ({
    signal,
    commandLine: 'duoloop train',
    print: () => {},
    log: (line: string) => void lines.push(line),
  });

  it('takes a step an interval, keeps to the guardrails, learns, and lets go of the loop at its end', async () => {
    const proposals = new Map<string, Proposal>();
    const { resourceVersion } = await lab.api.list(resourceTypes.deliberativeLoop, { namespace });
    const stop = new AbortController();
    const range = { namespace, resourceVersion, signal: stop.signal };
    const watching = lab.api.watch<DeliberativeLoop>(resourceTypes.deliberativeLoop, range, (event) => {
      for (const proposal of seenIn(event)) proposals.set(proposal.time, proposal);
    });
    const steps = 40;
    const lines: string[] = [];
    const { checkpoint, finished } = await runLiveTraining(
      input('tuned', [`environmentSteps=${steps}`, 'rolloutSteps=20', 'learningRate=0.001']),
      context(new AbortController().signal, lines),
    );
    stop.abort();
    await watching;
    expect(finished).toBe(true);
    expect(lines.join('\n')).not.toContain('without the load of the past');

    const times = [...proposals.keys()].map((time) => Date.parse(time) / 1000);
    const spanSeconds = Math.max(...times) - Math.min(...times);
    // One fewer where the last is released before anybody has seen it; none where nothing was measured yet.
    expect(times.length).toBeGreaterThan(steps / 2);
    expect(times.length).toBeLessThanOrEqual(steps);
    expect(spanSeconds).toBeGreaterThanOrEqual(times.length - 1.5);
    const setPoints = [...proposals.values()].flatMap(({ setPoint }) => setPoint ?? []);
    expect(Math.max(...setPoints)).toBeLessThanOrEqual(maxReplicas);
    expect(Math.min(...setPoints)).toBeGreaterThanOrEqual(1);
    expect(new Set(setPoints).size).toBeGreaterThan(1);
    // The operator has taken in what was tried.
    const { status } = await lab.api.get<ClosedLoop>(resourceTypes.closedLoop, namespace, name);
    expect([...proposals.keys()].map(Date.parse)).toContain(Date.parse(status?.setPoint?.time ?? ''));

    const before = await readCheckpoint(join(folder, 'trained'));
    const after = await readCheckpoint(join(folder, 'tuned'));
    expect(after.document).toEqual(checkpoint.document);
    expect(after.document.hyperparameters).toMatchObject({ liveDecisions: steps });
    expect(after.document.trainingCurve.slice(-2)).toMatchObject([
      { reward: expect.any(Number), klDivergence: expect.any(Number) },
      { meanReplicas: expect.any(Number), violationPercent: expect.any(Number) },
    ]);
    expect(after.parameters).not.toEqual(before.parameters);
    expect(after.parameters.every(Number.isFinite)).toBe(true);
    const released = (await loop()).status;
    expect(released?.agent).toBeUndefined();
    expect(released?.proposals ?? []).toEqual([]);
  }, 120_000);

  it('leaves a checkpoint and lets go when it is interrupted', async () => {
    const stop = new AbortController();
    const running = runLiveTraining(input('interrupted', ['rolloutSteps=1000']), context(stop.signal));
    await expect.poll(async () => (await loop()).status?.agent?.identity, { timeout: 20_000 }).toMatch(/^train_/);
    stop.abort();
    expect((await running).finished).toBe(false);
    expect((await readCheckpoint(join(folder, 'interrupted'))).optimizer).not.toBeNull();
    expect((await loop()).status?.agent).toBeUndefined();
  }, 60_000);

  it('refuses a loop that an agent serves, and one in which nothing is carried out', async () => {
    const renewTime = new Date().toISOString();
    const status = { agent: { identity: 'agent-1', renewTime } };
    await changeLoop({ intervalSeconds: 600 });
    await lab.api.mergePatch(resourceTypes.deliberativeLoop, namespace, name, { status }, { subresource: 'status' });
    const { signal } = new AbortController();
    await expect(runLiveTraining(input('refused', []), context(signal))).rejects.toMatchObject({ code: 'LIVE_AGENT' });
    await changeLoop({ mode: 'Observe' });
    await expect(runLiveTraining(input('refused', []), context(signal))).rejects.toMatchObject({ code: 'LIVE_MODE' });
    expect((await loop()).status?.agent).toEqual(status.agent);
  });
});

function seenIn({ type, object }: WatchEvent<DeliberativeLoop>): readonly Proposal[] {
  return type === 'BOOKMARK' ? [] : (object.status?.proposals ?? []);
}

/** The shipped checkpoint as it was before its optimizer was left out. */
async function resumable(): Promise<Checkpoint> {
  const { document, parameters } = await readCheckpoint('policies/checkpoints/frontend');
  const optimizer = new Float32Array(parameters.length * 2);
  const resume = {
    segment: 10,
    environmentSteps: 1000,
    seconds: 1,
    adamStep: 0,
    returnMoments: { count: 1000, mean: -20, variance: 40 },
    lagrangian: { multiplier: 12, violationPercent: null },
    optimizerSha256: hashBytes(encodeFloats(optimizer)),
  };
  return { document: { ...document, resume }, parameters, optimizer };
}

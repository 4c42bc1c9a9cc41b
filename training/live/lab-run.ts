/** One run of the lab: contestants side by side, each with the application in a namespace of its own, under one trace. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AppModel } from '../../env/apps/app-model.ts';
import { type KubernetesApi, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { createLab, type Lab, playToEnd } from '../../env/lab/lab.ts';
import type { CapacityChange } from '../../env/simulator/capacity.ts';
import { createNeededGroupSize } from '../../env/simulator/create-kernel.ts';
import type { Trace } from '../../env/workload/trace.ts';
import { closedLoopIntervalSeconds, contestantObjects, type LabObject } from './contestant-objects.ts';
import type { Contestant } from './contestants.ts';
import { aborted, createDuoloopProcesses, type DuoloopProcesses } from './duoloop-process.ts';
import { createLabRecord, type LabRecord } from './lab-record.ts';

/** A contestant under one weather. */
export interface Entrant extends Contestant {
  readonly seed: number;
  /** As in rows and file names. */
  readonly traceName: string;
}

export interface LabRunOptions {
  readonly app: AppModel;
  readonly trace: Trace;
  /** Each in a namespace of its own. */
  readonly contestants: readonly Entrant[];
  readonly speed: number;
  readonly capacity: readonly CapacityChange[];
  readonly noise: number;
  /** Real seconds. */
  readonly scrapeIntervalSeconds: number;
  readonly rateWindowSeconds: number;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

/** Real seconds between two lines about how the applications fare. */
const reportIntervalSeconds = 15;
/** Real seconds that the agent has to get ready; when it does not, the start is put off by as much again. */
const agentStartSeconds = 20;
/** The lab's day begins in the past, so that no second of the model is negative. */
const daysBefore = 30;

/**
 * A record per contestant, in their order, complete.
 * @throws UserError `lab.binaries`; ComponentError when something does not start or ends by itself; the signal's reason
 */
export async function runLab(options: LabRunOptions): Promise<LabRecord[]> {
  const { app, trace, contestants, signal, log } = options;
  const records = new Map(
    contestants.map(({ namespace, policy, traceName }) => {
      return [namespace, createLabRecord(app, { ...trace, name: traceName }, policy)] as const;
    }),
  );
  const processes = createDuoloopProcesses(await mkdtemp(join(tmpdir(), 'duoloop-compare-')));
  let lab: Lab | undefined;
  try {
    lab = await createLab({
      ...options,
      namespaces: contestants.map(({ namespace }) => namespace),
      seeds: contestants.map(({ seed }) => seed),
      onProgress: log,
      onTick: (namespace, tick, state) => records.get(namespace)?.tick(tick, state),
    });
    await playThrough(lab, processes, options);
    // What was not yet played because nobody asked.
    for (const { state } of lab.applications) state();
  } finally {
    await processes.stop();
    await lab?.stop();
  }
  signal.throwIfAborted();
  const incomplete = contestants.find(({ namespace }) => !records.get(namespace)?.complete);
  if (incomplete !== undefined) throw new Error(`the lab has not played the whole trace to ${incomplete.policy}`);
  return [...records.values()];
}

async function playThrough(lab: Lab, processes: DuoloopProcesses, options: LabRunOptions): Promise<void> {
  const { contestants, trace, speed, signal, log } = options;
  const started = new AbortController();
  const ends = [processes.died, aborted(AbortSignal.any([signal, started.signal]))];
  const orFailure = <T>(work: Promise<T>) => Promise.race([work, ...ends]) as Promise<T>;
  // Left over once the run has ended well.
  for (const end of ends) end.catch(() => undefined);
  try {
    const looped = contestants.filter(({ scaler }) => scaler.kind !== 'hpa').map(({ namespace }) => namespace);
    if (looped.length > 0) await orFailure(startOperator(lab, processes, looped, log));
    const startSecond = await orFailure(startAgents(lab, processes, options));
    const objects = contestantObjects({ ...options, groupSize: firstGroupSize(options) });
    await orFailure(sleep(Math.max(0, startSecond * 1000 - Date.now() - applySeconds * 1000)));
    await orFailure(Promise.all(objects.map((object) => apply(lab.api, object))));
    await orFailure(sleep(Math.max(0, startSecond * 1000 - Date.now())));
    lab.startTrace();
    log(`playing ${trace.name} at ${speed} times real time: ${Math.ceil(lab.durationSeconds)} s`);
    const onInterval = () => log(describe(lab, contestants));
    await orFailure(playToEnd(lab, { signal, intervalSeconds: reportIntervalSeconds, onInterval }));
  } finally {
    started.abort();
  }
}

/** Objects are there just before the trace begins: until then nothing scales, so that all start from the same size. */
const applySeconds = 0.4;

function firstGroupSize({ app, trace, capacity }: LabRunOptions): number {
  return createNeededGroupSize(app)(trace.rps[0], capacity[0]?.factor ?? 1, 0);
}

async function apply(api: KubernetesApi, { type, object }: LabObject): Promise<void> {
  await api.apply(resourceTypes[type], object, { fieldManager: 'duoloop-lab' });
}

async function startOperator(
  { kubeconfigFile, prometheusUrl }: Lab,
  processes: DuoloopProcesses,
  namespaces: readonly string[],
  log: (line: string) => void,
): Promise<void> {
  log('starting the operator');
  await processes.start('operator', [
    ...['--kubeconfig', kubeconfigFile, '--prometheus', prometheusUrl, '--ingest-port', '0'],
    // Where its lease is.
    ...['--namespace', namespaces[0], '--watch-namespace', ...namespaces],
    ...['--lease-duration-seconds', '5', '--log-level', 'warn'],
  ]);
}

/**
 * Starts the agent where there is something for it to do.
 * @returns the Unix second at which the trace is to begin: a tick of all loops, as at second 0 of the simulator
 */
async function startAgents(lab: Lab, processes: DuoloopProcesses, options: LabRunOptions): Promise<number> {
  const { contestants, speed, rateWindowSeconds, log } = options;
  const tuned = contestants.filter(({ scaler }) => scaler.kind === 'two-loop').map(({ namespace }) => namespace);
  const grid = Math.max(1, ...contestants.map((contestant) => closedLoopIntervalSeconds(contestant, speed)));
  const nextTick = (second: number) => Math.ceil(second / grid) * grid;
  if (tuned.length === 0) return nextTick(Date.now() / 1000 + 1);
  log('starting the agent');
  for (;;) {
    const startSecond = nextTick(Date.now() / 1000 + agentStartSeconds);
    const agent = await processes.start('agent', [
      ...['--kubeconfig', lab.kubeconfigFile, '--prometheus', lab.prometheusUrl, '--watch-namespace', ...tuned],
      ...['--rate-window', String(rateWindowSeconds), '--time-scale', String(speed)],
      ...['--epoch', String(startSecond - (daysBefore * 86_400) / speed), '--log-level', 'warn'],
    ]);
    if (Date.now() / 1000 < startSecond - 1) return startSecond;
    // It has been told another second than is left; such a slow start comes of a cold cache, and once.
    await processes.end(agent);
  }
}

function describe(lab: Lab, contestants: readonly Contestant[]): string {
  const { traceSecond, load } = lab.standIn.state();
  const states = lab.applications.map(({ state }, i) => ({ policy: contestants[i].policy, ...state() }));
  const each = [...new Set(contestants.map(({ policy }) => policy))].map((name) => {
    const own = states.filter(({ policy }) => policy === name);
    const pods = own.map(({ services }) => services.reduce((sum, { ready }) => sum + ready, 0)).join('/');
    const p95 = own.map(({ p95Milliseconds }) => p95Milliseconds.toFixed(1)).join('/');
    return `${name} ${pods} pods, p95 ${p95} ms`;
  });
  return `second ${Math.round(traceSecond)}: ${load.toFixed(0)} requests/s; ${each.join('; ')}`;
}

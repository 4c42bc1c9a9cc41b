/** From a namespace with an application, and nothing of ours in it, to two loops that watch it, with and without an HPA; and on. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadApp } from '../../env/apps/load-app.ts';
import { resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { UserError } from '../../env/errors.ts';
import { createLab, type Lab } from '../../env/lab/lab.ts';
import { formatTrace, type Trace } from '../../env/workload/trace.ts';
import type { ClosedLoop } from '../../policies/resources/closed-loop.ts';
import type { DeliberativeLoop } from '../../policies/resources/deliberative-loop.ts';
import type { StoredObject } from '../../policies/resources/resource.ts';
import { describeCluster } from '../../test/cluster.ts';
import { createDuoloopProcesses, type DuoloopProcesses } from '../live/duoloop-process.ts';
import { hpaObjects } from '../live/hpa-objects.ts';
import { command } from './adopt-command.ts';

/** A decision of the frontend's policy is then one second, and so is a tick of its closed loop. */
const speed = 15;
const rateWindowSeconds = 4;
const namespaces = ['alone', 'beside'] as const;
const startSize = 4;
const checkpoint = 'policies/checkpoints/frontend-live';

/** Load that an HPA has to follow: from what four pods carry to what needs more. */
const trace: Trace = {
  name: 'step',
  seconds: Array.from({ length: 721 }, (_, i) => i * 5),
  rps: Array.from({ length: 721 }, (_, i) => (i < 12 ? 900 : 2400)),
};

interface Deployment extends StoredObject {
  readonly spec: { readonly replicas: number };
  readonly metadata: StoredObject['metadata'] & { readonly managedFields: readonly { readonly manager: string }[] };
}

describeCluster('duoloop adopt', () => {
  let lab: Lab;
  let processes: DuoloopProcesses;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'duoloop-adopt-'));
    const app = await loadApp('frontend');
    const scrapes = { scrapeIntervalSeconds: 0.5, groupSize: startSize };
    lab = await createLab({ app, trace, speed, namespaces, ...scrapes });
    const [hpa] = hpaObjects(app, { cpuTargetPercent: 70 }, 'beside', speed);
    await lab.api.apply(resourceTypes.horizontalPodAutoscaler, hpa, { fieldManager: 'kubectl' });
    await writeFile(join(folder, 'shop.csv'), formatTrace(trace));
    processes = createDuoloopProcesses(await mkdtemp(join(tmpdir(), 'duoloop-adopt-')));
    const { kubeconfigFile, prometheusUrl } = lab;
    const common = ['--kubeconfig', kubeconfigFile, '--prometheus', prometheusUrl, '--watch-namespace', ...namespaces];
    const epoch = String(Date.now() / 1000 - (30 * 86_400) / speed);
    await Promise.all([
      processes.start('operator', [...common, '--namespace', 'alone', '--ingest-port', '0', '--log-level', 'warn']),
      processes.start('agent', [
        ...common,
        ...['--rate-window', String(rateWindowSeconds), '--time-scale', String(speed), '--epoch', epoch],
        ...['--log-level', 'warn'],
      ]),
    ]);
    lab.startTrace();
  }, 120_000);
  afterAll(async () => {
    await processes?.stop();
    await lab?.stop();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  /** As typed. @returns exit code, results and progress */
  async function adopt(namespace: string, options: Readonly<Record<string, unknown>> = {}) {
    const printed: string[] = [];
    const logged: string[] = [];
    const input = command.schema.parse({
      app: 'frontend',
      namespace,
      checkpoint,
      traces: [join(folder, 'shop.csv')],
      rateWindow: `${rateWindowSeconds}s`,
      timeScale: String(speed),
      kubeconfig: lab.kubeconfigFile,
      replaced: join(folder, 'replaced.yaml'),
      ...options,
    });
    const exitCode = await command.run(input, {
      signal: new AbortController().signal,
      print: (line) => void printed.push(line),
      log: (line) => void logged.push(line),
      commandLine: 'duoloop adopt',
    });
    return { exitCode, result: printed.join('\n'), progress: logged };
  }

  const deployment = (namespace: string) => lab.api.get<Deployment>(resourceTypes.deployment, namespace, 'frontend');
  const closedLoop = (namespace: string) => lab.api.get<ClosedLoop>(resourceTypes.closedLoop, namespace, 'frontend');
  const deliberativeLoop = (namespace: string) =>
    lab.api.get<DeliberativeLoop>(resourceTypes.deliberativeLoop, namespace, 'frontend');

  it.each(namespaces)('%s: ends with proposals in Observe, and scales nothing', async (namespace) => {
    const { exitCode, result, progress } = await adopt(namespace);
    expect(exitCode, `${result}\n${progress.join('\n')}`).toBe(0);
    expect(result).toMatch(/traffic that it was not trained on, it (is|cannot)/);
    expect(result).toContain(`${namespace}/frontend, mode Observe: it proposes`);
    expect(result.includes('--replace-hpa')).toBe(namespace === 'beside');
    expect((await deliberativeLoop(namespace)).status?.proposals).toHaveLength(1);
    const { status, spec } = await closedLoop(namespace);
    expect(spec.paused).toBe(true);
    const reason = namespace === 'beside' ? 'WatchesBesideAnother' : 'Accepted';
    expect(status?.conditions).toContainEqual(expect.objectContaining({ type: 'Ready', status: 'True', reason }));
  });

  it('the HPA goes on beside it, and the agent proposes from the size that the HPA makes', async () => {
    await expect
      .poll(async () => (await deployment('beside')).spec.replicas, { timeout: 40_000 })
      .toBeGreaterThan(startSize);
    const { spec } = await deployment('beside');
    // Seen by the operator of a loop that does not act.
    await expect
      .poll(async () => (await closedLoop('beside')).status?.replicas, { timeout: 20_000 })
      .toBe(spec.replicas);
    expect((await deployment('alone')).spec.replicas).toBe(startSize);
    for (const namespace of namespaces) {
      const managers = (await deployment(namespace)).metadata.managedFields.map(({ manager }) => manager);
      expect(managers).not.toContain('duoloop-operator');
    }
  });

  it('once more changes nothing; what others have set is left, unless forced', async () => {
    const again = await adopt('alone', { checkpoint: undefined });
    expect(again.exitCode).toBe(0);
    expect(again.progress).toEqual(
      expect.arrayContaining(['ConfigMap frontend-policy: unchanged', 'ClosedLoop frontend: unchanged']),
    );
    const behavior = { spec: { behavior: { maxReplicas: 3 } } };
    await lab.api.mergePatch(resourceTypes.closedLoop, 'alone', 'frontend', behavior, { fieldManager: 'kubectl-edit' });
    const refused = await adopt('alone').catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(UserError);
    expect((refused as UserError).message).toMatch(
      /ClosedLoop alone\/frontend is there and differs: .*"kubectl-edit".*maxReplicas/,
    );
    expect((await closedLoop('alone')).spec.behavior.maxReplicas).toBe(3);
    expect((await adopt('alone', { force: true })).progress).toContain('ClosedLoop frontend: changed');
  });

  it('takes over from the HPA when told to, keeps it in a file, and goes back to watching', async () => {
    await expect(adopt('beside', { mode: 'Bounded' })).rejects.toThrow(
      /HorizontalPodAutoscaler frontend .* add --replace-hpa/,
    );
    const { exitCode, result, progress } = await adopt('beside', { mode: 'Bounded', replaceHpa: true, force: true });
    expect(exitCode, `${result}\n${progress.join('\n')}`).toBe(0);
    const { items } = await lab.api.list(resourceTypes.horizontalPodAutoscaler, { namespace: 'beside' });
    expect(items).toEqual([]);
    expect((await deliberativeLoop('beside')).spec.mode).toBe('Bounded');
    const { spec, status } = await closedLoop('beside');
    expect(spec.paused).toBe(false);
    expect(status?.conditions.find(({ type }) => type === 'Ready')?.reason).toBe('Accepted');
    const applied = async () =>
      (await deliberativeLoop('beside')).status?.conditions.find(({ type }) => type === 'Applied');
    await expect
      .poll(applied, { timeout: 20_000 })
      .toMatchObject({ reason: expect.stringMatching(/^(Applied|NothingToApply)$/) });

    const kept = parse(await readFile(join(folder, 'replaced.yaml'), 'utf8'));
    expect((await adopt('beside', { mode: 'Observe' })).exitCode).toBe(0);
    expect((await closedLoop('beside')).spec.paused).toBe(true);
    await lab.api.apply(resourceTypes.horizontalPodAutoscaler, kept, { fieldManager: 'kubectl' });
  });
});

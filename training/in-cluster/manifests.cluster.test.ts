/** The manifests of manifests/training on a lab: applied to its API server, and run as a kubelet would run them. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadApp } from '../../env/apps/load-app.ts';
import { type KubernetesApi, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { createLab, type Lab } from '../../env/lab/lab.ts';
import { readTrace } from '../../env/workload/trace.ts';
import { readCheckpoint } from '../../policies/actor-critic/checkpoint.ts';
import type { StoredObject } from '../../policies/resources/resource.ts';
import { describeCluster } from '../../test/cluster.ts';
import { type ConfigMap, checkpointOfConfigMap } from '../export/config-map.ts';
import { parseRecord, recordAnnotation } from '../promotion/record.ts';
import { applyManifests, readManifest, serviceAccount, writeAccountKubeconfig } from './manifests.fixture.ts';
import { claimFolder, type Machine, type PodTemplate, runPod } from './pod-run.fixture.ts';

const namespace = 'shop';
const speed = 30;
const sizes = [2, 3, 5];
/** Real seconds that each size is kept, while load rises from little to much. */
const secondsPerSize = 24;
const workloads = ['job.yaml', 'job-config-map.yaml', 'indexed-job.yaml', 'cronjob.yaml'];
const claim = 'duoloop-checkpoints';

interface Workload extends StoredObject {
  readonly spec: {
    readonly template?: PodTemplate;
    readonly jobTemplate?: { readonly spec: { readonly template: PodTemplate } };
    readonly completions?: number;
    readonly suspend?: boolean;
  };
}
const templateOf = ({ spec }: Workload) => (spec.template ?? spec.jobTemplate?.spec.template) as PodTemplate;

/** A tooth per size, in seconds of the application. */
function sawtooth() {
  const period = secondsPerSize * speed;
  const seconds = Array.from({ length: (sizes.length * period) / 5 + 1 }, (_, i) => i * 5);
  return { name: 'sawtooth', seconds, rps: seconds.map((second) => 500 + 1400 * ((second % period) / period)) };
}

describeCluster('the training manifests', () => {
  let lab: Lab;
  let machine: Machine;
  let applied: Map<string, Workload>;
  let firstRun: Awaited<ReturnType<typeof run>>;
  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'duoloop-manifests-'));
    const scrapes = { scrapeIntervalSeconds: 0.5, groupSize: sizes[0] };
    lab = await createLab({ app: await loadApp('frontend'), trace: sawtooth(), speed, namespace, ...scrapes });
    const kubeconfigFile = join(folder, 'kubeconfig');
    const { api, controlPlane } = lab;
    machine = { api, namespace, kubeconfigFile, folder };
    await applyManifests(api, namespace, [
      ...(await readManifest('service-account.yaml')),
      ...(await readManifest('volume.yaml')),
      ...settings(await readManifest('settings.yaml'), lab.prometheusUrl),
    ]);
    const certificateAuthority = controlPlane.certificateAuthority.certificatePem;
    const account = { api: controlPlane.api, server: controlPlane.server, certificateAuthority };
    await writeAccountKubeconfig(account, namespace, kubeconfigFile);
    // As the API server has stored them, defaults and all.
    applied = new Map();
    for (const file of workloads) {
      for (const object of await applyManifests(api, namespace, await readManifest(file))) {
        applied.set(object.metadata.name, object as Workload);
      }
    }
    // Before the lab plays, which wants the processor for itself.
    firstRun = await run('duoloop-train-config-map', 'duoloop-train-config-map-aaaaa');
    lab.startTrace();
    for (const replicas of sizes) {
      const scaled = { spec: { replicas } };
      await api.mergePatch(resourceTypes.deployment, namespace, 'frontend', scaled, { subresource: 'scale' });
      await sleep(secondsPerSize * 1000);
    }
  }, 180_000);
  afterAll(async () => {
    await lab?.stop();
    if (machine !== undefined) await rm(machine.folder, { recursive: true, force: true });
  });

  const workload = (name: string): Workload => {
    const found = applied.get(name);
    if (found === undefined) throw new Error(`no manifest has ${name}`);
    return found;
  };
  const onClaim = (...names: string[]) => join(claimFolder(machine, claim), ...names);
  /** Runs a pod, and tells its story where it is to end well. */
  async function run(name: string, podName: string, index?: number) {
    const runs = await runPod(templateOf(workload(name)), podName, machine, index);
    return {
      runs,
      last: runs[runs.length - 1],
      story: runs.map((each) => `${each.container}: ${each.stderr}`).join('\n'),
    };
  }

  it('job-config-map.yaml leaves its checkpoint in the ConfigMap, and cronjob.yaml goes on from there', async () => {
    expect(firstRun.last.exitCode, firstRun.story).toBe(0);
    const stored = () => lab.api.get<ConfigMap>(resourceTypes.configMap, namespace, 'frontend-policy');
    const incumbent = await checkpointOfConfigMap(await stored());
    expect(incumbent.document.resume).toBeNull();
    await lab.api.create(resourceTypes.deliberativeLoop, namespace, {
      apiVersion: 'duoloop.dev/v1alpha1',
      kind: 'DeliberativeLoop',
      metadata: { name: 'frontend' },
      spec: {
        closedLoops: { matchLabels: { app: 'frontend' } },
        policy: { checkpoint: { configMap: { name: 'frontend-policy' } } },
      },
    });

    const pod = 'duoloop-retrain-1-aaaaa';
    const { runs, last, story } = await run('duoloop-retrain', pod);
    expect(
      runs.map(({ container }) => container),
      story,
    ).toEqual(['record', 'calibrate', 'train', 'promote']);
    expect((await readdir(onClaim(pod))).sort()).toEqual([
      'app.json',
      'calibration.html',
      'candidate',
      'history.parquet',
      'week.csv',
    ]);
    const candidate = await readCheckpoint(onClaim(pod, 'candidate'));
    const trace = await readTrace(onClaim(pod, 'week.csv'));
    expect(candidate.document).toMatchObject({
      app: { name: 'frontend' },
      trainingTraces: [{ name: 'week-training', sha256: expect.any(String) }],
    });
    expect(candidate.document.app.hash).not.toBe(incumbent.document.app.hash);
    expect(trace.seconds.at(-1)).toBeGreaterThan(secondsPerSize * sizes.length * 0.7);
    // Too little training to say which way it goes; but it is decided, and what was decided is on record.
    const record = parseRecord((await stored()).metadata.annotations?.[recordAnnotation], 'test');
    const { outcome } = JSON.parse(last.stdout);
    expect(record).toMatchObject({
      candidate: candidate.document.weights.sha256,
      incumbent: incumbent.document.weights.sha256,
      stage: outcome === 'Waiting' ? 'Canary' : 'Rejected',
    });
    expect(record?.reason, story).toMatch(/^on 1 held-out traces × 3 seeds it (beats|does not beat) /);
    expect(last.exitCode).toBe(outcome === 'Waiting' ? 0 : 1);

    const next = await run('duoloop-promotion', 'duoloop-promotion-1-aaaaa');
    expect(next.last.exitCode, next.story).toBe(0);
    expect(JSON.parse(next.last.stdout).outcome).toBe(outcome === 'Waiting' ? 'Waiting' : 'Idle');
  }, 240_000);

  it('are pods that a namespace of the restricted standard takes', async () => {
    const strict = 'strict';
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
    const { api } = lab;
    const metadata = { name: strict, labels };
    await api.apply(
      resourceTypes.namespace,
      { apiVersion: 'v1', kind: 'Namespace', metadata },
      { fieldManager: 'test' },
    );
    await applyManifests(api, strict, await readManifest('service-account.yaml'));
    for (const each of applied.values()) {
      const { spec } = templateOf(each);
      expect(spec.serviceAccountName).toBe(serviceAccount);
      await createPod(api, strict, spec);
    }
    // The check would find what breaks the rule.
    const { spec } = templateOf(workload('duoloop-train'));
    const loose = { ...spec, containers: spec.containers.map((container) => ({ ...container, securityContext: {} })) };
    await expect(createPod(api, strict, loose)).rejects.toMatchObject({ status: 403 });
  });

  it('job.yaml leaves its checkpoint on the volume, and goes on from it when its pod is made anew', async () => {
    const first = await run('duoloop-train', 'duoloop-train-aaaaa');
    expect(first.last.exitCode, first.story).toBe(0);
    const { document } = await readCheckpoint(onClaim('frontend'));
    expect(document).toMatchObject({ app: { name: 'frontend' }, resume: { segment: 1 } });
    const second = await run('duoloop-train', 'duoloop-train-bbbbb');
    expect(second.last.exitCode, second.story).toBe(0);
    expect((await readCheckpoint(onClaim('frontend'))).document.weights).toEqual(document.weights);
  }, 120_000);

  it('indexed-job.yaml is held for its queue, and leaves a checkpoint of other options per index', async () => {
    const { metadata, spec } = workload('duoloop-train-grid');
    expect(metadata.labels).toMatchObject({ 'kueue.x-k8s.io/queue-name': 'duoloop-training' });
    expect(spec).toMatchObject({ suspend: true, completions: 4 });
    const seeds: unknown[] = [];
    for (const index of [0, 3]) {
      const { last, story } = await run('duoloop-train-grid', `duoloop-train-grid-${index}-aaaaa`, index);
      expect(last.exitCode, story).toBe(0);
      const { document } = await readCheckpoint(onClaim('grid', String(index)));
      seeds.push({ seed: document.seeds.training, hidden: document.hidden });
    }
    expect(seeds).toEqual([
      { seed: 1, hidden: [64, 64] },
      { seed: 1, hidden: [32, 32] },
    ]);
  }, 120_000);

  it('say what is wrong, with the exit code that ends the Job', async () => {
    const configMap = { data: { SLA_MILLISECONDS: 'soon', APP: 'nothing' } };
    await lab.api.mergePatch(resourceTypes.configMap, namespace, 'duoloop-training', configMap);
    const { last } = await run('duoloop-train', 'duoloop-train-ccccc');
    expect(last).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('app model nothing') });
  });
});

async function createPod(api: KubernetesApi, namespace: string, spec: object): Promise<void> {
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'tried' }, spec };
  await api.create(resourceTypes.pod, namespace, pod, { dryRun: true });
}

/** Values as short as the test's time; every key that the manifests know stays. */
function settings(objects: readonly StoredObject[], prometheusUrl: string): StoredObject[] {
  const short: Readonly<Record<string, string>> = {
    PROMETHEUS_URL: prometheusUrl,
    TRAIN_STEPS: '1000',
    // All pods run on this machine.
    METRICS_PORT: '0',
    RETRAIN_STEPS: '1000',
    // With what comes before the first size.
    RANGE: `${secondsPerSize * sizes.length + 8}s`,
    STEP: '0.5s',
    RATE_WINDOW: '2s',
    MIN_HOURS: '0.001',
  };
  return (objects as ConfigMap[]).map((object) => {
    const { data = {} } = object;
    if (object.metadata.name !== 'duoloop-training') return object;
    expect(Object.keys(data)).toEqual(expect.arrayContaining(Object.keys(short)));
    return { ...object, data: { ...data, ...short } };
  });
}

/** Scaling of a group on an idle control plane: request → last member's patch accepted → last member ready. */
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { connectKubernetes } from '../env/cluster/kubernetes-client.ts';
import { startControlPlane } from '../env/lab/control-plane.ts';
import { applyDefinitions } from '../env/lab/lab-api.ts';
import { createLogger } from '../env/service/logger.ts';
import { measureScalingTimes, type PatchingMode, type ScalingTime } from '../operator/scaling-group/scaling-time.ts';
import { against, type Benchmark, type Measurement, summarise } from './measurement.ts';

const definitionsFolder = fileURLToPath(new URL('../manifests/crds', import.meta.url));
/** What the project promises for a group of that many members. */
const promised = { members: 7, patchedMilliseconds: 100, latencyMilliseconds: 20, gain: 3 } as const;

export const groupScalingBenchmark: Benchmark = {
  name: 'group-scaling',
  description: 'ms from the request until the last member of a group is patched and ready, on a real control plane',
  async run({ quick }) {
    const controlPlane = await startControlPlane();
    try {
      const files = (await readdir(definitionsFolder)).filter((name) => name.endsWith('.yaml'));
      await applyDefinitions(
        controlPlane.api,
        files.map((name) => `${definitionsFolder}/${name}`),
      );
      const api = await connectKubernetes({ kubeconfigFiles: [controlPlane.kubeconfigFile] });
      const measure = (sizes: readonly number[], latencyMilliseconds: number) =>
        measureScalingTimes({
          api,
          logger: createLogger({ level: 'warn' }),
          sizes,
          repetitions: quick ? 2 : 20,
          modes: ['at once', 'one after another'],
          latencyMilliseconds,
          image: 'registry.k8s.io/pause:3.10',
          timeoutSeconds: 60,
          signal: AbortSignal.timeout(600_000),
        });
      const { members } = promised;
      // The first scalings of a process are compiled and connected on the way.
      await measure([members], 0);
      const near = await measure(quick ? [members] : [1, members, 20], 0);
      const far = await measure([members], promised.latencyMilliseconds);
      return [...new Set(near.map((sample) => sample.members))]
        .flatMap((size) => nearMeasurements(near, size))
        .concat(gainMeasurements(far));
    } finally {
      await controlPlane.stop();
    }
  },
};

function valuesOf(
  samples: readonly ScalingTime[],
  members: number,
  mode: PatchingMode,
  field: 'patchedMilliseconds' | 'readyMilliseconds',
): number[] {
  return samples.filter((sample) => sample.members === members && sample.mode === mode).map((sample) => sample[field]);
}

function nearMeasurements(samples: readonly ScalingTime[], members: number): Measurement[] {
  const of = (mode: PatchingMode, field: 'patchedMilliseconds' | 'readyMilliseconds') => {
    const what = field === 'patchedMilliseconds' ? 'patched' : 'ready';
    return summarise(`group of ${members} ${what}, ${mode}`, 'ms', valuesOf(samples, members, mode, field));
  };
  const [alone, atOnce] = [of('one after another', 'patchedMilliseconds'), of('at once', 'patchedMilliseconds')];
  if (members === promised.members) atOnce.required = { value: promised.patchedMilliseconds, is: 'at most' };
  return [
    alone,
    against(atOnce, 'alone', alone),
    of('one after another', 'readyMilliseconds'),
    of('at once', 'readyMilliseconds'),
  ];
}

/** With latency injected; repetition by repetition, so that the spread shows. */
function gainMeasurements(samples: readonly ScalingTime[]): Measurement[] {
  const { members, latencyMilliseconds, gain } = promised;
  const of = (mode: PatchingMode) => valuesOf(samples, members, mode, 'patchedMilliseconds');
  const [alone, atOnce] = [of('one after another'), of('at once')];
  const where = `group of ${members}, +${latencyMilliseconds} ms`;
  const ratios = summarise(
    `${where}: gain`,
    '×',
    alone.map((milliseconds, i) => milliseconds / atOnce[i]),
  );
  ratios.required = { value: gain, is: 'at least' };
  return [
    summarise(`${where} patched, one after another`, 'ms', alone),
    summarise(`${where} patched, at once`, 'ms', atOnce),
    ratios,
  ];
}

/** The HPA baselines as policies: `hpa`, `hpa-measured`, `hpa-tuned`, `rps-tuned`, and makers with free parameters. */
import type { AppModel } from '../../env/apps/app-model.ts';
import { UserError } from '../../env/errors.ts';
import type { Policy, PolicyContext } from '../policy.ts';
import { type HpaBehaviorInput, type HpaBehaviorName, parseHpaBehavior } from './behavior.ts';
import { createHpaController, type HpaMetric } from './controller.ts';
import { nominalCapacityPerPod } from './nominal-capacity.ts';
import { loadTuned, type TunedTargets } from './tuned.ts';

/** kube-controller-manager's `--horizontal-pod-autoscaler-sync-period`. */
export const defaultSyncPeriodSeconds = 15;

interface CommonOptions {
  /** As shown in results; default: made from the target. */
  name?: string;
  description?: string;
  /** Default: `kubernetes-default`. */
  behavior?: HpaBehaviorName | HpaBehaviorInput;
  /** Bounds in place of the app model's, kept within its maximum. */
  minReplicas?: number;
  maxReplicas?: number;
  /** Default 15; rounded up to whole ticks. */
  syncPeriodSeconds?: number;
}

export interface HpaPolicyOptions extends CommonOptions {
  /** averageUtilization of CPU in percent: one for all services, or one per service. */
  cpuTargetPercent: number | readonly number[];
  /** With it, the HPA has two metrics and the larger proposal wins. */
  memoryTargetPercent?: number | readonly number[];
}

/** An HPA on CPU (and memory) utilisation for every service. @throws UserError `HPA_TARGET`, `HPA_BEHAVIOR` */
export function hpaPolicy(options: HpaPolicyOptions): Policy {
  const { cpuTargetPercent, memoryTargetPercent } = options;
  checkTargets('cpuTargetPercent', cpuTargetPercent);
  if (memoryTargetPercent !== undefined) checkTargets('memoryTargetPercent', memoryTargetPercent);
  return definePolicy(
    options,
    `hpa-cpu-${label(cpuTargetPercent)}`,
    `Kubernetes HPA at ${label(cpuTargetPercent)} % CPU for every service`,
    (app) => [
      { kind: 'cpu', targets: perService(app, 'cpuTargetPercent', cpuTargetPercent) },
      ...(memoryTargetPercent === undefined
        ? []
        : [{ kind: 'memory' as const, targets: perService(app, 'memoryTargetPercent', memoryTargetPercent) }]),
    ],
  );
}

export interface RequestRatePolicyOptions extends CommonOptions {
  /**
   * Share of a pod's nominal capacity that is aimed at: target of a service = load factor × its nominal capacity
   * (see `nominalCapacityPerPod`); one for all services, or one per service.
   */
  loadFactor: number | readonly number[];
}

/** An HPA on the requests/s of every service, External with averageValue as KEDA makes it. @throws UserError */
export function requestRatePolicy(options: RequestRatePolicyOptions): Policy {
  const { loadFactor } = options;
  checkTargets('loadFactor', loadFactor);
  return definePolicy(
    options,
    `rps-${label(loadFactor)}`,
    `Kubernetes HPA on requests/s at ${label(loadFactor)} of a pod's nominal capacity, as KEDA gives it`,
    (app) => {
      const capacity = nominalCapacityPerPod(app);
      const factors = perService(app, 'loadFactor', loadFactor);
      return [{ kind: 'requests', targets: factors.map((factor, i) => factor * capacity[i]) }];
    },
  );
}

/** What the HPAs with fixed targets are set to; a real one can be made of it, too. */
export const fixedHpaOptions = {
  hpa: {
    name: 'hpa',
    description: 'Kubernetes HPA at 70 % CPU with the default behavior',
    cpuTargetPercent: 70,
  },
  'hpa-measured': {
    name: 'hpa-measured',
    description: 'Kubernetes HPA at 70 % CPU, 1 to 15 pods, 1 pod down per 30 s after 30 s (the measured project)',
    cpuTargetPercent: 70,
    behavior: 'measured-project',
    minReplicas: 1,
    maxReplicas: 15,
  },
} as const satisfies Record<string, HpaPolicyOptions>;

export const hpa: Policy = hpaPolicy(fixedHpaOptions.hpa);

export const hpaMeasured: Policy = hpaPolicy(fixedHpaOptions['hpa-measured']);

export const hpaTuned: Policy = tunedPolicy(
  'hpa-tuned',
  'Kubernetes HPA at the CPU target that a sweep on training traces found best',
  (tuned, name, description) =>
    hpaPolicy({ name, description, cpuTargetPercent: tuned.targets, behavior: tuned.behavior }),
);

export const rpsTuned: Policy = tunedPolicy(
  'rps-tuned',
  'Kubernetes HPA on requests/s (as KEDA gives it) at the target that a sweep on training traces found best',
  (tuned, name, description) =>
    requestRatePolicy({ name, description, loadFactor: tuned.targets, behavior: tuned.behavior }),
);

function definePolicy(
  options: CommonOptions,
  name: string,
  description: string,
  metricsFor: (app: AppModel) => HpaMetric[],
): Policy {
  const behavior = parseHpaBehavior(options.behavior ?? 'kubernetes-default');
  return {
    name: options.name ?? name,
    description: options.description ?? description,
    createController({ app, lanes, tickSeconds }: PolicyContext) {
      const syncPeriod = options.syncPeriodSeconds ?? defaultSyncPeriodSeconds;
      const services = hpaServices(app, options);
      return createHpaController({
        services,
        lanes,
        metrics: metricsFor(app),
        behavior,
        syncPeriodSeconds: Math.ceil(syncPeriod / tickSeconds) * tickSeconds,
      });
    },
  };
}

/** The services with the bounds of their HPAs: those given, within what the app model allows at most. */
export function hpaServices(
  app: AppModel,
  bounds: Pick<HpaPolicyOptions, 'minReplicas' | 'maxReplicas'>,
): AppModel['services'] {
  return app.services.map((service) => {
    const maxReplicas = Math.min(bounds.maxReplicas ?? service.maxReplicas, service.maxReplicas);
    return { ...service, minReplicas: Math.min(bounds.minReplicas ?? service.minReplicas, maxReplicas), maxReplicas };
  });
}

function tunedPolicy(
  name: 'hpa-tuned' | 'rps-tuned',
  description: string,
  make: (tuned: TunedTargets, name: string, description: string) => Policy,
): Policy {
  return {
    name,
    description,
    createController(context) {
      const tuned = loadTuned(context.app)?.policies[name];
      if (!tuned) {
        throw new UserError(
          'NOT_TUNED',
          `Policy ${name} has no tuned target for app model "${context.app.name}" as it is now. ` +
            'Tune it on training traces first, or name a policy with a fixed target (hpa).',
        );
      }
      return make(tuned, name, description).createController(context);
    },
  };
}

/** One value per service, of one for all or one each. @throws UserError `HPA_TARGET` */
export function perService(app: AppModel, option: string, value: number | readonly number[]): readonly number[] {
  if (typeof value === 'number') return app.services.map(() => value);
  if (value.length === 1 || value.length === app.services.length) {
    return app.services.map((_, i) => value[value.length === 1 ? 0 : i]);
  }
  throw new UserError(
    'HPA_TARGET',
    `${option} has ${value.length} values, but app model "${app.name}" has ${app.services.length} services. ` +
      'Give one value, or one per service in their order.',
  );
}

function checkTargets(option: string, value: number | readonly number[]): void {
  const values = typeof value === 'number' ? [value] : value;
  if (values.length > 0 && values.every((v) => Number.isFinite(v) && v > 0)) return;
  throw new UserError('HPA_TARGET', `${option} is ${label(value)}; give positive numbers.`);
}

function label(value: number | readonly number[]): string {
  return typeof value === 'number' ? String(value) : value.join('/');
}

/** The HPA baselines as objects of a cluster: one HorizontalPodAutoscaler per service. */
import type { AppModel } from '../../env/apps/app-model.ts';
import { type HpaBehavior, parseHpaBehavior } from '../../policies/hpa/behavior.ts';
import { type HpaPolicyOptions, hpaServices, perService } from '../../policies/hpa/policies.ts';
import { wholeSeconds } from '../../policies/resources/loops-for-app.ts';

/**
 * @param timeScale seconds of the application per second of the cluster's clock: the behavior's periods are shortened by it,
 * to whole seconds as the API has them, rounded up
 * @throws UserError `HPA_TARGET`, `HPA_BEHAVIOR`
 */
export function hpaObjects(app: AppModel, options: HpaPolicyOptions, namespace: string, timeScale: number): object[] {
  const behavior = shortenedBehavior(parseHpaBehavior(options.behavior ?? 'kubernetes-default'), timeScale);
  const targets = perService(app, 'cpuTargetPercent', options.cpuTargetPercent);
  const memory = options.memoryTargetPercent;
  const memoryTargets = memory === undefined ? undefined : perService(app, 'memoryTargetPercent', memory);
  return hpaServices(app, options).map(({ name, minReplicas, maxReplicas }, service) => ({
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name, namespace, labels: { 'app.kubernetes.io/part-of': app.name } },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
      minReplicas,
      maxReplicas,
      metrics: [
        utilization('cpu', targets[service]),
        ...(memoryTargets === undefined ? [] : [utilization('memory', memoryTargets[service])]),
      ],
      behavior: { scaleUp: rulesOf(behavior.scaleUp), scaleDown: rulesOf(behavior.scaleDown) },
    },
  }));
}

function utilization(resource: 'cpu' | 'memory', averageUtilization: number): object {
  return { type: 'Resource', resource: { name: resource, target: { type: 'Utilization', averageUtilization } } };
}

/** The tolerance is left to the controller's flag, which is what our behaviors have. */
function rulesOf({ stabilizationWindowSeconds, selectPolicy, policies }: HpaBehavior['scaleUp']): object {
  return { stabilizationWindowSeconds, selectPolicy, policies };
}

/** In whole seconds of a clock in which the application runs `timeScale` times as fast. */
export function shortenedBehavior(behavior: HpaBehavior, timeScale: number): HpaBehavior {
  return withSeconds(behavior, (seconds) => wholeSeconds(seconds, timeScale));
}

/** What `shortenedBehavior` is in the application's own seconds: what it was, but for the rounding. */
export function roundedBehavior(behavior: HpaBehavior, timeScale: number): HpaBehavior {
  return withSeconds(behavior, (seconds) => Math.round(wholeSeconds(seconds, timeScale) * timeScale));
}

function withSeconds(behavior: HpaBehavior, change: (seconds: number) => number): HpaBehavior {
  const rules = ({ stabilizationWindowSeconds, policies, ...rest }: HpaBehavior['scaleUp']) => ({
    ...rest,
    stabilizationWindowSeconds: stabilizationWindowSeconds === 0 ? 0 : change(stabilizationWindowSeconds),
    policies: policies.map((policy) => ({ ...policy, periodSeconds: change(policy.periodSeconds) })),
  });
  return { scaleUp: rules(behavior.scaleUp), scaleDown: rules(behavior.scaleDown) };
}

/** Loop specs that fit any app model: one that serves alone, and one that stands under the deliberative loop. */
import type { AppModel } from '../../env/apps/app-model.ts';
import { type LoopSpec, type LoopSpecInput, parseLoopSpec } from './loop-spec.ts';

const intervalSeconds = 15;

/**
 * The reactive loop alone: p95 above the SLA or CPU above 75 % scales up, CPU below 40 % takes one pod away, and where
 * memory queues up, pods above 85 % of it grow and pods below 40 % shrink.
 *
 * Ranks: p95 first, since it is what was promised and more pods lower latency whatever its cause; then cpu, which
 * warns before p95 does; memory last, because a bigger pod helps against memory alone. An agent that sees memory become
 * the bottleneck can raise it.
 */
export function defaultLoopSpec(app: AppModel): LoopSpec {
  return parseLoopSpec({
    intervalSeconds,
    metrics: [
      {
        name: 'p95',
        rank: 1,
        thresholds: [{ kind: 'superior', value: app.slaP95Milliseconds, reaction: { horizontal: { by: '20%' } } }],
      },
      {
        name: 'cpu',
        rank: 2,
        thresholds: [
          { kind: 'superior', value: app.thresholds?.cpuHighPercent ?? 75, reaction: { horizontal: { by: '10%' } } },
          { kind: 'inferior', value: app.thresholds?.cpuLowPercent ?? 40, reaction: { horizontal: { by: -1 } } },
        ],
      },
      ...memoryMetric(app, 3),
    ],
    behavior: behaviorFor(app, Math.max(120, Math.min(300, 2 * secondsUntilEffect(app)))),
  });
}

/**
 * The reactive loop under the agent: a safety net that adds pods at once when the promise is broken or CPU is saturated.
 * Downwards it leaves the field to the agent's set-points; only when none is fresh does it, slowly, take pods away that
 * are nearly idle (below 20 % CPU for ten minutes): a fresh set-point is a floor, so it cannot fight the agent.
 * Ranks as in `defaultLoopSpec`.
 */
export function agentLoopSpec(app: AppModel): LoopSpec {
  return parseLoopSpec({
    intervalSeconds,
    metrics: [
      {
        name: 'p95',
        rank: 1,
        thresholds: [{ kind: 'superior', value: app.slaP95Milliseconds, reaction: { horizontal: { by: '20%' } } }],
      },
      {
        name: 'cpu',
        rank: 2,
        thresholds: [
          // Measured apps break their SLA between 77 % (one pod) and 91 % (several); 95 % is past doubt.
          { kind: 'superior', value: 95, reaction: { horizontal: { by: '10%' } } },
          { kind: 'inferior', value: 20, reaction: { horizontal: { by: -1 } } },
        ],
      },
      ...memoryMetric(app, 3),
    ],
    behavior: behaviorFor(app, 600),
    // Three decisions of an agent at its default interval of 60 s.
    guardrails: { maxStep: 4, rankChangesPerHour: 60, staleAfterSeconds: 180 },
  });
}

/** Only queueing models have memory in percent of a limit that pods can be resized to. */
function memoryMetric(app: AppModel, rank: number): LoopSpecInput['metrics'] {
  if (app.serving.kind !== 'queueing') return [];
  const resize = (by: number) => ({ vertical: { resource: 'memory' as const, by, min: 1, max: 2 } });
  return [
    {
      name: 'memory',
      rank,
      thresholds: [
        { kind: 'superior', value: app.thresholds?.memoryHighPercent ?? 85, reaction: resize(0.25) },
        { kind: 'inferior', value: app.thresholds?.memoryLowPercent ?? 40, reaction: resize(-0.25) },
      ],
    },
  ];
}

function behaviorFor(app: AppModel, downWindowSeconds: number): LoopSpecInput['behavior'] {
  const { minGroupSize, maxGroupSize } = app;
  return {
    minReplicas: minGroupSize,
    maxReplicas: maxGroupSize,
    // An up-reaction shows only after the pods are ready and measured; reacting to the same breach at every tick until
    // then would overshoot.
    scaleUp: { rateLimit: { pods: 2, percent: 50, periodSeconds: Math.max(intervalSeconds, secondsUntilEffect(app)) } },
    scaleDown: { stabilizationWindowSeconds: Math.round(downWindowSeconds) },
  };
}

/** Seconds until a pod that is ordered now shows in the measurements. */
function secondsUntilEffect({ coldStartSeconds, metricLagSeconds, metricAveragingSeconds }: AppModel): number {
  return Math.min(3600, Math.ceil(coldStartSeconds + metricLagSeconds + metricAveragingSeconds));
}

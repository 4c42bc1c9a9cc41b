/** The progress of a training run for Prometheus, where `--metrics-port` asks for it: runs of hours are watched as they go. */
import { Gauge, Registry } from 'prom-client';
import { createHealthServer } from '../../env/service/health-server.ts';
import { createLogger } from '../../env/service/logger.ts';

export interface TrainingMetricsOptions {
  /** 0 for a free one. */
  readonly port: number;
  /** Address to listen on. */
  readonly host: string;
  /** Of the app model that is trained for. */
  readonly app: string;
  /** Decisions of all lanes together that the run is to make. */
  readonly targetSteps: number;
}

export interface TrainingMetrics {
  /** `http://host:port/metrics` */
  readonly url: string;
  /** @param scalars by the names that the metrics on disk have, such as `rollout/reward` */
  show(environmentSteps: number, scalars: Readonly<Record<string, number>>): void;
  close(): Promise<void>;
}

/** What is told of the metrics on disk. */
const gauges = {
  'rollout/reward': ['reward', 'Mean reward of a decision in the last rollout'],
  'rollout/replicas': ['replicas', 'Mean size in the last rollout'],
  'rollout/violationPercent': ['violation_percent', 'Share of time above the SLA in the last rollout'],
  'reward/cost': ['reward_cost', 'Cost term of the reward in the last rollout'],
  'reward/violation': ['reward_violation', 'Violation term of the reward in the last rollout'],
  'reward/churn': ['reward_churn', 'Churn term of the reward in the last rollout'],
  'validation/violationPercent': ['validation_violation_percent', 'Share of time above the SLA on held-out traces'],
  'validation/replicas': ['validation_replicas', 'Mean size on held-out traces'],
  'update/policyLoss': ['policy_loss', 'Policy loss of the last update'],
  'update/valueLoss': ['value_loss', 'Value loss of the last update'],
  'update/entropy': ['entropy_nats', 'Entropy of the policy in the last update'],
  'update/approximateKl': ['approximate_kl_nats', 'Divergence from the policy before the last update'],
  'update/clippedShare': ['clipped_ratio', 'Share of decisions that the last update clipped'],
  'update/gradientNorm': ['gradient_norm', 'Norm of the gradient in the last update'],
  'update/learningRate': ['learning_rate', 'Learning rate of the last update'],
  'lagrangian/violationWeight': ['violation_weight', 'Price of a violation in force'],
  'time/stepsPerSecond': ['steps_per_second', 'Decisions a second since the start'],
} as const satisfies Record<string, readonly [name: string, help: string]>;

export function createTrainingGauges(
  registry: Registry,
  { app, targetSteps }: Pick<TrainingMetricsOptions, 'app' | 'targetSteps'>,
): Pick<TrainingMetrics, 'show'> {
  // With a label there is no series before the first value: a validation of 0 % would look like a good one.
  const gauge = (name: string, help: string) =>
    new Gauge({ name: `duoloop_training_${name}`, help, labelNames: ['app'], registers: [registry] });
  const steps = gauge('environment_steps', 'Decisions of all lanes together so far');
  steps.set({ app }, 0);
  gauge('target_steps', 'Decisions of all lanes together that the run is to make').set({ app }, targetSteps);
  const byScalar = new Map(Object.entries(gauges).map(([scalar, [name, help]]) => [scalar, gauge(name, help)]));
  return {
    show(environmentSteps, scalars) {
      steps.set({ app }, environmentSteps);
      for (const [scalar, value] of Object.entries(scalars)) byScalar.get(scalar)?.set({ app }, value);
    },
  };
}

/** @throws UserError when the port cannot be used */
export async function serveTrainingMetrics(options: TrainingMetricsOptions): Promise<TrainingMetrics> {
  const { port, host } = options;
  const registry = new Registry();
  const { show } = createTrainingGauges(registry, options);
  const server = createHealthServer({ port, host, metrics: registry, logger: createLogger({ level: 'warn' }) });
  const stop = new AbortController();
  const served = server.run(stop.signal);
  await Promise.race([server.listening, served]);
  const url = await server.listening;
  return {
    url: `${url}/metrics`,
    show,
    async close() {
      stop.abort();
      await served;
    },
  };
}

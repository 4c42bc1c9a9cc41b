/** What the agent tells of itself in Prometheus' text format. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { type ComparedTime, createComparedSums, type Outcome } from './compared-sums.ts';

export const roundSteps = ['list', 'checkpoints', 'measure', 'decide', 'write', 'round'] as const;
export type RoundStep = (typeof roundSteps)[number];

/** Of one DeliberativeLoop after a round; undefined where there is nothing to tell. */
export interface LoopFigures {
  readonly sha256: string | undefined;
  readonly proposals: number;
  /** Means over its closed loops. */
  readonly confidence: number | undefined;
  readonly value: number | undefined;
  /** Terms of the last interval's reward, each ≤ 0, means over its closed loops. */
  readonly reward: Readonly<Record<string, number>> | undefined;
  /** Reward of the last interval less that of the HPA's twin, mean over its closed loops. */
  readonly rewardAdvantage: number | undefined;
  /** Closed loops that nothing is proposed for, by reason; at least 1 where the reason is one for all. */
  readonly abstaining: Readonly<Record<string, number>>;
  /** Sum over its closed loops of what an HPA would ask for now. */
  readonly hpaWouldBe: number | undefined;
  /** What was measured less what the HPA's twin had under the same load, sums over its closed loops since they are watched. */
  readonly hpaDifference: Outcome | undefined;
}

export interface AgentMetrics {
  /** Times `work` as a step, however it ends. */
  timed<T>(step: RoundStep, work: () => Promise<T>): Promise<T>;
  roundEnded(outcome: 'ok' | 'failed'): void;
  /** A DeliberativeLoop was served more than a quarter of its interval after it was due. */
  late(): void;
  abstained(reason: string): void;
  serving(own: number, passive: number): void;
  /** What is told of a DeliberativeLoop, `namespace/name`, from now on. */
  show(key: string, figures: LoopFigures): void;
  /** Adds to the sums of a DeliberativeLoop, `namespace/name`. */
  compared(key: string, time: ComparedTime): void;
  forget(key: string): void;
}

export function createAgentMetrics(registry: Registry): AgentMetrics {
  const registers = [registry];
  const shown = new Map<string, LoopFigures>();
  const seconds = new Histogram({
    name: 'duoloop_agent_decision_seconds',
    help: 'A round by step: list objects, read checkpoints, measure, decide, write; round is all of it',
    labelNames: ['step'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10],
    registers,
  });
  const rounds = new Counter({
    name: 'duoloop_agent_rounds_total',
    help: 'Rounds by outcome: ok, or failed where the API server or the deadline ended it',
    labelNames: ['outcome'],
    registers,
  });
  const late = new Counter({
    name: 'duoloop_agent_late_decisions_total',
    help: 'DeliberativeLoops served more than a quarter of their interval after they were due',
    registers,
  });
  const abstentions = new Counter({
    name: 'duoloop_agent_abstentions_total',
    help: 'Closed loops and intervals for which nothing was proposed, by reason',
    labelNames: ['reason'],
    registers,
  });
  const served = new Gauge({
    name: 'duoloop_agent_deliberative_loops',
    help: 'DeliberativeLoops with a checkpoint by who decides for them: this agent (own) or another (passive)',
    labelNames: ['state'],
    registers,
  });

  /** A gauge with one series per DeliberativeLoop, or one per entry of a record. */
  const perLoop = (
    name: string,
    help: string,
    read: (figures: LoopFigures) => number | undefined | Readonly<Record<string, number>>,
    entryLabel?: string,
  ) =>
    new Gauge({
      name: `duoloop_agent_${name}`,
      help,
      labelNames: ['namespace', 'deliberative_loop', ...(entryLabel === undefined ? [] : [entryLabel])],
      registers,
      collect() {
        this.reset();
        for (const [key, figures] of shown) {
          const [namespace, deliberative_loop] = key.split('/');
          const labels = { namespace, deliberative_loop };
          const value = read(figures);
          if (typeof value === 'number') this.set(labels, value);
          else if (value !== undefined && entryLabel !== undefined) {
            for (const [entry, part] of Object.entries(value)) this.set({ ...labels, [entryLabel]: entry }, part);
          }
        }
      },
    });
  perLoop('confidence', 'Probability that the policy gave to its choices, mean over closed loops', (f) => f.confidence);
  perLoop('value', 'What the critic expects from here on, mean over closed loops', (f) => f.value);
  perLoop('proposals', 'Closed loops that something is proposed for', (f) => f.proposals);
  perLoop('hpa_would_be_replicas', 'What an HPA would ask for now, sum over closed loops', (f) => f.hpaWouldBe);
  perLoop(
    'checkpoint_info',
    'Always 1; the policy in force',
    ({ sha256 }) => (sha256 === undefined ? undefined : { [sha256]: 1 }),
    'sha256',
  );
  perLoop('reward', 'Terms of the last interval, mean over closed loops', (f) => f.reward, 'term');
  const lessHpa = 'less those of an HPA in the simulator under the same load, since it is watched';
  perLoop(
    'hpa_difference_violation_seconds',
    `Seconds above the SLA ${lessHpa}`,
    (f) => f.hpaDifference?.violationSeconds,
  );
  perLoop('hpa_difference_pod_seconds', `Pods times seconds ${lessHpa}`, (f) => f.hpaDifference?.podSeconds);
  perLoop('hpa_difference_scaling_actions', `Changes of size ${lessHpa}`, (f) => f.hpaDifference?.scalingActions);
  perLoop(
    'reward_advantage',
    "Reward of the last interval less that of the HPA's twin, mean over closed loops",
    (f) => f.rewardAdvantage,
  );
  perLoop(
    'abstaining',
    'Closed loops that nothing is proposed for now, by reason; at least 1 where the reason is one for all',
    (f) => f.abstaining,
    'reason',
  );
  const compared = createComparedSums(registry);

  return {
    async timed(step, work) {
      const end = seconds.startTimer({ step });
      try {
        return await work();
      } finally {
        end();
      }
    },
    roundEnded: (outcome) => rounds.inc({ outcome }),
    late: () => late.inc(),
    abstained: (reason) => abstentions.inc({ reason }),
    serving(own, passive) {
      served.set({ state: 'own' }, own);
      served.set({ state: 'passive' }, passive);
    },
    show: (key, figures) => void shown.set(key, figures),
    compared: compared.add,
    forget(key) {
      shown.delete(key);
      compared.forget(key);
    },
  };
}

/** How DeliberativeLoops fare beside the HPA's twin, as counters: their rates outlive restarts and new checkpoints. */
import { Counter, type Registry } from 'prom-client';

export interface Outcome {
  readonly violationSeconds: number;
  readonly podSeconds: number;
  readonly scalingActions: number;
}

/** What came of some time under the same load: of the closed loops as they are scaled, and of the HPA's twin. */
export interface ComparedTime {
  readonly seconds: number;
  readonly live: Outcome;
  readonly hpa: Outcome;
}

export interface ComparedSums {
  /** @param key of a DeliberativeLoop, `namespace/name` */
  add(key: string, time: ComparedTime): void;
  forget(key: string): void;
}

/** Of whom a sum is. */
const sides = ['live', 'hpa'] as const;

export function createComparedSums(registry: Registry): ComparedSums {
  const ofLoop = ['namespace', 'deliberative_loop'];
  const counter = (name: string, help: string, ...labels: string[]) =>
    new Counter({
      name: `duoloop_agent_${name}_total`,
      help,
      labelNames: [...ofLoop, ...labels],
      registers: [registry],
    });
  const compared = counter(
    'compared_seconds',
    "Seconds of closed loops in which they and the HPA's twin were observed",
  );
  const under = "of the closed loops as they are scaled (live), and of the HPA's twin (hpa) under the same load";
  const sums = {
    violationSeconds: counter('violation_seconds', `Seconds above the SLA ${under}`, 'under'),
    podSeconds: counter('pod_seconds', `Pods times seconds ${under}`, 'under'),
    scalingActions: counter('scaling_actions', `Changes of size ${under}`, 'under'),
  };
  const names = Object.keys(sums) as (keyof typeof sums)[];
  return {
    add(key, time) {
      const labels = labelsOf(key);
      compared.inc(labels, time.seconds);
      for (const name of names) for (const side of sides) sums[name].inc({ ...labels, under: side }, time[side][name]);
    },
    forget(key) {
      const labels = labelsOf(key);
      compared.remove(labels);
      for (const name of names) for (const side of sides) sums[name].remove({ ...labels, under: side });
    },
  };
}

function labelsOf(key: string): { namespace: string; deliberative_loop: string } {
  const [namespace, name] = key.split('/');
  return { namespace, deliberative_loop: name };
}

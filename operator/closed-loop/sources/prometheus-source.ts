/** Asks Prometheus for the metrics of a tick: loops of one template together, the others by themselves. */
import { setMaxListeners } from 'node:events';
import { LRUCache } from 'lru-cache';
import PQueue from 'p-queue';
import { type PrometheusClient, PrometheusError, type PrometheusSample } from '../../../env/cluster/prometheus.ts';
import type { MetricAnswer } from '../contract.ts';
import { CircuitOpenError, createCircuitBreaker } from './circuit-breaker.ts';
import {
  createQueryPlanner,
  defaultSharedQueryLimits,
  type OwnQuery,
  type SharedQuery,
  type SharedQueryLimits,
  sharedText,
} from './query-plan.ts';
import { groupKey, splitByGroup } from './shared-query.ts';
import { latePrometheus, missing, type Source, type SourceMetrics } from './source.ts';

export interface PrometheusSourceOptions {
  readonly client: Pick<PrometheusClient, 'samples'>;
  /** Unix seconds. */
  readonly now: () => number;
  readonly metrics: SourceMetrics;
  readonly concurrency?: number;
  /** Of queries that were slow before, which wait for each other. */
  readonly slowConcurrency?: number;
  readonly limits?: SharedQueryLimits;
  /** See `createQueryPlanner`. */
  readonly namespaceLabel?: string | undefined;
  /** A sample older than this is missing. */
  readonly maxAgeSeconds?: number;
  /** A query that cannot be asked as it stands is asked again after this time. */
  readonly refusedForSeconds?: number;
  /** One that failed on the series that are there (status 422) is asked again after this time. */
  readonly failedForSeconds?: number;
}

interface Refusal {
  readonly reason: string;
  /** Unix seconds. */
  readonly until: number;
}

/** Refused and slow queries that are remembered; a query that is forgotten is merely asked again. */
const queriesKept = 10_000;
/** A query that keeps Prometheus busy for longer goes beside those that do not. */
const slowSeconds = 2;

export function createPrometheusSource(options: PrometheusSourceOptions): Source {
  const { client, now, metrics, maxAgeSeconds = 120, refusedForSeconds = 60, failedForSeconds = 10 } = options;
  const { concurrency = 10, slowConcurrency = 3, limits = defaultSharedQueryLimits } = options;
  const planner = createQueryPlanner({ limits, namespaceLabel: options.namespaceLabel });
  const queue = new PQueue({ concurrency });
  const slowQueue = new PQueue({ concurrency: slowConcurrency });
  const breaker = createCircuitBreaker({
    outage: outageOf,
    probe: (signal) => client.samples('vector(1)', signal),
  });
  /** By own text: loops whose query Prometheus refuses, so that they spoil no shared query. */
  const refusals = new LRUCache<string, Refusal>({ max: queriesKept });
  /** By own text. Whoever writes them must not hold up the queries of everybody else. */
  const slow = new LRUCache<string, true>({ max: queriesKept });
  metrics.available('prometheus', () => !breaker.isOpen);

  async function ask(text: string, kind: 'shared' | 'own', deadline: AbortSignal): Promise<PrometheusSample[]> {
    // A second series tells that one's query is not in order; more of them tell nothing.
    const most = kind === 'own' ? 2 : undefined;
    const question = async () => {
      const started = performance.now();
      const done = (result: 'ok' | 'failed') => {
        const seconds = (performance.now() - started) / 1000;
        metrics.asked('prometheus', kind, result, seconds);
        if (kind === 'own' && seconds > slowSeconds) slow.set(text, true);
        else if (slow.size > 0) slow.delete(text);
      };
      try {
        const samples = await client.samples(text, deadline, most);
        done('ok');
        return samples;
      } catch (error) {
        done('failed');
        throw error;
      }
    };
    const lane = slow.has(text) ? slowQueue : queue;
    return breaker.run(() => lane.add(question, { signal: deadline }));
  }

  async function readOwn({ text, requests }: OwnQuery, deadline: AbortSignal, answer: Answer): Promise<void> {
    const refusal = refusals.get(text);
    if (refusal !== undefined && now() < refusal.until) {
      answer(requests, missing(refusal.reason));
      return;
    }
    try {
      const samples = await ask(text, 'own', deadline);
      refusals.delete(text);
      answer(requests, judge(samples));
    } catch (error) {
      if (isRefused(error)) {
        // Series mend themselves: two exporters of one thing during a roll-out are a many-to-many match, and then are not.
        const seconds = error.httpStatus === 422 ? failedForSeconds : refusedForSeconds;
        refusals.set(text, { reason: reasonOf(error), until: now() + seconds });
      }
      answer(requests, missing(reasonOf(error)));
    }
  }

  async function readShared(query: SharedQuery, deadline: AbortSignal, answer: Answer): Promise<void> {
    const { members, sharing } = query;
    try {
      const groups = splitByGroup(sharing.labels, await ask(sharedText(query), 'shared', deadline));
      for (const { group, requests } of members) answer(requests, judge(groups.get(groupKey(group)) ?? []));
    } catch (error) {
      if (isRefused(error)) await readApart(query, error, deadline, answer);
      else for (const { requests } of members) answer(requests, missing(reasonOf(error)));
    }
  }

  /**
   * A shared query was refused: because of some loops' series, because it is too much at once, or because the template is
   * wrong for all. One member by itself tells the last from the others; halving finds the culprits with few queries, and
   * those stay apart from then on.
   */
  async function readApart(query: SharedQuery, refused: PrometheusError, deadline: AbortSignal, answer: Answer) {
    const [first, ...others] = query.members;
    await readOwn(first, deadline, answer);
    const refusal = refusals.get(first.text);
    if (refusal === undefined) {
      const middle = Math.ceil(others.length / 2);
      const halves = [others.slice(0, middle), others.slice(middle)];
      await Promise.all(
        halves.map((half) =>
          half.length > 1
            ? readShared({ ...query, members: half }, deadline, answer)
            : Promise.all(half.map((member) => readOwn(member, deadline, answer))),
        ),
      );
    } else if (refused.httpStatus === 422 || refused.code === 'too-large') {
      await Promise.all(others.map((member) => readOwn(member, deadline, answer)));
    } else {
      // It cannot be parsed or has no number as its result, whatever the values: they are escaped.
      for (const { text, requests } of others) {
        refusals.set(text, refusal);
        answer(requests, missing(refusal.reason));
      }
    }
  }

  function judge(samples: readonly PrometheusSample[]): MetricAnswer {
    const [sample] = samples;
    if (sample === undefined) return missing('the query has no result');
    if (samples.length > 1)
      return missing('the query has more than one result; aggregate it to one, such as by sum(…)');
    if (Number.isNaN(sample.value)) return missing('the query gives no finite number');
    if (now() - sample.second > maxAgeSeconds) return missing(`the query gives a sample older than ${maxAgeSeconds} s`);
    return { value: sample.value };
  }

  return {
    async read(requests, tickDeadline) {
      // Every question listens to it, and Node warns of more than ten.
      const deadline = AbortSignal.any([tickDeadline]);
      setMaxListeners(0, deadline);
      const answers: MetricAnswer[] = requests.map(() => missing('it was not asked'));
      const answer: Answer = (indexes, given) => {
        for (const index of indexes) answers[index] = given;
      };
      const plan = planner.plan(requests, (text) => refusals.has(text));
      for (const { request, reason } of plan.unusable) answer([request], missing(reason));
      await Promise.all([
        ...plan.shared.map((query) => readShared(query, deadline, answer)),
        ...plan.own.map((query) => readOwn(query, deadline, answer)),
      ]);
      return answers;
    },
  };
}

type Answer = (requests: readonly number[], given: MetricAnswer) => void;

/** Prometheus is there, and this query will not get a number from it. */
function isRefused(error: unknown): error is PrometheusError {
  if (!(error instanceof PrometheusError)) return false;
  if (error.code === 'not-a-number' || error.code === 'too-large') return true;
  return error.httpStatus === 400 || error.httpStatus === 422;
}

function outageOf(error: unknown): string | undefined {
  return isRefused(error) ? undefined : reasonOf(error);
}

function reasonOf(error: unknown): string {
  if (error instanceof CircuitOpenError) return error.message;
  if (!(error instanceof PrometheusError)) return latePrometheus;
  const { code, detail = '' } = error;
  if (code === 'timeout') return latePrometheus;
  if (isRefused(error)) return `Prometheus refuses the query: ${detail}`;
  return code === 'unreachable' ? `Prometheus cannot be reached: ${detail}` : `Prometheus failed: ${detail}`;
}

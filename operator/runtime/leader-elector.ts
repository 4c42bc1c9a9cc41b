/** One leader among replicas, by a Lease; after client-go's leaderelection. */
import { Counter, Gauge } from 'prom-client';
import { isNotFound, type KubernetesApi, KubernetesError, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { UserError } from '../../env/errors.ts';
import { createSharedAborter, pause } from '../../env/service/waiting.ts';
import type { LeaderElector, OperatorContext } from './contract.ts';
import { heldBy, holderOf, type Lease, mayTake, type ObservedLease, observe, released } from './lease-record.ts';
import { perRegistry } from './metrics.ts';

export interface LeaderElectorOptions {
  /** A connection of its own: renewals must not wait behind the operator's other calls. */
  readonly api: KubernetesApi;
  readonly namespace: string;
  readonly name: string;
  /** Unique among the replicas, also of those before it of the same name. */
  readonly identity: string;
  /** A holder that has not renewed for this long is replaced. */
  readonly leaseSeconds?: number;
  /** A leader that could not renew for this long stops: earlier than it may be replaced. */
  readonly renewDeadlineSeconds?: number;
  /** Between two attempts to renew or take the lease. */
  readonly retrySeconds?: number;
  readonly context: Pick<OperatorContext, 'logger' | 'metrics'>;
  /** Monotonic: never set back or forward. */
  readonly monotonicSeconds?: () => number;
  /** Unix time, for the texts in the lease and to notice that this machine was suspended. */
  readonly unixSeconds?: () => number;
  readonly random?: () => number;
}

const electorMetrics = perRegistry((registry) => ({
  leading: new Gauge({
    name: 'duoloop_leader',
    help: '1 while this process may act',
    labelNames: ['lease'],
    registers: [registry],
  }),
  failures: new Counter({
    name: 'duoloop_leader_renew_failures_total',
    help: 'Attempts to renew the held lease that failed',
    labelNames: ['lease'],
    registers: [registry],
  }),
  lost: new Counter({
    name: 'duoloop_leader_lost_total',
    help: 'Times that leadership ended without being given up',
    labelNames: ['lease'],
    registers: [registry],
  }),
}));

/** @throws UserError when the times leave no margin. */
export function createLeaderElector(options: LeaderElectorOptions): LeaderElector {
  const { api, namespace, name, identity, leaseSeconds = 15, renewDeadlineSeconds = 10, retrySeconds = 2 } = options;
  if (!(leaseSeconds > renewDeadlineSeconds && renewDeadlineSeconds > 1.2 * retrySeconds && retrySeconds > 0)) {
    throw new UserError(
      'LEASE_TIMES',
      `lease of ${leaseSeconds} s, renewed within ${renewDeadlineSeconds} s, tried every ${retrySeconds} s: each must be longer than the next; 15, 10 and 2 are usual`,
    );
  }
  const monotonicSeconds = options.monotonicSeconds ?? (() => performance.now() / 1000);
  const unixSeconds = options.unixSeconds ?? (() => Date.now() / 1000);
  const { random = Math.random } = options;
  const { logger } = options.context;
  const metrics = electorMetrics(options.context.metrics);
  const label = { lease: `${namespace}/${name}` };

  let observed: ObservedLease | undefined;
  /** When the last successful renewal was *sent*: others see it later, so our deadline ends before theirs. */
  let renewed: { readonly monotonic: number; readonly unix: number } | undefined;

  const secondsLeft = () => {
    if (renewed === undefined) return 0;
    // The monotonic clock stands still in a suspended machine, the other one may be set: the more pessimistic one is right.
    const age = Math.max(monotonicSeconds() - renewed.monotonic, unixSeconds() - renewed.unix);
    return renewDeadlineSeconds - age;
  };
  const isLeader = () => holderOf(observed) === identity && secondsLeft() > 0;

  const write = async (lease: Lease, signal: AbortSignal): Promise<void> => {
    const sent = { monotonic: monotonicSeconds(), unix: unixSeconds() };
    const stored =
      lease.metadata.resourceVersion === undefined
        ? await api.create<Lease>(resourceTypes.lease, namespace, lease, { signal })
        : await api.replace<Lease>(resourceTypes.lease, lease, { signal });
    observed = observe(observed, stored, monotonicSeconds());
    if (holderOf(observed) === identity) renewed = sent;
  };

  const read = async (signal: AbortSignal): Promise<Lease> => {
    try {
      const lease = await api.get<Lease>(resourceTypes.lease, namespace, name, { signal });
      observed = observe(observed, lease, monotonicSeconds());
      return lease;
    } catch (error) {
      if (!isNotFound(error)) throw error;
      observed = undefined;
      const { apiVersion, kind } = resourceTypes.lease;
      return { apiVersion, kind, metadata: { name, namespace } };
    }
  };

  /** Whether the lease is ours now. @throws KubernetesError */
  const takeOrRenew = async (signal: AbortSignal): Promise<boolean> => {
    // A leader knows the lease as it wrote it: one call instead of two.
    let lease = isLeader() && observed !== undefined ? observed.lease : await read(signal);
    if (observed !== undefined && !mayTake(observed, identity, monotonicSeconds())) return false;
    try {
      await write(heldBy(lease, identity, leaseSeconds, unixSeconds()), signal);
      return true;
    } catch (error) {
      if (!isOutdated(error)) throw error;
    }
    // What it says now decides. It may be our own renewal, written without its answer having reached us.
    lease = await read(signal);
    if (holderOf(observed) !== identity) return false;
    await write(heldBy(lease, identity, leaseSeconds, unixSeconds()), signal);
    return true;
  };

  /** An attempt that hangs is given up early enough for another one before the deadline. */
  const attempt = async (signal: AbortSignal): Promise<boolean> => {
    const aborter = new AbortController();
    const stop = () => aborter.abort();
    const timer = setTimeout(stop, (renewDeadlineSeconds / 2) * 1000);
    signal.addEventListener('abort', stop, { once: true });
    try {
      return await takeOrRenew(aborter.signal);
    } catch (error) {
      if (signal.aborted) return false;
      if (holderOf(observed) === identity) metrics.failures.inc(label);
      logger.warn({ ...label, identity, error: (error as Error).message }, 'lease neither read nor renewed');
      return false;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    }
  };

  /** Renews until `done` is aborted, or until somebody else holds the lease or the deadline is past: then `onLost`. */
  const keepRenewing = async (done: AbortSignal, onLost: () => void): Promise<void> => {
    // Fires on time even while an attempt hangs.
    let deadline: NodeJS.Timeout | undefined;
    const lost = new AbortController();
    const armDeadline = () => {
      clearTimeout(deadline);
      deadline = setTimeout(() => lost.abort(), Math.max(0, secondsLeft() * 1000));
    };
    const stop = () => lost.abort();
    done.addEventListener('abort', stop, { once: true });
    armDeadline();
    while (!lost.signal.aborted) {
      await pause(retrySeconds * 1000, lost.signal);
      if (lost.signal.aborted) break;
      if (await attempt(lost.signal)) armDeadline();
      else if (holderOf(observed) !== identity) break;
    }
    clearTimeout(deadline);
    done.removeEventListener('abort', stop);
    if (!done.aborted) onLost();
  };

  const lead = async (signal: AbortSignal, onLeading: (signal: AbortSignal) => Promise<void>): Promise<void> => {
    const session = createSharedAborter();
    const settled = new AbortController();
    const stop = () => session.abort();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    // Also while the work ends after `signal`: it still writes.
    const renewing = keepRenewing(settled.signal, () => {
      renewed = undefined;
      metrics.lost.inc(label);
      logger.error({ ...label, identity, holder: holderOf(observed) }, 'leadership lost');
      stop();
    });
    try {
      await onLeading(session.signal);
    } finally {
      settled.abort();
      await renewing;
      signal.removeEventListener('abort', stop);
      await release();
    }
  };

  const release = async (): Promise<void> => {
    if (!isLeader() || observed === undefined) return;
    const signal = AbortSignal.timeout(Math.ceil(Math.min(secondsLeft(), 5) * 1000));
    let { lease } = observed;
    renewed = undefined;
    const giveUp = () => api.replace(resourceTypes.lease, released(lease, unixSeconds()), { signal });
    try {
      await giveUp().catch(async (error) => {
        if (!isOutdated(error)) throw error;
        lease = await read(signal);
        if (holderOf(observed) === identity) await giveUp();
      });
      observed = undefined;
      logger.info({ ...label, identity }, 'leadership given up');
    } catch (error) {
      logger.warn({ ...label, error: (error as Error).message }, 'lease not released; it ends by itself');
    }
  };

  return {
    isLeader,
    holder: () => holderOf(observed),
    async run(signal, onLeading) {
      const showLeading = setInterval(() => metrics.leading.set(label, isLeader() ? 1 : 0), 1000);
      try {
        while (!signal.aborted) {
          if (await attempt(signal)) {
            logger.info({ ...label, identity }, 'leading');
            metrics.leading.set(label, 1);
            await lead(signal, onLeading);
          }
          // Candidates must not all ask at the same moments.
          await pause(retrySeconds * (1 + random() / 5) * 1000, signal);
        }
      } finally {
        clearInterval(showLeading);
        metrics.leading.set(label, 0);
      }
    },
  };
}

/** Somebody wrote or deleted the lease since it was read. */
function isOutdated(error: unknown): boolean {
  return error instanceof KubernetesError && (error.status === 409 || error.status === 404);
}

/**
 * Who may push to which loop: the API server says, by TokenReview and SubjectAccessReview. Its answers are remembered for a
 * while, asked for a few at a time, and whoever causes refusals has to wait, so that a flood of bad tokens costs the API
 * server next to nothing and this process a bounded amount of memory.
 */
import { createHash } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { LRUCache } from 'lru-cache';
import PQueue from 'p-queue';
import { type KubernetesApi, KubernetesError, type ResourceType } from '../../env/cluster/kubernetes-api.ts';
import { createFailureBudget } from './failure-budget.ts';
import type { IngestMetrics } from './metrics.ts';

export interface PushAttempt {
  /** Bearer token; undefined when none was sent. */
  readonly token: string | undefined;
  /** Address of the sender. */
  readonly address: string;
  readonly namespace: string;
  readonly loop: string;
}

/** Undefined: admitted. */
export type Refusal = {
  readonly status: 401 | 403 | 429 | 503;
  readonly message: string;
  readonly retryAfterSeconds?: number;
};

export interface Admission {
  /** Never rejects. */
  admit(attempt: PushAttempt): Promise<Refusal | undefined>;
}

export interface AdmissionOptions {
  readonly api: Pick<KubernetesApi, 'create'>;
  readonly metrics: IngestMetrics;
  /** Monotonic seconds. */
  readonly nowSeconds: () => number;
  /** Seconds that an answer of the API server holds. */
  readonly admittedForSeconds?: number;
  readonly refusedForSeconds?: number;
  /** Tokens, and pairs of token and loop, that are remembered. */
  readonly maxRemembered?: number;
  /** Reviews under way at once; they share the API server with the scaling. */
  readonly concurrency?: number;
  readonly maxWaiting?: number;
  /** Of one source, so that a flood leaves room for others. */
  readonly maxWaitingOfSource?: number;
}

const tokenReviewType: ResourceType = {
  apiVersion: 'authentication.k8s.io/v1',
  kind: 'TokenReview',
  plural: 'tokenreviews',
  namespaced: false,
};
const accessReviewType: ResourceType = {
  apiVersion: 'authorization.k8s.io/v1',
  kind: 'SubjectAccessReview',
  plural: 'subjectaccessreviews',
  namespaced: false,
};

interface User {
  readonly username: string;
  readonly uid?: string;
  readonly groups?: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** Longer ones no API server issues, and hashing them would cost more than they are worth. */
const maxTokenLength = 8192;
const everybody = 'everybody';

export function createAdmission(options: AdmissionOptions): Admission {
  const { api, metrics, nowSeconds, admittedForSeconds = 60, refusedForSeconds = 10 } = options;
  const { maxRemembered = 10_000, concurrency = 4, maxWaiting = 1000, maxWaitingOfSource = 200 } = options;
  const queue = new PQueue({ concurrency });
  const budgetOf = (capacity: number, refillPerSecond: number) =>
    createFailureBudget({ capacity, refillPerSecond, maxKeys: maxRemembered, nowSeconds });
  /** Reviews that wait or are under way, by source. */
  const waitingOf = new Map<string, number>();
  const perSource = budgetOf(20, 1);
  const inAll = budgetOf(100, 10);
  const tokens = createMemory<User>(maxRemembered);
  const accesses = createMemory<true>(maxRemembered);

  interface Memory<T> {
    /** What was admitted stays known beyond its time, so that its renewal does not wait because of others' failures. */
    readonly admitted: LRUCache<string, { readonly value: T & {}; readonly until: number }>;
    readonly refused: LRUCache<string, number>;
    readonly underWay: Map<string, Promise<T | Refusal>>;
  }
  function createMemory<T extends {}>(max: number): Memory<T> {
    return { admitted: new LRUCache({ max }), refused: new LRUCache({ max }), underWay: new Map() };
  }

  /** From memory, or by a review that is asked once however many wait for it. */
  function remembered<T extends {}>(
    memory: Memory<T>,
    key: string,
    source: string,
    refusal: Refusal,
    review: () => Promise<T | undefined>,
  ): Promise<T | Refusal> | T | Refusal {
    const known = memory.admitted.get(key);
    if (known !== undefined && nowSeconds() < known.until) return known.value;
    if (nowSeconds() < (memory.refused.get(key) ?? 0)) return refusal;
    const waiting = memory.underWay.get(key);
    if (waiting !== undefined) return waiting;
    if (queue.size >= maxWaiting) return { status: 503, message: 'too many pushes wait', retryAfterSeconds: 1 };
    const others = waitingOf.get(source) ?? 0;
    if (others >= maxWaitingOfSource) {
      return { status: 429, message: 'too many pushes of this sender wait', retryAfterSeconds: 1 };
    }
    waitingOf.set(source, others + 1);

    const asked = queue.add(async (): Promise<T | Refusal> => {
      // When its turn comes: those before it may have used up the budget.
      const waitSeconds =
        known === undefined ? Math.max(perSource.waitSeconds(source), inAll.waitSeconds(everybody)) : 0;
      if (waitSeconds > 0) {
        const message = 'too many pushes were refused; wait, and correct the token or the rights';
        return { status: 429, message, retryAfterSeconds: Math.ceil(waitSeconds) };
      }
      try {
        const value = await review();
        if (value !== undefined) {
          memory.admitted.set(key, { value, until: nowSeconds() + admittedForSeconds });
          return value;
        }
      } catch (error) {
        const { reason } = error instanceof KubernetesError ? error : { reason: 'Unknown' };
        return { status: 503, message: `the API server gave no answer (${reason})`, retryAfterSeconds: 2 };
      }
      memory.admitted.delete(key);
      memory.refused.set(key, nowSeconds() + refusedForSeconds);
      perSource.charge(source);
      inAll.charge(everybody);
      return refusal;
    });
    memory.underWay.set(key, asked);
    return asked.finally(() => {
      memory.underWay.delete(key);
      const left = (waitingOf.get(source) ?? 0) - 1;
      if (left > 0) waitingOf.set(source, left);
      else waitingOf.delete(source);
    });
  }

  async function reviewToken(token: string): Promise<User | undefined> {
    const { apiVersion, kind } = tokenReviewType;
    const review = { apiVersion, kind, spec: { token } };
    const { status } = await timed('token', () =>
      api.create<{ status: { authenticated?: boolean; user?: User } }>(tokenReviewType, undefined, review),
    );
    return status.authenticated === true ? status.user : undefined;
  }

  async function reviewAccess(user: User, { namespace, loop }: PushAttempt): Promise<true | undefined> {
    const { apiVersion, kind } = accessReviewType;
    const { username, uid, groups, extra } = user;
    const resource = { group: 'duoloop.dev', resource: 'closedloops', subresource: 'metrics' };
    const resourceAttributes = { ...resource, verb: 'update', namespace, name: loop };
    const review = { apiVersion, kind, spec: { user: username, uid, groups, extra, resourceAttributes } };
    const { status } = await timed('access', () =>
      api.create<{ status: { allowed?: boolean } }>(accessReviewType, undefined, review),
    );
    return status.allowed === true ? true : undefined;
  }

  async function timed<T>(review: 'token' | 'access', ask: () => Promise<T>): Promise<T> {
    const started = nowSeconds();
    try {
      return await ask();
    } finally {
      metrics.reviewed(review, nowSeconds() - started);
    }
  }

  return {
    async admit(attempt) {
      const { token, address, namespace, loop } = attempt;
      const unauthenticated = { status: 401, message: 'send the token of a service account as bearer token' } as const;
      if (token === undefined || token === '' || token.length > maxTokenLength) return unauthenticated;
      const digest = createHash('sha256').update(token).digest('base64');
      const source = networkOf(address);
      const user = await remembered(
        tokens,
        digest,
        source,
        { ...unauthenticated, message: 'the API server does not accept this token' },
        () => reviewToken(token),
      );
      if ('status' in user) return user;
      const forbidden = {
        status: 403,
        message: `${user.username} may not push to closedloop ${namespace}/${loop}; allow it to update closedloops/metrics of duoloop.dev there`,
      } as const;
      const access = await remembered(
        accesses,
        `${digest} ${namespace}/${loop}`,
        `user ${user.username}`,
        forbidden,
        () => reviewAccess(user, attempt),
      );
      return access === true ? undefined : access;
    },
  };
}

/** IPv6 senders choose their addresses out of a network of 64 bits. */
function networkOf(address: string): string {
  if (!isIPv6(address) || address.includes('.')) return address;
  const [head, tail = ''] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  const tailGroups = tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: Math.max(0, 8 - groups.length - tailGroups.length) }, () => '0');
  return [...groups, ...zeros, ...tailGroups].slice(0, 4).join(':');
}

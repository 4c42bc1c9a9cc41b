import { Registry } from 'prom-client';
import { beforeEach, expect, test } from 'vitest';
import { KubernetesError, type ResourceType } from '../../env/cluster/kubernetes-api.ts';
import { type Admission, createAdmission, type PushAttempt } from './admission.ts';
import { createIngestMetrics } from './metrics.ts';

interface Review {
  readonly spec: {
    readonly token?: string;
    readonly user?: string;
    readonly resourceAttributes?: { readonly name: string };
  };
}

let reviews: string[];
let underWay: number;
let mostUnderWay: number;
let failure: KubernetesError | undefined;
let second: number;
let admission: Admission;

/** Accepts tokens that begin with "good"; their user may push to every loop but "theirs". */
const api = {
  async create<T>({ kind }: ResourceType, _namespace: string | undefined, object: object): Promise<T> {
    const { spec } = object as Review;
    reviews.push(`${kind} ${spec.token ?? `${spec.user} ${spec.resourceAttributes?.name}`}`);
    mostUnderWay = Math.max(mostUnderWay, ++underWay);
    await new Promise(setImmediate);
    underWay--;
    if (failure !== undefined) throw failure;
    const authenticated = spec.token?.startsWith('good');
    const status =
      kind === 'TokenReview'
        ? { authenticated, ...(authenticated ? { user: { username: spec.token } } : {}) }
        : { allowed: spec.resourceAttributes?.name !== 'theirs' };
    return { status } as T;
  },
};

beforeEach(() => {
  reviews = [];
  underWay = mostUnderWay = 0;
  failure = undefined;
  second = 1000;
  admission = createAdmission({ api, metrics: createIngestMetrics(new Registry()), nowSeconds: () => second });
});

const attempt = (token: string | undefined, rest: Partial<PushAttempt> = {}): PushAttempt => ({
  token,
  address: '10.0.0.1',
  namespace: 'shop',
  loop: 'web',
  ...rest,
});

test('a good token is reviewed once for many pushes, and again after a minute', async () => {
  const pushes = await Promise.all(Array.from({ length: 50 }, () => admission.admit(attempt('good'))));
  expect(pushes).toEqual(pushes.map(() => undefined));
  expect(reviews).toEqual(['TokenReview good', 'SubjectAccessReview good web']);
  second += 59;
  await admission.admit(attempt('good'));
  expect(reviews).toHaveLength(2);
  second += 2;
  await admission.admit(attempt('good'));
  expect(reviews).toHaveLength(4);
});

test('rights are those of a token on one loop', async () => {
  expect(await admission.admit(attempt('good'))).toBeUndefined();
  expect(await admission.admit(attempt('good', { loop: 'theirs' }))).toMatchObject({ status: 403 });
  expect(await admission.admit(attempt('bad'))).toMatchObject({ status: 401 });
  expect(await admission.admit(attempt(undefined))).toMatchObject({ status: 401 });
  expect(await admission.admit(attempt('g'.repeat(10_000)))).toMatchObject({ status: 401 });
});

test('a flood of different bad tokens costs few reviews, and known senders go on', async () => {
  await admission.admit(attempt('good', { address: '10.0.0.2' }));
  reviews = [];
  for (let tick = 0; tick < 10; tick++) {
    const flood = Array.from({ length: 1000 }, (_, i) => admission.admit(attempt(`bad-${tick}-${i}`)));
    const statuses = (await Promise.all(flood)).map((refusal) => refusal?.status);
    expect(new Set(statuses)).not.toContain(undefined);
    expect(statuses).toContain(429);
    second += 0.1;
  }
  // Twenty at once, one more a second, and those already under way.
  expect(reviews.length).toBeLessThanOrEqual(20 + 1 + 4);
  expect(mostUnderWay).toBeLessThanOrEqual(4);
  second += 120;
  // A flood from everywhere uses up what all have together.
  const everywhere = Array.from({ length: 900 }, (_, i) =>
    admission.admit(attempt(`b${i}`, { address: `10.1.${i % 30}.${i}` })),
  );
  const refused = (await Promise.all(everywhere)).filter((refusal) => refusal?.status === 429);
  expect(refused.length).toBeGreaterThanOrEqual(900 - 100 - 4);
  expect(await admission.admit(attempt('good-new'))).toMatchObject({ status: 429, retryAfterSeconds: 1 });
  expect(await admission.admit(attempt('good', { address: '10.0.0.2' }))).toBeUndefined();
});

test('one bad token sent again and again is asked about every ten seconds', async () => {
  for (let push = 0; push < 1000; push++) {
    expect(await admission.admit(attempt('bad'))).toMatchObject({ status: 401 });
    second += 0.02;
  }
  expect(reviews.length).toBeLessThanOrEqual(3);
});

test('an IPv6 sender does not get a new budget with every address of its network', async () => {
  for (let i = 0; i < 100; i++) await admission.admit(attempt(`bad-${i}`, { address: `2001:db8::${i.toString(16)}` }));
  expect(reviews.length).toBeLessThanOrEqual(20);
  expect(await admission.admit(attempt('good', { address: '2001:db8:0:1::1' }))).toBeUndefined();
});

test('without the API server nobody is let in, nor counted as refused', async () => {
  failure = new KubernetesError(0, 'Unreachable', 'connect ECONNREFUSED');
  for (let i = 0; i < 50; i++) {
    expect(await admission.admit(attempt(`good-${i}`))).toMatchObject({ status: 503, retryAfterSeconds: 2 });
  }
  failure = undefined;
  expect(await admission.admit(attempt('good-0'))).toBeUndefined();
});

test('a flood fills the queue of its own sender only', async () => {
  const flood = Array.from({ length: 1500 }, (_, index) => admission.admit(attempt(`bad ${index}`)));
  const other = admission.admit(attempt('good', { address: '10.0.0.2' }));
  const refusals = await Promise.all(flood);
  expect(new Set(refusals.map((refusal) => refusal?.status))).toEqual(new Set([401, 429]));
  expect(await other).toBeUndefined();
});

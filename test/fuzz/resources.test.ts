/** Custom resources: as the API server takes them by the generated CRDs, and as our processes read them. */
import { Ajv } from 'ajv';
import { describe, expect } from 'vitest';
import { UserError } from '../../env/errors.ts';
import { goodSpecs } from '../../operator/crds/specs.fixture.ts';
import { structuralSchema } from '../../operator/crds/structural-schema.ts';
import { type GuardedLoop, guardProposals } from '../../operator/deliberative-loop/guard.ts';
import { admissionReviewSchema, respond } from '../../operator/webhook/review.ts';
import { worldOf } from '../../operator/webhook/world.fixture.ts';
import { parseLoopSpec } from '../../policies/reactive/loop-spec.ts';
import { initialLoopState } from '../../policies/reactive/loop-state.ts';
import { resourceDefinitions } from '../../policies/resources/definitions.ts';
import {
  deliberativeLoopStatusSchema,
  guardrailsSchema,
  type Proposal,
} from '../../policies/resources/deliberative-loop.ts';
import { toTimestamp } from '../../policies/resources/timestamp.ts';
import { mutatedJson } from './arbitraries.ts';
import { errorOf, fuzz } from './fuzz.ts';

const second = 1_800_000_000;
const dateTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;
const ajv = new Ajv({ strict: false, formats: { 'date-time': dateTime } });
const validatorOf = (schema: Parameters<typeof structuralSchema>[0]) =>
  ajv.compile(inNewerDialect(structuralSchema(schema)) as object);

/** CRDs are OpenAPI 3.0, where an exclusive bound is a switch beside the bound; to ajv it is the bound. */
function inNewerDialect(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(inNewerDialect);
  if (typeof schema !== 'object' || schema === null) return schema;
  const { minimum, exclusiveMinimum, ...rest } = schema as Record<string, unknown>;
  const bound = exclusiveMinimum === true ? { exclusiveMinimum: minimum } : minimum === undefined ? {} : { minimum };
  return { ...bound, ...Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, inNewerDialect(value)])) };
}

/** With fields that the fixtures leave out, so that their parsers are met as well. */
const specs: Readonly<Record<string, readonly unknown[]>> = {
  ScalingGroup: [
    goodSpecs.ScalingGroup(),
    { memberSelector: { matchLabels: { app: 'web' }, ratio: 2 }, strategy: { partial: 'Rollback', timeoutSeconds: 9 } },
  ],
  ClosedLoop: [
    goodSpecs.ClosedLoop(),
    {
      ...goodSpecs.ClosedLoop(),
      metrics: [
        {
          name: 'queue',
          rank: 3,
          source: { http: { url: 'http://web.shop.svc/x', field: 'a.b', timeoutSeconds: 2 } },
          thresholds: [
            { kind: 'superior', value: 1, reaction: { vertical: { resource: 'cpu', by: 0.5, min: 0.5, max: 2 } } },
          ],
        },
      ],
      decision: { opa: { url: 'http://opa.shop.svc/x', inputMapping: { a: 'loop.name' } } },
      onMissingMetrics: { action: 'Fallback', replicas: 3 },
    },
  ],
  DeliberativeLoop: [
    goodSpecs.DeliberativeLoop(),
    {
      closedLoops: { matchLabels: { a: 'b' } },
      policy: { checkpoint: { url: 'https://x.example/a.tar.gz', sha256: 'a'.repeat(64) }, canary: { file: 'next' } },
      observation: { preset: 'istio', services: { web: 'shop-web' }, queries: { cpuPercent: 'x{a="b"}' } },
      guardrails: { maxStep: 2, minReplicas: 1, maxReplicas: 9, maxReplicaBudget: 100 },
    },
  ],
};

describe.each(resourceDefinitions.filter(({ kind }) => specs[kind] !== undefined))('$kind', ({ kind, spec }) => {
  const accepts = validatorOf(spec);
  fuzz({
    name: 'a spec is taken alike by the CRD and by us',
    input: mutatedJson(specs[kind]),
    parse: (value) => ({ byCrd: accepts(value), byUs: spec.safeParse(value) }),
    check({ byCrd, byUs }, value) {
      // What we take, the API server stores; of a field `__proto__` zod sees nothing, and the server what it is.
      const hasPrototype = JSON.stringify(value).includes('__proto__');
      if (byUs.success && !hasPrototype) expect(byCrd, JSON.stringify(accepts.errors)).toBe(true);
      if (byUs.success || !byCrd) return;
      // What it stores and we do not take breaks a rule that the CRD has in CEL, has a field that it prunes, or a key that
      // is too long, which no CRD can say.
      const known = ['custom', 'unrecognized_keys', 'invalid_key'];
      const others = byUs.error.issues.filter(({ code }) => !known.includes(code));
      expect(others, JSON.stringify(value)).toEqual([]);
    },
  });
});

const guarded: readonly GuardedLoop[] = ['web', 'constructor'].map((name) => ({
  name,
  behavior: { minReplicas: 2, maxReplicas: 12 },
  size: 5,
  state: initialLoopState(
    parseLoopSpec({
      metrics: ['cpu', 'toString'].map((metric, i) => ({
        name: metric,
        rank: i + 1,
        thresholds: [{ kind: 'superior', value: 80, reaction: { horizontal: { by: 1 } } }],
      })),
      behavior: { maxReplicas: 12 },
    }),
  ),
}));
const proposal = { closedLoop: 'web', time: toTimestamp(second - 5), setPoint: 8, ranks: { cpu: 2, toString: 1 } };

describe('the status of a DeliberativeLoop', () => {
  const acceptsStatus = validatorOf(deliberativeLoopStatusSchema);
  fuzz({
    name: 'moves nothing beyond the guardrails, whoever wrote it',
    input: mutatedJson([
      { proposals: [proposal, { ...proposal, closedLoop: 'constructor', setPoint: 100_000 }], conditions: [] },
      { proposals: [{ closedLoop: 'web', time: toTimestamp(second), setPoint: 0 }], conditions: [] },
    ]),
    parse(status) {
      if (!acceptsStatus(status)) throw new UserError('status', 'not stored by the API server');
      return guardProposals({
        mode: 'Bounded',
        guardrails: guardrailsSchema.parse({ maxStep: 3, maxReplicas: 10 }),
        proposals: (status as { proposals: readonly Proposal[] }).proposals,
        loops: guarded,
        now: second,
      });
    },
    throws: errorOf(UserError),
    check(verdicts) {
      for (const { setPoint, ranks } of verdicts) {
        if (setPoint !== undefined) expect(setPoint.size >= 2 && setPoint.size <= 8).toBe(true);
        if (ranks !== undefined) expect(Object.entries(ranks).toSorted()).toHaveLength(2);
      }
    },
  });
});

describe('other readers', () => {
  fuzz({
    name: 'specs of the reactive loop',
    input: mutatedJson([
      {
        metrics: goodSpecs.ClosedLoop().metrics.map(({ name, rank, thresholds }) => ({ name, rank, thresholds })),
        behavior: { maxReplicas: 10, scaleUp: { rateLimit: { pods: 2, periodSeconds: 15 } } },
        members: [{ name: 'a', max: 3 }],
      },
    ]),
    parse: parseLoopSpec,
    throws: errorOf(UserError),
    check(spec) {
      // JSON has no negative zero.
      const read: unknown = JSON.parse(JSON.stringify(spec));
      expect(parseLoopSpec(read)).toEqual(read);
    },
  });

  const reviews = Object.entries(specs).flatMap(([kind, [spec]]) => {
    const object = { apiVersion: 'duoloop.dev/v1alpha1', kind, metadata: { name: 'web', namespace: 'shop' }, spec };
    const request = { uid: 'u', operation: 'UPDATE', namespace: 'shop', object, oldObject: object };
    return [{ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request }];
  });
  const world = worldOf();
  fuzz({
    name: 'admission reviews',
    input: mutatedJson(reviews),
    parse(body) {
      const review = admissionReviewSchema.safeParse(body);
      if (!review.success) throw new UserError('review', 'answered with 400');
      return respond(review.data.request, world);
    },
    throws: errorOf(UserError),
    check: ({ allowed, status }) => expect(allowed).toBe(status === undefined),
  });
});

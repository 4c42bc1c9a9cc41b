import { describe, expect, test } from 'vitest';
import { admissionReviewSchema, respond } from './review.ts';
import { closedLoop, deployment, namespace, worldOf } from './world.fixture.ts';

const owned = worldOf({ owners: [{ of: deployment('web'), owner: { kind: 'HorizontalPodAutoscaler', name: 'web' } }] });
const badQuery = { 'metrics[1].source.prometheus.query': 'sum(' };

function request(change: object) {
  return admissionReviewSchema.parse({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: { uid: 'u1', operation: 'CREATE', namespace, ...change },
  }).request;
}

describe('respond', () => {
  test('refuses with every problem in one message', () => {
    const response = respond(request({ object: closedLoop({ changes: badQuery }) }), owned);
    expect(response).toMatchObject({ uid: 'u1', allowed: false, status: { code: 422, reason: 'Invalid' } });
    expect(response.status?.message).toMatch(/^spec\.targetRef: .*; spec\.metrics\[1\]\.source\.prometheus\.query: /);
  });

  test('lets a write pass that brings no new problem, and reminds of the old one', () => {
    const [before, after] = [closedLoop(), closedLoop({ labels: { team: 'shop' } })];
    const response = respond(request({ operation: 'UPDATE', oldObject: before, object: after }), owned);
    expect(response).toEqual({
      uid: 'u1',
      allowed: true,
      warnings: [expect.stringContaining('is scaled by HorizontalPodAutoscaler web already')],
    });
  });

  test('refuses a write for its new problem only', () => {
    const [before, after] = [closedLoop(), closedLoop({ changes: badQuery })];
    const response = respond(request({ operation: 'UPDATE', oldObject: before, object: after }), owned);
    expect(response.status?.message).toMatch(/^spec\.metrics\[1\]\.source\.prometheus\.query: [^;]*$/);
  });

  test('does not stand in the way of a deletion', () => {
    const leaving = closedLoop({ changes: badQuery });
    const object = { ...leaving, metadata: { ...leaving.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
    expect(respond(request({ operation: 'UPDATE', object }), owned).allowed).toBe(true);
    expect(respond(request({ operation: 'DELETE', object: null, oldObject: leaving }), owned).allowed).toBe(true);
  });

  test.each([
    ['no spec', undefined],
    ['a query of a megabyte', { metrics: [{ source: { prometheus: { query: `sum(${'a'.repeat(1e6)} (` } } }] }],
    ['a million metrics', { metrics: Array.from({ length: 1e6 }, () => 0) }],
    ['lists within lists', JSON.parse('['.repeat(1e5) + ']'.repeat(1e5)) as unknown],
  ])('checks nothing of what no API server sends: %s', (_, spec) => {
    const object = { ...closedLoop(), spec };
    expect(respond(request({ object }), owned)).toEqual({
      uid: 'u1',
      allowed: true,
      warnings: [
        "not checked against other objects (its spec is not as its definition says); the object's conditions will tell",
      ],
    });
  });

  test('lets a kind pass whose name every object has', () => {
    const object = { apiVersion: 'v1', kind: 'constructor', metadata: { name: 'p' } };
    expect(respond(request({ object }), owned)).toEqual({ uid: 'u1', allowed: true });
  });

  test('lets kinds pass that it knows nothing of', () => {
    const object = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' } };
    expect(respond(request({ object }), owned)).toEqual({ uid: 'u1', allowed: true });
  });
});

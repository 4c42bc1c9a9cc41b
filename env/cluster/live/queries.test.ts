import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ObservedSystem } from '../../ports.ts';
import { closedLoopQueries } from './closed-loop-queries.ts';
import { presetQueries } from './presets.ts';
import { chunkSystems, promqlDuration, renderLiveQuery } from './query-text.ts';

const name = fc.stringMatching(/^[a-z0-9]([-.a-z0-9]{0,20}[a-z0-9])?$/);

describe('the queries of a preset', () => {
  it('custom has none: what its user does not give is named', () => {
    expect(() => presetQueries('custom', { cpuPercent: 'a', memoryPercent: 'b' })).toThrow(
      /requestsPerSecond, p95Milliseconds are not given/,
    );
    const given = { requestsPerSecond: 'a', p95Milliseconds: 'b', cpuPercent: 'c', memoryPercent: 'd' };
    expect(presetQueries('custom', given)).toMatchObject(given);
    expect(presetQueries('custom', given).readyPods).toContain('kube_deployment_status_replicas_ready');
  });

  it('tell the age of what a recording rule made, and of no more than that', () => {
    const { sampleSecond } = presetQueries('istio', { requestsPerSecond: 'workload:requests:rate{env="live"}' });
    expect(sampleSecond).toContain('timestamp(workload:requests:rate{env="live"})');
    expect(sampleSecond).not.toContain('istio');
    expect(presetQueries('istio', { requestsPerSecond: 'sum(a)' }).sampleSecond).not.toContain('sum(a)');
  });

  it('take no name that is not one', () => {
    const scope = { windowSeconds: 30, workloads: undefined };
    const query = 'a{namespace=~"$namespaces"}';
    expect(renderLiveQuery(query, { ...scope, namespaces: ['shop', '"} or b{x="', 'a.b', 'shop'] })).toBe(
      'a{namespace=~"shop|a\\\\.b"}',
    );
    // Of none, nothing: an empty expression would match series without the label.
    expect(renderLiveQuery(query, { ...scope, namespaces: ['.*'] })).toBe('a{namespace=~"-"}');
  });

  it('have windows that PromQL takes', () => {
    expect([30, 1, 2.5, 0.75, 0.0001].map(promqlDuration)).toEqual(['30s', '1s', '2500ms', '750ms', '1ms']);
  });
});

describe('the queries of a closed loop', () => {
  it('refuse what is no name of a workload, and the preset that has no queries', () => {
    const options = { workloads: ['web', 'a b'], rateWindowSeconds: 30 };
    expect(() => closedLoopQueries('istio', options)).toThrow(/"a b" is no name of a workload/);
    expect(() => closedLoopQueries('istio', { ...options, workloads: [] })).toThrow(/no workload is given/);
    expect(() => closedLoopQueries('custom', options)).toThrow(/custom has no queries/);
  });
});

it('names every system in one chunk, and its namespace in no other', () => {
  const anySystem: fc.Arbitrary<ObservedSystem> = fc.record({
    key: name,
    namespace: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    workloads: fc.array(name, { minLength: 1, maxLength: 4 }),
  });
  fc.assert(
    fc.property(fc.array(anySystem), fc.integer({ min: 1, max: 4 }), (systems, namespaces) => {
      const chunks = chunkSystems(systems, { namespaces, workloads: 6 });
      const named = chunks.flatMap((chunk) => chunk.namespaces);
      expect(named.toSorted()).toEqual([...new Set(systems.map(({ namespace }) => namespace))].sort());
      for (const { namespace, workloads } of systems) {
        const chunk = chunks.find((candidate) => candidate.namespaces.includes(namespace));
        expect(chunk?.workloads).toEqual(expect.arrayContaining([...workloads]));
        expect(chunk?.entries).toContain(workloads[0]);
      }
      for (const chunk of chunks) {
        expect(chunk.namespaces.length).toBeLessThanOrEqual(namespaces);
        expect(chunk.workloads.length <= 6 || chunk.namespaces.length === 1).toBe(true);
      }
    }),
  );
});

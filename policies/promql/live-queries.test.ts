/** The queries by which live applications are measured, against what Prometheus and a ClosedLoop take. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { closedLoopQueries } from '../../env/cluster/live/closed-loop-queries.ts';
import { metricPresets } from '../../env/cluster/live/metric-queries.ts';
import { presetQueries } from '../../env/cluster/live/presets.ts';
import { renderLiveQuery } from '../../env/cluster/live/query-text.ts';
import { checkPromql } from './check-promql.ts';

const name = fc.stringMatching(/^[a-z0-9]([-.a-z0-9]{0,20}[a-z0-9])?$/);

describe.each(metricPresets.filter((preset) => preset !== 'custom'))('the queries of %s', (preset) => {
  it('are PromQL for whatever is asked about', () => {
    for (const query of Object.values(presetQueries(preset))) {
      fc.assert(
        fc.property(
          fc.array(name),
          fc.option(fc.array(name), { nil: undefined }),
          fc.double({ min: 0.01, max: 3600, noNaN: true }),
          (namespaces, workloads, windowSeconds) => {
            const text = renderLiveQuery(query, { namespaces, workloads, windowSeconds });
            expect(checkPromql(text)).toBeUndefined();
            expect(text).not.toMatch(/\$[a-z]/);
          },
        ),
        { numRuns: 5 },
      );
    }
  });

  it('are such that a ClosedLoop takes them', () => {
    const workloads = Array.from({ length: 11 }, (_, i) => `service-with-a-long-name-${i}`);
    for (const query of Object.values(closedLoopQueries(preset, { workloads, rateWindowSeconds: 6 }))) {
      expect(checkPromql(query)).toBeUndefined();
      // The resource's bound.
      expect(query.length).toBeLessThanOrEqual(4096);
      expect(query).not.toContain('$window');
      expect(query).toContain('$namespace');
    }
  });
});

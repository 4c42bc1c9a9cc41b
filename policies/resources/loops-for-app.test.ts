import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadApp, shippedApps } from '../../env/apps/load-app.ts';
import { closedLoopQueries } from '../../env/cluster/live/closed-loop-queries.ts';
import { agentLoopSpec, defaultLoopSpec } from '../reactive/default-specs.ts';
import { closedLoopSpecSchema } from './closed-loop.ts';
import { deliberativeLoopSpecSchema } from './deliberative-loop.ts';
import { loopsForApp, manifestsOf, roundedLoop, shortenedLoop } from './loops-for-app.ts';
import { scalingGroupSpecSchema } from './scaling-group.ts';

const sha256 = 'a'.repeat(64);

describe.each(shippedApps)('the objects for %s', (name) => {
  it('are what the API server takes, at any time scale', async () => {
    const app = await loadApp(name);
    const workloads = app.services.map((service) => service.name);
    const queries = { ...closedLoopQueries('istio', { workloads, rateWindowSeconds: 30 }) };
    fc.assert(
      fc.property(fc.double({ min: 1, max: 1000, noNaN: true }), fc.boolean(), (timeScale, isDefault) => {
        const loop = isDefault ? defaultLoopSpec(app) : agentLoopSpec(app);
        const deliberation = { checkpoint: { configMap: { name: 'checkpoint' }, sha256 }, intervalSeconds: 15 };
        const loops = loopsForApp({ app, loop, namespace: 'shop', queries, deliberation, timeScale });
        // Parsing changes nothing: there is no default left to fill in.
        const { closedLoop, deliberativeLoop, scalingGroup } = loops;
        expect(closedLoopSpecSchema.parse(closedLoop.spec)).toEqual(closedLoop.spec);
        expect(deliberativeLoopSpecSchema.parse(deliberativeLoop?.spec)).toEqual(deliberativeLoop?.spec);
        expect(scalingGroup === undefined).toBe(app.services.length === 1);
        if (scalingGroup) expect(scalingGroupSpecSchema.parse(scalingGroup.spec)).toEqual(scalingGroup.spec);
        expect(closedLoop.spec.targetRef.name).toBe(scalingGroup?.metadata.name ?? app.services[0].name);
        expect(manifestsOf(loops).length).toBe(scalingGroup ? 3 : 2);
      }),
      { numRuns: 30 },
    );
  });

  it('keep the loop’s times in life, and lengthen them by less than a real second where time is faster', async () => {
    const app = await loadApp(name);
    const loop = agentLoopSpec(app);
    expect(shortenedLoop(loop, 1)).toEqual(loop);
    expect(roundedLoop(loop, 1)).toEqual(loop);
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 100 }), (timeScale) => {
        const pairs = [
          (spec: typeof loop) => spec.intervalSeconds,
          (spec: typeof loop) => spec.behavior.scaleUp.rateLimit?.periodSeconds ?? 0,
          (spec: typeof loop) => spec.behavior.scaleDown.stabilizationWindowSeconds,
          (spec: typeof loop) => spec.guardrails.staleAfterSeconds,
        ].map((pick) => [pick(loop), pick(roundedLoop(loop, timeScale)), pick(shortenedLoop(loop, timeScale))]);
        for (const [trained, rounded, real] of pairs) {
          expect(rounded).toBeGreaterThanOrEqual(trained - 1e-6);
          expect(rounded).toBeLessThan(trained + timeScale);
          expect(real * timeScale).toBeCloseTo(rounded, 6);
        }
      }),
    );
  });
});

it('says which metric of the loop has no query', async () => {
  const app = await loadApp('frontend');
  const options = { app, loop: defaultLoopSpec(app), namespace: 'shop' };
  expect(() => loopsForApp({ ...options, queries: { p95: 'x' } })).toThrow(
    /reacts to cpu, for which there is no query/,
  );
});

import { expect, it } from 'vitest';
import { loadApp, shippedApps } from '../../env/apps/load-app.ts';
import { observationBounds } from '../../env/observation/observation-bounds.ts';
import { createDraw } from '../../env/random.ts';
import { createScalingEnv } from '../../env/simulator/scaling-env.ts';
import { createReactiveLoop } from '../../policies/reactive/batched-loop.ts';
import { agentLoopSpec } from '../../policies/reactive/default-specs.ts';

it.each(shippedApps)('observations of %s lie within their bounds, and use them', async (name) => {
  const app = await loadApp(name);
  const lanes = 48;
  const env = createScalingEnv({
    app,
    lanes,
    intervalSeconds: 60,
    createReactiveLoop: (count) => createReactiveLoop({ spec: agentLoopSpec(app), app, lanes: count }),
    episodes: { poolSize: 12 },
    maxEpisodeSteps: 150,
  });
  const bounds = observationBounds(env.observationNames, app);
  // A space is of float32, and so are its bounds.
  const low = Float32Array.from(bounds, (bound) => bound.low);
  const high = Float32Array.from(bounds, (bound) => bound.high);
  const width = bounds.length;
  const least = new Float32Array(width).fill(Number.POSITIVE_INFINITY);
  const most = new Float32Array(width).fill(Number.NEGATIVE_INFINITY);
  const draw = createDraw(1);
  const actions = new Int32Array(lanes * 2);
  env.reset(1);
  for (let t = 0; t < 250; t++) {
    for (let i = 0; i < actions.length; i++) {
      actions[i] = Math.floor(draw.uniform(0, env.actionHeads[i % 2].choices.length));
    }
    const { observations } = env.step(actions);
    for (let i = 0; i < observations.length; i++) {
      const feature = i % width;
      least[feature] = Math.min(least[feature], observations[i]);
      most[feature] = Math.max(most[feature], observations[i]);
    }
  }
  for (const [feature, featureName] of env.observationNames.entries()) {
    const seen = `${featureName} was from ${least[feature]} to ${most[feature]}`;
    expect(least[feature], seen).toBeGreaterThanOrEqual(low[feature]);
    expect(most[feature], seen).toBeLessThanOrEqual(high[feature]);
    // Bounds that are far too wide would squeeze what a learner scales by them. Not every app model fills its memory.
    const span = high[feature] - low[feature];
    if (Number.isFinite(span) && !featureName.startsWith('memory.'))
      expect(most[feature] - least[feature], seen).toBeGreaterThan(span / 20);
  }
});

it('a feature without bounds is named', async () => {
  const app = await loadApp('frontend');
  expect(() => observationBounds(['p95.breach', 'load.novelty'], app)).toThrow(/load\.novelty: its bounds/);
});

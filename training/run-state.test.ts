import { expect, it } from 'vitest';
import { loadApp } from '../env/apps/load-app.ts';
import { networkShape } from '../policies/actor-critic/checkpoint.ts';
import { trainOptionsSchema } from './options.ts';
import { tinyCheckpoint } from './promotion/tiny-checkpoint.fixture.ts';
import { startRun } from './run-state.ts';

const app = await loadApp('frontend');
const from = tinyCheckpoint(3);
const shape = networkShape(from.document);
const options = trainOptionsSchema.parse({ hidden: shape.hidden });

it('a run from another checkpoint begins with its weights and normalisation, and with nothing else of it', () => {
  const run = startRun({ app, options, from, gitCommit: null }, shape);
  expect(run.parameters).toEqual(from.parameters);
  expect(run.parameters).not.toBe(from.parameters);
  expect(Array.from(run.normalisation.mean)).toEqual(from.document.normalisation.mean);
  expect(run).toMatchObject({ segment: 0, environmentSteps: 0, adam: { step: 0 }, trainingCurve: [] });
});

it('refuses one with other layers', () => {
  const wider = { ...shape, hidden: [5] };
  expect(() => startRun({ app, options, from, gitCommit: null }, wider)).toThrow(/hidden layers of 2, this run of 5/);
});

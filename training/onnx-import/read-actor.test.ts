import { describe, expect, it } from 'vitest';
import { likeliestChoice, logSoftmax } from '../../policies/actor-critic/categorical.ts';
import { createNetwork } from '../../policies/actor-critic/network.ts';
import { scaleInputs } from '../../policies/actor-critic/normalisation.ts';
import { actorFile, expected, frontendContract, readActorFile } from './actors.fixture.ts';
import { type ImportedActor, readActor, readModel } from './read-actor.ts';

const { heads, inputs } = frontendContract;
const observations = expected.observations.map((row) => Float32Array.from(row));

function logitsOf(actor: ImportedActor): Float32Array[] {
  const shape = { inputs, heads, hidden: actor.hidden, activations: actor.activations, hasCritic: false };
  const network = createNetwork(shape, actor.parameters);
  return observations.map((observation) => {
    const [scaled, logits] = [new Float32Array(inputs), new Float32Array(network.layout.logits)];
    scaleInputs(actor.inputs, observation, scaled);
    network.actor(scaled, logits);
    return logits;
  });
}

function expectClose(rows: readonly Float32Array[], wanted: readonly (readonly number[])[]): void {
  const differences = rows.flatMap((row, r) => Array.from(row, (value, i) => Math.abs(value - wanted[r][i])));
  expect(differences).toHaveLength(wanted.flat().length);
  expect(Math.max(...differences)).toBeLessThan(1e-5);
}

describe('an imported actor', () => {
  it.each([
    ['sb3-ppo-normalized', [8, 8], ['tanh', 'tanh'], 10],
    ['sb3-a2c-elu', [8, 6, 4], ['elu', 'elu', 'elu'], Number.POSITIVE_INFINITY],
    ['torch-traced', [8, 8], ['tanh', 'tanh'], 10],
    ['torch-captured', [8, 8], ['tanh', 'tanh'], 10],
    ['torch-sigmoid', [6], ['sigmoid'], Number.POSITIVE_INFINITY],
    ['rllib-ppo-filtered', [8, 8], ['relu', 'relu'], 10],
  ])('%s has the logits that onnxruntime computes', (name, hidden, activations, high) => {
    const actor = readActorFile(name);
    expect(actor).toMatchObject({ hidden, activations, given: 'logits', inputs: { high } });
    expectClose(logitsOf(actor), expected.outputs[name][0]);
  });

  it('is found before what was made of its logits: log-probabilities of each head', () => {
    const actor = readActorFile('torch-heads');
    expect(actor.given).toBe('scores');
    const rows = logitsOf(actor);
    for (const row of rows) {
      logSoftmax(row, 0, heads[0]);
      logSoftmax(row, heads[0], heads[1]);
    }
    const [ranks, moves] = expected.outputs['torch-heads'];
    expectClose(
      rows,
      ranks.map((rank, i) => [...rank, ...moves[i]]),
    );
  });

  it("is found before the actions of Stable-Baselines3's documented recipe", () => {
    const actor = readActorFile('sb3-documented');
    expect(actor).toMatchObject({ given: 'choices', inputs: { high: Number.POSITIVE_INFINITY } });
    const choices = logitsOf(actor).map((row) => [
      likeliestChoice(row, 0, heads[0]),
      likeliestChoice(row, heads[0], heads[1]),
    ]);
    expect(choices).toEqual(expected.outputs['sb3-documented'][0]);
  });

  it('can be taken from outputs named by the user', () => {
    const bytes = actorFile('sb3-documented');
    const named = (outputs: string[]) => readActor(readModel(bytes, 'x'), { ...frontendContract, outputs }, 'x');
    const [actions, value] = readModel(bytes, 'x').outputs;
    expect(named([actions]).outputs).toEqual([actions]);
    expect(() => named([value])).toThrow(/gives 1 numbers/);
    expect(() => named(['logits'])).toThrow(/has no output "logits"; its outputs are/);
  });
});

describe('what cannot be imported', () => {
  it.each([
    ['refused-layer-norm', /node "\/1\/LayerNorm.*" \(LayerNormalization\) is not one that Duoloop runs.*MlpPolicy/],
    ['refused-silu', /node "\/1\/Mul" \(Mul\): it combines two computed values/],
    ['refused-float64', /not of float32; export with an observation of torch.float32/],
    ['refused-external-data', /tensor ".*" is not in the file.*external_data=False/],
  ])('%s is refused with what to do', (name, message) => {
    expect(() => readActorFile(name)).toThrow(message);
    expect(() => readActorFile(name)).toThrow(expect.objectContaining({ name: 'UserError' }));
  });

  it.each([
    [{ inputs: 58, heads }, /takes 57 features, an observation of this application has 58/],
    [{ inputs, heads: [4, 7] }, /need 4 \+ 7 = 11 logits, and no output has them: "logits" gives 10 numbers/],
  ])('an actor for another application', (contract, message) => {
    expect(() => readActorFile('sb3-ppo-normalized', contract)).toThrow(message);
  });

  it('an ONNX file of operators that are not known', () => {
    const bytes = actorFile('sb3-ppo-normalized');
    // The version of the only opset import: field 8, {domain: "", version: 17}.
    const at = bytes.lastIndexOf(Buffer.from([0x10, 17]));
    const other = (version: number) =>
      Buffer.concat([bytes.subarray(0, at + 1), Buffer.of(version), bytes.subarray(at + 2)]);
    expect(() => readModel(other(9), 'old.onnx')).toThrow(/old.onnx: its operators are of opset 9, .*opset_version=17/);
    expect(() => readModel(other(90), 'new.onnx')).toThrow(/opset 90/);
    expect(readModel(other(18), 'x').opset).toBe(18);
  });
});

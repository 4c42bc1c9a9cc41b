/** Hostile and damaged files: of bytes that are no ONNX, and of graphs that no exporter writes. */
import fastCheck from 'fast-check';
import { describe, expect, it } from 'vitest';
import { actorFile, frontendContract } from './actors.fixture.ts';
import type { NodeMessage } from './messages.ts';
import type { OnnxModel } from './onnx-model.ts';
import { operators } from './operators.ts';
import { readActor, readModel } from './read-actor.ts';

const runs = 10_000;
const files = ['sb3-ppo-normalized', 'sb3-documented', 'torch-heads', 'torch-captured', 'rllib-ppo-filtered'];
const fraction = fastCheck.nat(1_000_000).map((n) => n / 1_000_001);
const fileBytes = new Map(files.map((file) => [file, actorFile(file)]));
const models = new Map(files.map((file) => [file, readModel(actorFile(file), file)]));
const pick = <T>(values: readonly T[], at: number): T => values[Math.floor(at * values.length)];

/** Real files with bytes replaced, left out or put in, and some cut short. */
const damagedFile = fastCheck
  .record({
    file: fastCheck.constantFrom(...files),
    edits: fastCheck.array(
      fastCheck.record({
        at: fraction,
        remove: fastCheck.oneof({ weight: 4, arbitrary: fastCheck.constant(undefined) }, fastCheck.nat(4)),
        insert: fastCheck.uint8Array({ minLength: 1, maxLength: 4 }),
      }),
      { minLength: 1, maxLength: 4 },
    ),
    length: fastCheck.oneof({ weight: 9, arbitrary: fastCheck.constant(1) }, fraction),
  })
  .map(({ file, edits, length }) => {
    let bytes = fileBytes.get(file) ?? Buffer.of();
    for (const { at, remove, insert } of edits) {
      const from = Math.floor(at * bytes.length);
      bytes = Buffer.concat([bytes.subarray(0, from), insert, bytes.subarray(from + (remove ?? insert.length))]);
    }
    return bytes.subarray(0, Math.ceil(length * bytes.length));
  });

const number = fastCheck.oneof(
  fastCheck.constantFrom(0, -0, 1, -1, 2, 57, 4096, 2 ** 40, -(2 ** 40)),
  fastCheck.double(),
);

/** Real graphs with other operators, inputs, attributes and numbers of outputs in some of their nodes. */
const twistedModel = fastCheck
  .record({
    file: fastCheck.constantFrom(...files),
    twists: fastCheck.array(
      fastCheck.record({
        node: fraction,
        operator: fastCheck.option(fastCheck.constantFrom(...Object.keys(operators)), { nil: undefined }),
        inputs: fastCheck.option(fastCheck.array(fraction, { maxLength: 5 }), { nil: undefined }),
        attribute: fastCheck.option(
          fastCheck.record({
            name: fastCheck.constantFrom(
              'axis',
              'axes',
              'alpha',
              'beta',
              'transA',
              'transB',
              'to',
              'split',
              'keepdims',
              'min',
            ),
            value: number,
            list: fastCheck.array(number, { maxLength: 3 }),
          }),
          { nil: undefined },
        ),
        outputs: fastCheck.option(fastCheck.nat(4), { nil: undefined }),
      }),
      { minLength: 1, maxLength: 5 },
    ),
  })
  .map(({ file, twists }): OnnxModel => {
    const model = models.get(file) ?? readModel(actorFile(file), file);
    const names = [
      ...model.constants.keys(),
      ...model.nodes.flatMap(({ output }) => output),
      '',
      'observation',
      'absent',
    ];
    const nodes: NodeMessage[] = [...model.nodes];
    for (const { node: at, operator, inputs, attribute, outputs } of twists) {
      const index = Math.floor(at * nodes.length);
      const node = nodes[index];
      const value = attribute && { f: attribute.value, i: attribute.value, t: null };
      const other = attribute && { ...value, name: attribute.name, floats: attribute.list, ints: attribute.list };
      nodes[index] = {
        ...node,
        opType: operator ?? node.opType,
        input: inputs?.map((each) => pick(names, each)) ?? node.input,
        attribute: other ? [other as NodeMessage['attribute'][number], ...node.attribute] : node.attribute,
        output: outputs === undefined ? node.output : [...node.output, ...names.slice(-outputs)].slice(0, outputs),
      };
    }
    return { ...model, nodes };
  });

function expectSound(read: () => ReturnType<typeof readActor>, outcomes: { actors: number; refused: number }): void {
  try {
    const { parameters, inputs } = read();
    outcomes.actors++;
    expect(parameters.every(Number.isFinite) && Array.from(inputs.scale).every(Number.isFinite)).toBe(true);
  } catch (error) {
    outcomes.refused++;
    expect(error).toMatchObject({ name: 'UserError' });
  }
}

describe('an actor of finite weights or a UserError, and nothing else, comes', () => {
  it.each([
    [
      'of any bytes',
      damagedFile.map((bytes) => () => readActor(readModel(bytes, 'fuzzed'), frontendContract, 'fuzzed')),
    ],
    ['of any graph', twistedModel.map((model) => () => readActor(model, frontendContract, 'fuzzed'))],
  ])('%s', (_what, reading) => {
    const outcomes = { actors: 0, refused: 0 };
    fastCheck.assert(
      fastCheck.property(reading, (read) => expectSound(read, outcomes)),
      { numRuns: runs, seed: 6 },
    );
    console.info(`${runs} cases: ${outcomes.actors} still actors, ${outcomes.refused} refused`);
    // Else nearly all end at the same check, or nothing was damaged.
    expect(Math.min(outcomes.actors, outcomes.refused)).toBeGreaterThan(runs / 20);
  });
});

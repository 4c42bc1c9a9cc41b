import { PassThrough, Writable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadApp } from '../../env/apps/load-app.ts';
import { createScalingEnv } from '../../env/simulator/scaling-env.ts';
import { createReactiveLoop } from '../../policies/reactive/batched-loop.ts';
import { agentLoopSpec } from '../../policies/reactive/default-specs.ts';
import { createRequestReader, handshakeOf } from './protocol.ts';
import { serveEnv } from './serve-env.ts';

const lanes = 3;
const app = await loadApp('frontend');
const createEnv = () =>
  createScalingEnv({
    app,
    lanes,
    intervalSeconds: 15,
    createReactiveLoop: (count) => createReactiveLoop({ spec: agentLoopSpec(app), app, lanes: count }),
    maxEpisodeSteps: 4,
  });
const env = createEnv();
const handshake = handshakeOf({ env, app, secondsPerStep: 15, episodeSteps: 4 });
const words = (...values: number[]) => new Uint8Array(Int32Array.from(values).buffer);
const reset = (seed: number) => words(1, seed | 0);
const step = (...actions: number[]) => words(2, actions.length, ...actions);
const hold = [0, 6, 0, 6, 0, 6];

/** Serves what is sent, chunk by chunk, and resolves to the handshake and the frames that came back. */
async function serve(chunks: readonly Uint8Array[]) {
  const input = new PassThrough();
  const received: Buffer[] = [];
  const output = new Writable({
    write(chunk, _encoding, done) {
      // As slow as a reader may be: the frame has to stay as it is until it is taken.
      setImmediate(() => {
        received.push(Buffer.from(chunk));
        done();
      });
    },
  });
  const serving = serveEnv({ env, handshake, input, output });
  for (const chunk of chunks) input.write(chunk);
  input.end();
  const error = await serving.catch((thrown: Error) => thrown);
  const bytes = Buffer.concat(received);
  const end = bytes.indexOf('\n') + 1;
  const frames: { kind: number; payload: Buffer }[] = [];
  for (let at = end; at < bytes.length; ) {
    const size = bytes.readInt32LE(at + 4);
    frames.push({ kind: bytes.readInt32LE(at), payload: bytes.subarray(at + 8, at + 8 + size) });
    at += 8 + size;
  }
  return { error, greeting: JSON.parse(bytes.toString('utf8', 0, end)), frames };
}

describe('serve-env', () => {
  it('says first what it is, and bounds that are those of the spaces', async () => {
    const { greeting, frames } = await serve([]);
    expect(frames).toEqual([]);
    expect(greeting).toMatchObject({ protocol: 'duoloop-env', version: 1, lanes, secondsPerStep: 15, episodeSteps: 4 });
    expect(greeting.observations.map(({ name }: { name: string }) => name)).toEqual(env.observationNames);
    expect(greeting.observations).toContainEqual({ name: 'load.trough1800s', low: null, high: null });
    expect(greeting.terms).toEqual(['cost', 'violation', 'churn']);
  });

  it('answers as the environment does, whatever pieces the requests come in', async () => {
    const requests = Buffer.concat([reset(-5), ...Array.from({ length: 5 }, () => step(...hold)), reset(1)]);
    const whole = await serve([requests]);
    expect(whole.frames.map(({ kind }) => kind)).toEqual([1, 2, 2, 2, 2, 2, 1]);
    const reference = createEnv();
    // Seeds are without sign.
    expect(whole.frames[0].payload).toEqual(bytesOf(reference.reset(2 ** 32 - 5)));
    for (let t = 1; t <= 5; t++) {
      const { payload } = whole.frames[t];
      const { observations, rewards, terms, finalObservations, terminated, truncated } = reference.step(
        Int32Array.from(hold),
      );
      const finals = t === 4 ? [finalObservations] : [];
      const floats = [observations, rewards, terms.cost, terms.violation, terms.churn, ...finals].map(bytesOf);
      expect(payload).toEqual(Buffer.concat([...floats, terminated, truncated]));
    }
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: requests.length - 1 }), { maxLength: 12 }), async (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), requests.length];
        const pieces = at.slice(1).map((end, i) => requests.subarray(at[i], end));
        expect(await serve(pieces)).toEqual(whole);
      }),
      { numRuns: 30 },
    );
  });

  it('refuses an action that is none, and a step before the first reset, and goes on', async () => {
    const { error, frames } = await serve([
      step(...hold),
      reset(1),
      step(0, 6, 3, 6, 0, 6),
      step(0, 6, 0, 7, 0, 6),
      step(...hold),
    ]);
    expect(error).toBeUndefined();
    expect(frames.map(({ kind }) => kind)).toEqual([3, 1, 3, 3, 2]);
    const reasons = [0, 2, 3].map((i) => frames[i].payload.toString());
    expect(reasons[0]).toMatch(/before the first reset/);
    expect(reasons[1]).toBe('action 3 of lane 1 for raiseRank: its choices are 0 to 2');
    expect(reasons[2]).toBe('action 7 of lane 1 for moveSetPoint: its choices are 0 to 6');
  });

  it.each([
    ['an unknown request', words(7, 0), /request 7 is not known/],
    ['a step of another size', step(0, 6), /a step has 2 actions, 6 are needed/],
    ['a step of a size that is none', words(2, -1), /a step has -1 actions/],
    ['an end in the midst of a request', step(...hold).subarray(0, 17), /ended within a request, after 17/],
  ])('ends at %s, and says why', async (_what, request, reason) => {
    const { error, frames } = await serve([reset(1), request]);
    expect(error).toMatchObject({ name: 'UserError', code: 'env.frame', message: expect.stringMatching(reason) });
    expect(frames.map(({ kind }) => kind)).toEqual([1, 3]);
    expect(frames[1].payload.toString()).toMatch(reason);
  });

  it('takes no bytes for a request that are none', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 }), (chunks) => {
        const reader = createRequestReader(6);
        const sent = Buffer.concat(chunks);
        let consumed = 0;
        try {
          for (const chunk of chunks) {
            for (const request of reader.read(chunk)) {
              expect(sent.readInt32LE(consumed)).toBe(request.kind === 'reset' ? 1 : 2);
              consumed += request.kind === 'reset' ? 8 : 32;
            }
          }
          reader.end();
          expect(consumed).toBe(sent.length);
        } catch (error) {
          expect(error).toMatchObject({ code: 'env.frame' });
        }
      }),
      { numRuns: 10_000 },
    );
  });
});

const bytesOf = (values: Float32Array) =>
  Buffer.from(values.buffer.slice(values.byteOffset, values.byteOffset + values.byteLength));

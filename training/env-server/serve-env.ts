/** Answers a client's requests to an environment, one after another, until the client has no more. */
import type { Readable, Writable } from 'node:stream';
import type { ActionHead } from '../../env/contract.ts';
import { UserError } from '../../env/errors.ts';
import type { ScalingEnv } from '../../env/simulator/scaling-env.ts';
import { createRequestReader, type EnvRequest, type Handshake } from './protocol.ts';
import { createReplyFrames } from './reply-frames.ts';

export interface ServeEnvOptions {
  readonly env: ScalingEnv;
  readonly handshake: Handshake;
  readonly input: Readable;
  readonly output: Writable;
}

/**
 * Resolves when the input ends, which is how a client says goodbye, and how its death shows.
 * @throws UserError `env.frame` when the client sends what is no request: nothing after it could be understood
 */
export async function serveEnv({ env, handshake, input, output }: ServeEnvOptions): Promise<void> {
  const heads = env.actionHeads;
  const reader = createRequestReader(env.lanes * heads.length);
  const frames = createReplyFrames(env, handshake.terms);
  let started = false;

  function answer(request: EnvRequest): Uint8Array {
    if (request.kind === 'reset') {
      started = true;
      return frames.reset(env.reset(request.seed));
    }
    const refusal = started ? impossibleAction(reader.actions, heads) : 'step before the first reset';
    return refusal === undefined ? frames.step(env.step(reader.actions)) : frames.failure(refusal);
  }

  // The frames share a buffer: the next may be made only once this one is out.
  const send = (bytes: Uint8Array | string) =>
    new Promise<void>((resolve, reject) => {
      output.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
  await send(`${JSON.stringify(handshake)}\n`);
  try {
    for await (const chunk of input) for (const request of reader.read(chunk)) await send(answer(request));
    reader.end();
  } catch (error) {
    if (error instanceof UserError) await send(frames.failure(error.message));
    throw error;
  }
}

/** Why an action cannot be taken; undefined when all can. */
function impossibleAction(actions: Int32Array, heads: readonly ActionHead[]): string | undefined {
  for (let i = 0; i < actions.length; i++) {
    const { name, choices } = heads[i % heads.length];
    if (actions[i] >= 0 && actions[i] < choices.length) continue;
    const lane = Math.floor(i / heads.length);
    return `action ${actions[i]} of lane ${lane} for ${name}: its choices are 0 to ${choices.length - 1}`;
  }
  return undefined;
}

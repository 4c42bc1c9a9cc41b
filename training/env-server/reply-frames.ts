/** Writes an environment's answers into one buffer, which every frame is a part of. */
import type { VectorEnv, VectorStep } from '../../env/contract.ts';
import { frameKind, headerBytes } from './protocol.ts';

export interface ReplyFrames {
  /** Each is valid until the next is asked for. */
  reset(observations: Float32Array): Uint8Array;
  step(step: VectorStep): Uint8Array;
  failure(reason: string): Uint8Array;
}

/** @param terms names of the reward's terms, in the order in which they are sent */
export function createReplyFrames({ lanes, observationNames }: VectorEnv, terms: readonly string[]): ReplyFrames {
  const width = observationNames.length;
  const observationFloats = lanes * width;
  const fixedFloats = observationFloats + lanes * (1 + terms.length);
  const flagBytes = 2 * lanes;
  const buffer = new ArrayBuffer(headerBytes + 4 * (fixedFloats + observationFloats) + flagBytes);
  const header = new Int32Array(buffer, 0, 2);
  const floats = new Float32Array(buffer, headerBytes, fixedFloats + observationFloats);
  const bytes = new Uint8Array(buffer);

  function frame(kind: number, payloadBytes: number): Uint8Array {
    header[0] = kind;
    header[1] = payloadBytes;
    return bytes.subarray(0, headerBytes + payloadBytes);
  }

  return {
    reset(observations) {
      floats.set(observations);
      return frame(frameKind.reset, 4 * observationFloats);
    },
    step({ observations, rewards, terminated, truncated, finalObservations, terms: values }) {
      floats.set(observations);
      floats.set(rewards, observationFloats);
      let at = observationFloats + lanes;
      for (const term of terms) {
        floats.set(values[term], at);
        at += lanes;
      }
      for (let lane = 0; lane < lanes; lane++) {
        if (terminated[lane] === 0 && truncated[lane] === 0) continue;
        floats.set(finalObservations.subarray(lane * width, (lane + 1) * width), at);
        at += width;
      }
      bytes.set(terminated, headerBytes + 4 * at);
      bytes.set(truncated, headerBytes + 4 * at + lanes);
      return frame(frameKind.step, 4 * at + flagBytes);
    },
    failure(reason) {
      const { written } = new TextEncoder().encodeInto(reason, bytes.subarray(headerBytes));
      return frame(frameKind.failure, written);
    },
  };
}

/**
 * What `duoloop serve-env` and its client say to each other over a pipe. The server begins with one line of JSON, the
 * handshake. Then the client sends requests and the server answers each, both in 32-bit words of this machine's byte
 * order, since a pipe does not leave it:
 *
 *     reset   1, seed                      →  1, bytes, observations
 *     step    2, count, actions[count]     →  2, bytes, observations, rewards, terms, final observations of the lanes
 *                                                       that ended, terminated (a byte a lane), truncated (a byte a lane)
 *     anything that cannot be done         →  3, bytes, why (UTF-8)
 *
 * Observations are float32, lane-major; `terms` is one row of lanes for each term. The end of input ends the server.
 */
import { endianness } from 'node:os';
import type { AppModel } from '../../env/apps/app-model.ts';
import { UserError } from '../../env/errors.ts';
import { observationBounds } from '../../env/observation/observation-bounds.ts';
import { rewardTermNames } from '../../env/reward/reward.ts';
import type { ScalingEnv } from '../../env/simulator/scaling-env.ts';

export const protocolName = 'duoloop-env';
/** Raised whenever an old client would misread a new server. */
export const protocolVersion = 1;

export const frameKind = { reset: 1, step: 2, failure: 3 } as const;

export const headerBytes = 8;

export interface Handshake {
  readonly protocol: typeof protocolName;
  readonly version: number;
  readonly byteOrder: 'LE' | 'BE';
  readonly app: string;
  readonly lanes: number;
  /** Seconds of simulated time per step. */
  readonly secondsPerStep: number;
  /** An episode is cut off after so many steps at the latest. */
  readonly episodeSteps: number;
  /** Null where a feature has no bound on that side. */
  readonly observations: readonly {
    readonly name: string;
    readonly low: number | null;
    readonly high: number | null;
  }[];
  readonly actions: readonly { readonly name: string; readonly choices: readonly string[] }[];
  readonly terms: readonly string[];
}

export interface HandshakeOptions {
  readonly env: ScalingEnv;
  readonly app: AppModel;
  readonly secondsPerStep: number;
  readonly episodeSteps: number;
}

export function handshakeOf({ env, app, secondsPerStep, episodeSteps }: HandshakeOptions): Handshake {
  const bounds = observationBounds(env.observationNames, app);
  const finite = (value: number) => (Number.isFinite(value) ? value : null);
  return {
    protocol: protocolName,
    version: protocolVersion,
    byteOrder: endianness(),
    app: app.name,
    lanes: env.lanes,
    secondsPerStep,
    episodeSteps,
    observations: env.observationNames.map((name, i) => ({
      name,
      low: finite(bounds[i].low),
      high: finite(bounds[i].high),
    })),
    actions: env.actionHeads,
    terms: rewardTermNames,
  };
}

export type EnvRequest = { readonly kind: 'reset'; readonly seed: number } | { readonly kind: 'step' };

/** Cuts a stream into requests; a step's actions are left in `actions`, overwritten by the next. */
export interface RequestReader {
  readonly actions: Int32Array;
  /** Requests that are complete with `chunk`. @throws UserError `env.frame` for what is no request */
  read(chunk: Uint8Array): Generator<EnvRequest>;
  /** @throws UserError `env.frame` when the stream ended within a request */
  end(): void;
}

export function createRequestReader(actionCount: number): RequestReader {
  const words = new Int32Array(2 + actionCount);
  const bytes = new Uint8Array(words.buffer);
  let have = 0;
  return {
    actions: words.subarray(2),
    *read(chunk) {
      for (let at = 0; at < chunk.length; ) {
        const wanted = have < headerBytes ? headerBytes : bytes.length;
        const taken = Math.min(wanted - have, chunk.length - at);
        bytes.set(chunk.subarray(at, at + taken), have);
        at += taken;
        have += taken;
        if (have < wanted) continue;
        const [kind, value] = words;
        if (kind === frameKind.step && value !== actionCount) {
          throw new UserError(
            'env.frame',
            `a step has ${value} actions, ${actionCount} are needed: one per lane and head`,
          );
        }
        if (kind === frameKind.step && have < bytes.length) continue;
        if (kind !== frameKind.step && kind !== frameKind.reset) {
          throw new UserError('env.frame', `request ${kind} is not known; 1 is reset, 2 is step`);
        }
        have = 0;
        yield kind === frameKind.reset ? { kind: 'reset', seed: value >>> 0 } : { kind: 'step' };
      }
    },
    end() {
      if (have > 0) throw new UserError('env.frame', `input ended within a request, after ${have} of its bytes`);
    },
  };
}

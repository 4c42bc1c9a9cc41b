/** Tells deliberations what load their new closed loops had before. */
import type { ObservedSystem } from '../../env/ports.ts';
import type { ModelClock } from '../../policies/deliberation/model-clock.ts';
import { pastLoadRequest, pastLoads } from '../../policies/deliberation/past-load.ts';
import type { ObservationSource } from '../../policies/resources/deliberative-loop.ts';
import type { AgentContext } from '../contract.ts';
import { withDeadline } from '../runtime/deadline.ts';
import type { Measure } from './measure.ts';
import type { Track } from './tuner.ts';

export interface BackfillRequest {
  readonly track: Track;
  readonly observation: ObservationSource;
  /** All that the track decides for. */
  readonly systems: readonly ObservedSystem[];
}

export type Backfill = (requests: readonly BackfillRequest[], signal: AbortSignal) => Promise<void>;

/** Requests that one answer serves. */
interface Batch {
  readonly observation: ObservationSource;
  readonly intervalSeconds: number;
  readonly historySeconds: number;
  readonly wanted: { readonly track: Track; readonly systems: readonly ObservedSystem[] }[];
}

/** After this, decisions begin without: what the policy then knows less of comes with time. */
const deadlineSeconds = 5;

export function createBackfill(
  measure: Pick<Measure, 'past'>,
  clock: ModelClock,
  { logger, now }: Pick<AgentContext, 'logger' | 'now'>,
): Backfill {
  async function fill({ observation, intervalSeconds, historySeconds, wanted }: Batch, signal: AbortSignal) {
    const range = pastLoadRequest({ intervalSeconds, historySeconds }, clock, now());
    const systems = [...new Map(wanted.flatMap((each) => each.systems.map((system) => [system.key, system]))).values()];
    const loops = systems.length;
    try {
      const found = await withDeadline('reading the load of the past', deadlineSeconds, signal, (within) =>
        measure.past({ observation, systems }, range, within),
      );
      for (const { track, systems: own } of wanted) {
        for (const { key } of own) {
          const loads = pastLoads(found.get(key) ?? [], clock);
          if (loads.length > 0) track.deliberation?.remember(key, loads);
        }
      }
      logger.debug({ loops, remembered: found.size }, 'load of the past read');
    } catch (error) {
      signal.throwIfAborted();
      logger.warn({ loops, error: (error as Error).message }, 'deciding without the load of the past');
    }
  }

  return async (requests, signal) => {
    const batches = new Map<string, Batch>();
    for (const { track, observation, systems } of requests) {
      const fresh = newcomers(track, systems);
      const { deliberation } = track;
      if (deliberation === undefined || fresh.length === 0) continue;
      const { intervalSeconds, historySeconds } = deliberation;
      const key = JSON.stringify([observation.preset, observation.queries, intervalSeconds, historySeconds]);
      const batch = batches.get(key) ?? { observation, intervalSeconds, historySeconds, wanted: [] };
      batches.set(key, batch);
      batch.wanted.push({ track, systems: fresh });
    }
    for (const batch of batches.values()) await fill(batch, signal);
  };
}

/**
 * Those that the track's deliberation has not been told of. Each is told once, also when that fails: told later, it would
 * replace what was observed meanwhile.
 */
function newcomers(track: Track, systems: readonly ObservedSystem[]): ObservedSystem[] {
  const { deliberation, remembered } = track;
  const known = remembered !== undefined && remembered.by === deliberation ? remembered.keys : new Set<string>();
  track.remembered = { by: deliberation, keys: new Set(systems.map(({ key }) => key)) };
  return systems.filter(({ key }) => !known.has(key));
}

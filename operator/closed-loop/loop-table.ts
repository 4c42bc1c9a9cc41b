/** The closed loops that this process runs, found by key, by interval and by what they scale. */

import type { LoopDecision } from '../../policies/reactive/decide.ts';
import { byAge } from '../../policies/resources/age.ts';
import type { TargetRef } from '../../policies/resources/resource.ts';
import { targetKey } from '../workloads/target-key.ts';
import type { LoopTable, RunningLoop } from './contract.ts';

/** The table as its owner, the controller, sees it. */
export interface OwnedLoopTable extends LoopTable {
  /** Adds a loop or puts it in the place of the one with its key. */
  put(loop: RunningLoop): void;
  remove(key: string): void;
  /** Intervals in use, seconds. */
  intervals(): Iterable<number>;
  ofInterval(intervalSeconds: number): RunningLoop[];
  /** The loop that was there first among those on this target; by name when made in the same second. */
  firstOn(namespace: string, target: TargetRef): RunningLoop | undefined;
  /** Tells the listeners. One that throws does not keep the others from hearing of it. */
  announce(loop: RunningLoop, decision: LoopDecision): void;
}

type DecisionListener = (loop: RunningLoop, decision: LoopDecision) => void;

export function createLoopTable(onListenerError: (error: unknown) => void = () => {}): OwnedLoopTable {
  const loops = new Map<string, RunningLoop>();
  const byInterval = new Index<number>();
  const byTarget = new Index<string>();
  const listeners: DecisionListener[] = [];
  const targetOf = ({ object, spec }: RunningLoop) => targetKey(object.metadata.namespace ?? '', spec.targetRef);

  function remove(key: string): void {
    const loop = loops.get(key);
    if (loop === undefined) return;
    loops.delete(key);
    byInterval.remove(loop.spec.intervalSeconds, key);
    byTarget.remove(targetOf(loop), key);
  }
  const found = (keys: Iterable<string>) => [...keys].map((key) => loops.get(key)).filter((loop) => loop !== undefined);

  return {
    get: (key) => loops.get(key),
    list: () => [...loops.values()],
    change(key, change) {
      const loop = loops.get(key);
      if (loop !== undefined) loops.set(key, { ...loop, ...change });
    },
    onDecision: (listener) => void listeners.push(listener),
    put(loop) {
      remove(loop.key);
      loops.set(loop.key, loop);
      byInterval.add(loop.spec.intervalSeconds, loop.key);
      byTarget.add(targetOf(loop), loop.key);
    },
    remove,
    intervals: () => byInterval.values(),
    ofInterval: (intervalSeconds) => found(byInterval.keysOf(intervalSeconds)),
    firstOn: (namespace, target) =>
      found(byTarget.keysOf(targetKey(namespace, target))).sort((a, b) => byAge(a.object, b.object))[0],
    announce(loop, decision) {
      for (const listener of listeners) {
        try {
          listener(loop, decision);
        } catch (error) {
          onListenerError(error);
        }
      }
    },
  };
}

/** Keys under a value; a value without keys is dropped. */
class Index<Value> {
  readonly #keys = new Map<Value, Set<string>>();

  add(value: Value, key: string): void {
    const keys = this.#keys.get(value);
    if (keys === undefined) this.#keys.set(value, new Set([key]));
    else keys.add(key);
  }

  remove(value: Value, key: string): void {
    const keys = this.#keys.get(value);
    keys?.delete(key);
    if (keys?.size === 0) this.#keys.delete(value);
  }

  keysOf(value: Value): Iterable<string> {
    return this.#keys.get(value) ?? [];
  }

  values(): Iterable<Value> {
    return this.#keys.keys();
  }
}

/** Processes that take turns in an order that a test draws: one goes on while all others stand still. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Draw } from '../../env/random.ts';

export interface Turns {
  /** Begins a process; it awaits its turn wherever it calls `turn`. */
  begin(work: (turn: () => Promise<void>) => Promise<void>): void;
  /** Lets them go on until all have ended. */
  run(): Promise<void>;
}

/** Turns in a row, so that others stand still for a moment or for long. */
const bursts = [1, 1, 4, 30, 300];

export function createTurns(draw: Draw): Turns {
  const processes: { waiting: (() => void)[]; hasEnded: boolean }[] = [];
  const failures: unknown[] = [];
  return {
    begin(work) {
      const process: (typeof processes)[number] = { waiting: [], hasEnded: false };
      processes.push(process);
      const turn = () =>
        new Promise<void>((resolve) => {
          // More than one where a process has several calls under way.
          process.waiting.push(resolve);
        });
      void turn()
        .then(() => work(turn))
        .catch((error) => failures.push(error))
        .finally(() => {
          process.hasEnded = true;
        });
    },
    async run() {
      for (;;) {
        const living = processes.filter(({ hasEnded }) => !hasEnded);
        if (living.length === 0) break;
        const process = living[Math.floor(draw.uniform(0, living.length))];
        const burst = bursts[Math.floor(draw.uniform(0, bursts.length))];
        for (let turn = 0; turn < burst && !process.hasEnded; turn++) {
          process.waiting.shift()?.();
          do await nextTurn();
          while (process.waiting.length === 0 && !process.hasEnded);
        }
      }
      if (failures.length > 0) throw failures[0];
    },
  };
}

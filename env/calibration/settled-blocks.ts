/**
 * A history averaged over blocks of steps in which nothing scales. A curve is fitted against measured load, and where that
 * is noisy the fit is too flat (regression dilution); the mean of some minutes has less noise and still belongs to one load.
 */
import { median } from 'simple-statistics';
import { emptyServiceHistory, type History, measurementNames, type ServiceHistory } from './history.ts';
import { isMeasured, settlingSteps, steadySteps } from './steady-steps.ts';

export interface SettledBlocks {
  /** A step for each block; rates settle within one. */
  readonly history: History;
  /** Per service, 1 for each block of which every step is steady. */
  readonly steady: readonly Uint8Array[];
  readonly stepsPerBlock: number;
}

const lengths = [1, 2, 4, 8];
/** Longer blocks are not worth having fewer. */
const fewestBlocks = 240;
const smallestShareKept = 0.5;

/** The longest blocks whose means still differ less from one to the next than those of shorter ones do. */
export function settledBlocks(history: History): SettledBlocks {
  const settling = settlingSteps(history);
  const steady = history.services.map((service) => steadySteps(service, settling));
  let best = averaged(history, steady, 1);
  let leastChange = loadChange(best);
  const kept = stepsKept(best);
  for (const length of lengths.slice(1)) {
    const blocks = averaged(history, steady, length);
    if (stepsKept(blocks) < Math.max(smallestShareKept * kept, fewestBlocks * length)) break;
    const change = loadChange(blocks);
    if (!(change < leastChange)) break;
    [best, leastChange] = [blocks, change];
  }
  return best;
}

/** 1 for each block that is steady for all of the services. */
export function steadyForAll({ steady }: SettledBlocks, services: readonly number[]): Uint8Array {
  return steady[0].map((_, block) => (services.every((service) => steady[service][block] === 1) ? 1 : 0));
}

const stepsKept = ({ steady: [entry], stepsPerBlock }: SettledBlocks) =>
  entry.reduce((sum, one) => sum + one, 0) * stepsPerBlock;

/** Median change of the entry's load from one steady block to the next, relative. */
function loadChange({ history, steady: [entry] }: SettledBlocks): number {
  const load = history.services[0].requestsPerSecond;
  const changes: number[] = [];
  for (let block = 1; block < entry.length; block++) {
    if (entry[block] !== 1 || entry[block - 1] !== 1 || !(load[block] > 0) || !(load[block - 1] > 0)) continue;
    changes.push(Math.abs(load[block] / load[block - 1] - 1));
  }
  return changes.length > 0 ? median(changes) : Number.POSITIVE_INFINITY;
}

function averaged(history: History, steady: readonly Uint8Array[], stepsPerBlock: number): SettledBlocks {
  const blocks = Math.floor(history.steps / stepsPerBlock);
  const all = (marked: Uint8Array) =>
    Uint8Array.from({ length: blocks }, (_, block) =>
      marked.subarray(block * stepsPerBlock, (block + 1) * stepsPerBlock).every((one) => one === 1) ? 1 : 0,
    );
  return {
    stepsPerBlock,
    steady: steady.map(all),
    history: {
      ...history,
      stepSeconds: history.stepSeconds * stepsPerBlock,
      steps: blocks,
      services: history.services.map((service) => averagedService(service, blocks, stepsPerBlock)),
    },
  };
}

function averagedService(service: ServiceHistory, blocks: number, stepsPerBlock: number): ServiceHistory {
  const result = emptyServiceHistory(service.name, blocks);
  for (const name of measurementNames) {
    for (let block = 0; block < blocks; block++) {
      let sum = 0;
      let count = 0;
      for (let step = block * stepsPerBlock; step < (block + 1) * stepsPerBlock; step++) {
        if (!isMeasured(service[name][step])) continue;
        sum += service[name][step];
        count++;
      }
      // Half of a block stands for it; less is a gap.
      if (2 * count >= stepsPerBlock) result[name][block] = sum / count;
    }
  }
  return result;
}

/**
 * The part of an application that a visit of one of its services passes through, at the steps of a history at once: the
 * simulator's own kernel says what p95 and how many requests in flight a set of demands would have given there.
 */
import type { AppModel, QueueingServing } from '../apps/app-model.ts';
import { createQueueingKernel } from '../simulator/queueing.ts';
import type { ServingOutput } from '../simulator/serving-kernel.ts';
import type { History } from './history.ts';

export type ServiceDemand = QueueingServing['demands'][number];

export interface ApplicationPart {
  /** Indices into the application's services: the root and all that it calls, directly or not. */
  readonly members: readonly number[];
  /** @param demands of all services of the application */
  run(demands: readonly ServiceDemand[]): PartOutcome;
}

export interface PartOutcome {
  /** Of a visit of the root, per step. */
  readonly p95Milliseconds: Float32Array;
  /** Requests in a pod of each member at a time: `inFlight[member][step]`. */
  readonly inFlight: readonly Float32Array[];
}

/** What a draft of an app model has in places that the kernel does not read. */
const unread = {
  version: 1,
  name: 'draft',
  description: '',
  source: '',
  slaP95Milliseconds: 1,
  nominalLoad: 1,
  coldStartSeconds: 0,
  metricLagSeconds: 0,
  metricAveragingSeconds: 0,
  minGroupSize: 1,
  maxGroupSize: 1,
} as const;
/** Makes the kernel tell by its memory how many requests are in flight, far from its ceiling of 100 %. */
const memoryPerRequest = 1e-3;

export function membersBelow(calls: QueueingServing['calls'], root: number, services: number): number[] {
  const members = [root];
  // Calls go forward in the list, so that one pass in its order reaches everything.
  for (let service = root + 1; service < services; service++) {
    if (calls.some(({ from, to }) => to === service && members.includes(from))) members.push(service);
  }
  return members;
}

/** @param history services in the order that `calls` refers to */
export function createApplicationPart(
  history: History,
  calls: QueueingServing['calls'],
  root: number,
  steps: readonly number[],
): ApplicationPart {
  const members = membersBelow(calls, root, history.services.length);
  const lanes = steps.length;
  const ofPart = calls
    .filter(({ from }) => members.includes(from))
    .map((call) => ({ ...call, from: members.indexOf(call.from), to: members.indexOf(call.to) }));
  const visits = new Float64Array(members.length);
  visits[0] = 1;
  for (const call of ofPart.sort((a, b) => a.from - b.from)) visits[call.to] += visits[call.from] * call.perVisit;
  const load = Float32Array.from(steps, (step) => history.services[root].requestsPerSecond[step]);
  // Others may call a member too: of its pods the part has the share that serves its visits, so that each pod is as busy
  // as it was seen to be. Such a share is a fraction, which the kernel's arithmetic takes although its type says integers.
  const pods = new Float64Array(members.length * lanes);
  for (const [m, member] of members.entries()) {
    const { requestsPerSecond, readyPods } = history.services[member];
    for (const [lane, step] of steps.entries()) {
      pods[m * lanes + lane] = readyPods[step] * ((load[lane] * visits[m]) / requestsPerSecond[step]);
    }
  }
  const second = new Float64Array(lanes);
  const one = new Float32Array(lanes).fill(1);
  return {
    members,
    run(demands) {
      const app: AppModel = {
        ...unread,
        services: members.map((_, m) => ({ name: `s${m}`, minReplicas: 1, maxReplicas: 1, ratio: 1 })),
        serving: servingOf(
          members.map((member) => ({
            ...demands[member],
            memoryIdlePercent: 0,
            memoryPercentPerRps: 0,
            memoryPercentPerRequest: memoryPerRequest,
          })),
          ofPart,
        ),
      };
      const size = members.length * lanes;
      const out: ServingOutput = {
        p95Milliseconds: new Float32Array(lanes),
        requestsPerSecond: new Float32Array(size),
        cpuPercent: new Float32Array(size),
        memory: new Float32Array(size),
      };
      createQueueingKernel(app, lanes, 5).tick(second, load, one, pods as unknown as Int32Array, one, out);
      return {
        p95Milliseconds: out.p95Milliseconds,
        inFlight: members.map((_, m) =>
          out.memory.slice(m * lanes, (m + 1) * lanes).map((memory) => memory / memoryPerRequest),
        ),
      };
    },
  };
}

/** What of a queueing model a history does not tell, at its usual values. */
export function servingOf(demands: ServiceDemand[], calls: QueueingServing['calls']): QueueingServing {
  return {
    kind: 'queueing',
    demands,
    calls,
    memoryPressure: { abovePercent: 80, slowdownAtFull: 2 },
    timeoutSeconds: 10,
    mix: [],
  };
}

/**
 * p95 of a visit of each service with all that it calls. The simulator's kernel tells it of the entry alone, so every
 * further service gets a kernel of its own in which it is the entry: the same model, on the part of the graph below it.
 */
import type { AppModel } from '../../apps/app-model.ts';
import { createQueueingKernel, visitsPerRequest } from '../../simulator/queueing.ts';
import type { ServingOutput } from '../../simulator/serving-kernel.ts';

export interface VisitLatency {
  /** Plays one tick and gives p95 per service, milliseconds; the entry's is `entryP95`. The array is reused. */
  tick(input: TickInput, entryP95: number): Float64Array;
}

/** What a tick of the application has; arrays as the kernel takes them, for one lane. */
export interface TickInput {
  readonly second: Float64Array;
  readonly load: Float32Array;
  readonly capacity: Float32Array;
  readonly ready: Int32Array;
  readonly memorySize: Float32Array;
}

export function createVisitLatency(app: AppModel, tickSeconds: number): VisitLatency {
  const p95 = new Float64Array(app.services.length);
  const parts =
    app.serving.kind === 'queueing' ? app.services.slice(1).map((_, i) => createPart(app, i + 1, tickSeconds)) : [];
  return {
    tick(input, entryP95) {
      p95[0] = entryP95;
      for (const [i, part] of parts.entries()) p95[i + 1] = part(input);
      return p95;
    },
  };
}

/** The part of the application that a visit of `root` passes through. */
function createPart(app: AppModel, root: number, tickSeconds: number): (input: TickInput) => number {
  const { serving } = app;
  if (serving.kind !== 'queueing') throw new RangeError('only an application of queues has parts');
  const members = membersBelow(serving.calls, root, app.services.length);
  const part: AppModel = {
    ...app,
    services: members.map((member) => app.services[member]),
    serving: {
      ...serving,
      demands: members.map((member) => serving.demands[member]),
      calls: serving.calls
        .filter(({ from }) => members.includes(from))
        .map((call) => ({ ...call, from: members.indexOf(call.from), to: members.indexOf(call.to) })),
    },
  };
  const visits = visitsPerRequest(app);
  const visitsOfPart = visitsPerRequest(part);
  // Of what a service gets to do, the share that reaches it by way of `root`.
  const shares = members.map((member, i) =>
    visits[member] > 0 ? (visits[root] * visitsOfPart[i]) / visits[member] : 0,
  );
  const kernel = createQueueingKernel(part, 1, tickSeconds);
  const load = new Float32Array(1);
  // A service that others call too is as busy with its share of the pods under its share of the load, and a visit takes
  // as long as before. Such a share is a fraction, which the kernel's arithmetic takes although its type says integers.
  const pods = new Float64Array(members.length);
  const out: ServingOutput = {
    p95Milliseconds: new Float32Array(1),
    requestsPerSecond: new Float32Array(members.length),
    cpuPercent: new Float32Array(members.length),
    memory: new Float32Array(members.length),
  };
  return ({ second, load: offered, capacity, ready, memorySize }) => {
    load[0] = offered[0] * visits[root];
    for (const [i, member] of members.entries()) pods[i] = ready[member] * shares[i];
    kernel.tick(second, load, capacity, pods as unknown as Int32Array, memorySize, out);
    return out.p95Milliseconds[0];
  };
}

/** `root` and all that it calls, directly or not, in the order of the services. */
function membersBelow(calls: readonly { from: number; to: number }[], root: number, services: number): number[] {
  const members = [root];
  // Calls go forward in the list, so that one pass in its order reaches everything.
  for (let service = root + 1; service < services; service++) {
    if (calls.some(({ from, to }) => to === service && members.includes(from))) members.push(service);
  }
  return members;
}

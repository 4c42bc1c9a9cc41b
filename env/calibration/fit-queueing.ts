/** Fits an application of several services by queues: demands, visits, latency and memory, and how it scales as a group. */
import type { QueueingServing } from '../apps/app-model.ts';
import { UserError } from '../errors.ts';
import type { Draw } from '../random.ts';
import {
  type ApplicationPart,
  createApplicationPart,
  membersBelow,
  type ServiceDemand,
  servingOf,
} from './application-part.ts';
import { buildCallGraph, type CallGraph, type KnownCall } from './call-graph.ts';
import { type DemandFit, fitDemand, saturatedCpuPercent } from './fit-demand.ts';
import { fitLatency, type LatencyFit } from './fit-latency.ts';
import { fitMemory, type MemoryFit } from './fit-memory.ts';
import { type GroupShape, groupShape } from './group-shape.ts';
import type { History, ServiceHistory } from './history.ts';
import { slopeThroughOrigin } from './robust-statistics.ts';
import { selectSteps } from './select-steps.ts';
import { type SettledBlocks, settledBlocks, steadyForAll } from './settled-blocks.ts';
import { isMeasured } from './steady-steps.ts';

export interface ServiceFit {
  readonly name: string;
  readonly visitsPerRequest: number;
  readonly demand: DemandFit;
  /** Undefined where p95 of the service by itself tells nothing: its time is part of its callers'. */
  readonly latency: LatencyFit | undefined;
  readonly memory: MemoryFit | undefined;
}

/** Measured and modelled p95 at the entry, at the same steps. */
export interface EntryComparison {
  readonly load: readonly number[];
  readonly measured: readonly number[];
  readonly modelled: readonly number[];
}

export interface QueueingFit {
  readonly kind: 'queueing';
  readonly shape: GroupShape;
  readonly serving: QueueingServing;
  readonly graph: CallGraph;
  /** In the order of the graph. */
  readonly services: readonly ServiceFit[];
  readonly entry: EntryComparison;
  readonly warnings: readonly string[];
}

const fewestSteps = 12;
const mostSteps = 300;
/** Above, a little more load is a lot more waiting, and none of it is measured well enough. */
const calmCpuPercent = 90;
const usualDemand = { squaredVariation: 1, fixedMilliseconds: 0, workersPerPod: 200 } as const;

/** @throws UserError CALIBRATION_REFUSED, CALLS_INVALID */
export function fitQueueing(given: History, known: readonly KnownCall[], draw: Draw): QueueingFit {
  const shape = groupShape(given);
  const graph = buildCallGraph(visitsOf(given), known);
  const blocks = settledBlocks({ ...given, services: graph.services.map((name) => serviceOf(given, name)) });
  const { history } = blocks;
  const { services } = history;
  const demandFits = services.map((service, i) => demandOf(service, blocks.steady[i], history, draw));
  let demands = demandFits.map(
    ({ cpuMilliseconds, cores }): ServiceDemand => ({
      ...usualDemand,
      cpuMilliseconds: cpuMilliseconds.value,
      cores,
      memoryIdlePercent: 0,
      memoryPercentPerRequest: 0,
      memoryPercentPerRps: 0,
    }),
  );

  const warnings = [
    ...graph.warnings,
    ...saturationWarning(services, demandFits),
    ...demandFits.flatMap((fit) => fit.warnings),
    ...shape.warnings,
  ];
  const latencies: (LatencyFit | undefined)[] = services.map(() => undefined);
  // What is called comes after its callers, so from the last to the first everything below is known already. Without
  // a call graph time cannot be told apart, and what is not CPU time is all put down to the entry.
  const roots = graph.origin === 'star' ? [0] : services.map((_, i) => services.length - 1 - i);
  let entryPart: { part: ApplicationPart; steps: number[] } | undefined;
  for (const root of roots) {
    const { steps, p95Milliseconds } = stepsOfPart(blocks, graph, root);
    if (steps.length < fewestSteps) {
      if (root === 0) throw tooFewSteady(services, steps.length);
      warnings.push(
        `${services[root].name}: too few steps with p95 while nothing scales; its fixed time is 0 and its variation that of an exponential time`,
      );
      continue;
    }
    const part = createApplicationPart(history, graph.calls, root, steps);
    if (root === 0) entryPart = { part, steps };
    const fit = fitLatency(part, root, demands, steps, p95Milliseconds, draw);
    latencies[root] = fit;
    const fitted = { fixedMilliseconds: fit.fixedMilliseconds.value, squaredVariation: fit.squaredVariation.value };
    demands = demands.map((demand, i) => (i === root ? { ...demand, ...fitted } : demand));
  }
  const { part, steps } = entryPart as NonNullable<typeof entryPart>;
  const { p95Milliseconds, inFlight } = part.run(demands);
  const memories = services.map((service, i) => {
    const member = part.members.indexOf(i);
    const fit = member < 0 ? undefined : memoryOf(service, steps, inFlight[member]);
    if (fit === undefined) {
      warnings.push(
        `${service.name}: memory is not known (no limits, or no metrics); the model has none, so let no metric of memory decide`,
      );
    }
    return fit;
  });
  demands = demands.map((demand, i) => rounded({ ...demand, ...pickMemory(memories[i]) }));
  const visits = visitsOf(history);
  return {
    kind: 'queueing',
    shape: {
      ...shape,
      services: graph.services.map((name) => shape.services.find((one) => one.name === name)) as GroupShape['services'],
    },
    serving: servingOf(demands, graph.calls),
    graph,
    services: services.map(({ name }, i) => ({
      name,
      visitsPerRequest: visits.get(name) ?? 0,
      demand: demandFits[i],
      latency: latencies[i],
      memory: memories[i],
    })),
    entry: {
      load: steps.map((step) => services[0].requestsPerSecond[step]),
      measured: steps.map((step) => services[0].p95Milliseconds[step]),
      modelled: [...p95Milliseconds],
    },
    warnings,
  };
}

/** Above its request a pod has what its node can spare, which the model does not know. */
function saturationWarning(services: readonly ServiceHistory[], fits: readonly DemandFit[]): string[] {
  const saturated = fits
    .map((fit, i) => ({ ...fit, name: services[i].name }))
    .filter(({ saturatedShare }) => saturatedShare > 0.01)
    .map(
      ({ name, saturatedShare, highestCpuPercent }) =>
        `${name} ${Math.round(100 * saturatedShare)} % of the time, up to ${Math.round(highestCpuPercent)} %`,
    );
  if (saturated.length === 0) return [];
  return [
    `CPU was above ${saturatedCpuPercent} % of its request (${saturated.join('; ')}): the model takes the request for a limit, so set requests to what a pod may use before trusting its capacity`,
  ];
}

function serviceOf(history: History, name: string): ServiceHistory {
  return history.services.find((service) => service.name === name) as ServiceHistory;
}

/** Ratio of requests at each service to those at the entry, where no service was saturated. */
function visitsOf({ services }: History): Map<string, number> {
  const [entry] = services;
  const free = entry.requestsPerSecond.map((_, step) =>
    services.some(({ cpuPercent }) => cpuPercent[step] > saturatedCpuPercent) ? 0 : 1,
  );
  return new Map(
    services.map(({ name, requestsPerSecond }) => {
      const both = [...requestsPerSecond.keys()].filter(
        (step) => free[step] === 1 && isMeasured(requestsPerSecond[step]) && entry.requestsPerSecond[step] > 0,
      );
      const slope = slopeThroughOrigin(
        both.map((step) => entry.requestsPerSecond[step]),
        both.map((step) => requestsPerSecond[step]),
      );
      const visits = slope();
      if (visits > 0) return [name, visits];
      throw new UserError(
        'CALIBRATION_REFUSED',
        `${name}: no requests are known while ${entry.name} has some; if it is not called through what counts requests (a proxy, a service mesh), leave it out of --service`,
      );
    }),
  );
}

function demandOf(service: ServiceHistory, steady: Uint8Array, { stepSeconds }: History, draw: Draw): DemandFit {
  const fit = fitDemand(service, steady, draw);
  if (fit !== undefined) return fit;
  const cores = service.cpuRequestCores.some((value) => value > 0);
  throw new UserError(
    'CALIBRATION_REFUSED',
    cores
      ? `${service.name}: fewer than ${fewestSteps} steps of ${stepSeconds} s have CPU below ${saturatedCpuPercent} % of its request, requests and an unchanging number of ready pods: record for longer, or at a time when it is not saturated`
      : `${service.name}: the CPU request of its pods is not known (column cores): set resources.requests.cpu, by which CPU percentages are counted`,
  );
}

/** Steps of the part below a service at which nothing of it scales or is near saturation, at most so many, over all loads. */
function stepsOfPart(blocks: SettledBlocks, graph: CallGraph, root: number) {
  const { services } = blocks.history;
  const members = membersBelow(graph.calls, root, services.length);
  const steady = steadyForAll(blocks, members);
  const { p95Milliseconds, requestsPerSecond, readyPods } = services[root];
  // What a queue held at the step before is still served at this one.
  const calm = (step: number) => members.every((member) => !(services[member].cpuPercent[step] > calmCpuPercent));
  const usable = [...steady.keys()].filter(
    (step) =>
      steady[step] === 1 &&
      p95Milliseconds[step] > 0 &&
      members.every((member) => services[member].requestsPerSecond[step] > 0) &&
      calm(step) &&
      (step === 0 || calm(step - 1)),
  );
  const steps = selectSteps(usable, (step) => requestsPerSecond[step] / readyPods[step], mostSteps);
  return { steps, p95Milliseconds: steps.map((step) => p95Milliseconds[step]) };
}

function memoryOf(service: ServiceHistory, steps: readonly number[], inFlight: Float32Array): MemoryFit | undefined {
  const known = [...steps.keys()].filter((i) => service.memoryPercent[steps[i]] > 0);
  if (known.length < fewestSteps) return undefined;
  return fitMemory(
    known.map((i) => service.memoryPercent[steps[i]]),
    known.map((i) => service.requestsPerSecond[steps[i]] / service.readyPods[steps[i]]),
    known.map((i) => inFlight[i]),
  );
}

const pickMemory = (fit: MemoryFit | undefined) => ({
  memoryIdlePercent: fit?.memoryIdlePercent ?? 0,
  memoryPercentPerRequest: fit?.memoryPercentPerRequest ?? 0,
  memoryPercentPerRps: fit?.memoryPercentPerRps ?? 0,
});

const rounded = (demand: ServiceDemand) =>
  Object.fromEntries(
    Object.entries(demand).map(([name, value]) => [name, Number(value.toPrecision(5))]),
  ) as ServiceDemand;

function tooFewSteady(services: readonly ServiceHistory[], found: number): UserError {
  return new UserError(
    'CALIBRATION_REFUSED',
    `only ${found} steps have p95 at ${services[0].name} while none of the ${services.length} services scales, restarts or is saturated; ${fewestSteps} are needed: record for longer, or at an hour when the autoscalers are quiet`,
  );
}

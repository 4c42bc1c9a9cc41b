/**
 * A discrete-event simulation of the same application that the queueing kernel approximates: single requests with
 * gamma service times walk through the call graph, from pod to pod, each pod serving first come first served on its
 * cores. Slow and exact; the tests hold the kernel against it.
 */
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import type { AppModel } from '../apps/app-model.ts';
import { queueingServing } from './queueing-services.ts';

export interface DiscreteEventOptions {
  app: AppModel;
  /** Pods of each service; their cores must be whole, or below one (then a throttled single server). */
  ready: readonly number[];
  /** Offered requests/s at a second; piecewise constant. */
  load: (second: number) => number;
  /** Highest value of `load`: arrivals are thinned from a Poisson process of that rate. */
  highestLoad: number;
  seconds: number;
  seed: number;
}

export interface DiscreteEventResult {
  /** Arrival second and response time in milliseconds of each request that ended, in order of arrival. */
  arrivalSecond: Float64Array;
  responseMilliseconds: Float64Array;
  /** CPU time spent until `seconds` over CPU time available, percent. Per service. */
  cpuPercent: Float64Array;
}

interface Station {
  free: number;
  /** Visits waiting, first at `head`. */
  queue: Visit[];
  head: number;
}

/** A visit in progress; `call` and `remaining` say which of its calls comes next. */
interface Visit {
  service: number;
  parent: Visit | undefined;
  request: number;
  station: Station | undefined;
  call: number;
  remaining: number;
}

type EventKind = 'arrival' | 'cpu-done' | 'visit-ready';

/** Runs until every request that arrived before `seconds` has ended. The same seed gives the same result. */
export function simulateDiscreteEvents(options: DiscreteEventOptions): DiscreteEventResult {
  const { app, ready, load, highestLoad, seconds } = options;
  const { demands, calls } = queueingServing(app);
  const generator = xoroshiro128plus(options.seed);
  const uniform = () => uniformFloat64(generator);
  const services = demands.map((demand, i) => ({
    ...demand,
    cpuSeconds: demand.cpuMilliseconds / 1000 / Math.min(1, demand.cores),
    stations: Array.from(
      { length: ready[i] },
      (): Station => ({ free: Math.max(1, demand.cores), queue: [], head: 0 }),
    ),
    calls: calls.filter((call) => call.from === i),
  }));
  const events = createEventQueue();
  const busySeconds = new Float64Array(services.length);
  const arrivals: number[] = [];
  const endings: number[] = [];

  function enter(visit: Visit, now: number) {
    const { stations } = services[visit.service];
    const station = stations[Math.floor(uniform() * stations.length)];
    visit.station = station;
    if (station.free > 0) startCpu(visit, station, now);
    else station.queue.push(visit);
  }

  function startCpu(visit: Visit, station: Station, now: number) {
    station.free--;
    const { cpuSeconds, squaredVariation } = services[visit.service];
    const duration = cpuSeconds * unitGamma(squaredVariation, uniform);
    busySeconds[visit.service] += Math.max(0, Math.min(now + duration, seconds) - Math.min(now, seconds));
    events.push(now + duration, 'cpu-done', visit);
  }

  function endCpu(visit: Visit, now: number) {
    const station = visit.station as Station;
    station.free++;
    if (station.head < station.queue.length) {
      const next = station.queue[station.head++];
      if (station.head === station.queue.length) {
        station.queue.length = 0;
        station.head = 0;
      }
      startCpu(next, station, now);
    }
    const fixedSeconds = services[visit.service].fixedMilliseconds / 1000;
    if (fixedSeconds > 0) events.push(now + fixedSeconds, 'visit-ready', visit);
    else goOn(visit, now);
  }

  /** Makes the visit's next call, or ends it and lets its caller go on. */
  function goOn(visit: Visit, now: number) {
    const own = services[visit.service].calls;
    for (;;) {
      if (visit.remaining > 0) {
        visit.remaining--;
        enter(
          {
            service: own[visit.call].to,
            parent: visit,
            request: visit.request,
            station: undefined,
            call: -1,
            remaining: 0,
          },
          now,
        );
        return;
      }
      if (++visit.call >= own.length) break;
      const { perVisit } = own[visit.call];
      visit.remaining = Math.floor(perVisit) + (uniform() < perVisit - Math.floor(perVisit) ? 1 : 0);
    }
    if (visit.parent === undefined) endings[visit.request] = now;
    else goOn(visit.parent, now);
  }

  const nextArrival = (now: number) => now - Math.log(1 - uniform()) / highestLoad;
  events.push(nextArrival(0), 'arrival', undefined);
  for (let event = events.pop(); event !== undefined; event = events.pop()) {
    const { second: now, kind, visit } = event;
    if (kind === 'cpu-done') endCpu(visit as Visit, now);
    else if (kind === 'visit-ready') goOn(visit as Visit, now);
    else if (now < seconds) {
      events.push(nextArrival(now), 'arrival', undefined);
      if (uniform() * highestLoad >= load(now)) continue;
      enter(
        { service: 0, parent: undefined, request: arrivals.length, station: undefined, call: -1, remaining: 0 },
        now,
      );
      arrivals.push(now);
    }
  }
  return {
    arrivalSecond: Float64Array.from(arrivals),
    responseMilliseconds: Float64Array.from(arrivals, (arrival, i) => 1000 * (endings[i] - arrival)),
    cpuPercent: Float64Array.from(
      services,
      (service, i) => (100 * busySeconds[i]) / (seconds * ready[i] * Math.max(1, service.cores)),
    ),
  };
}

/** Gamma variate with mean 1 and this squared coefficient of variation (Marsaglia and Tsang 2000). */
function unitGamma(squaredVariation: number, uniform: () => number): number {
  if (squaredVariation === 0) return 1;
  if (squaredVariation === 1) return -Math.log(1 - uniform());
  const shape = 1 / squaredVariation;
  const d = (shape < 1 ? shape + 1 : shape) - 1 / 3;
  for (;;) {
    const normal = Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
    const cube = (1 + normal / Math.sqrt(9 * d)) ** 3;
    if (cube <= 0 || Math.log(1 - uniform()) >= 0.5 * normal * normal + d - d * cube + d * Math.log(cube)) continue;
    return (d * cube * (shape < 1 ? (1 - uniform()) ** (1 / shape) : 1)) / shape;
  }
}

interface Event {
  second: number;
  kind: EventKind;
  visit: Visit | undefined;
}

/** A binary heap by second. */
function createEventQueue() {
  const heap: Event[] = [];
  return {
    push(second: number, kind: EventKind, visit: Visit | undefined) {
      const event = { second, kind, visit };
      let i = heap.length;
      heap.push(event);
      while (i > 0) {
        const parent = (i - 1) >> 1;
        if (heap[parent].second <= second) break;
        heap[i] = heap[parent];
        i = parent;
      }
      heap[i] = event;
    },
    pop(): Event | undefined {
      const first = heap[0];
      const last = heap.pop();
      if (last === undefined || heap.length === 0) return first;
      let i = 0;
      for (;;) {
        let child = 2 * i + 1;
        if (child >= heap.length) break;
        if (child + 1 < heap.length && heap[child + 1].second < heap[child].second) child++;
        if (heap[child].second >= last.second) break;
        heap[i] = heap[child];
        i = child;
      }
      heap[i] = last;
      return first;
    },
  };
}

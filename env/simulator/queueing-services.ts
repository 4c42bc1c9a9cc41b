/** The application as its queueing model sees it: services, the visits a request makes, and the constants of each. */
import type { AppModel, QueueingServing } from '../apps/app-model.ts';
import { UserError } from '../errors.ts';
import { waitFactors, waitProbabilityTable } from './queueing-delay.ts';

const daySeconds = 86_400;

/** The app's queueing model. Throws UserError when it has none. */
export function queueingServing(app: AppModel): QueueingServing {
  if (app.serving.kind !== 'queueing') {
    throw new UserError(
      'APP_NOT_QUEUEING',
      `app model ${app.name}: serving.kind is "${app.serving.kind}"; a queueing model is needed here`,
    );
  }
  return app.serving;
}

/** Visits of each service that one request makes on average; calls go forward in the list of services. */
export function visitsPerRequest(app: AppModel): Float64Array {
  const { calls } = queueingServing(app);
  const visits = new Float64Array(app.services.length);
  visits[0] = 1;
  for (const call of [...calls].sort((a, b) => a.from - b.from)) visits[call.to] += visits[call.from] * call.perVisit;
  return visits;
}

/** Index of the row of the mix in force; before the first row that is the last one of the day before. */
export function mixRow(mix: QueueingServing['mix'], second: number): number {
  const ofDay = second - daySeconds * Math.floor(second / daySeconds);
  let low = 0;
  let high = mix.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (mix[middle].second <= ofDay) low = middle + 1;
    else high = middle;
  }
  return low > 0 ? low - 1 : mix.length - 1;
}

/** What of a service does not change from tick to tick. */
export function compileServices(app: AppModel) {
  const serving = queueingServing(app);
  const visits = visitsPerRequest(app);
  const pressure = serving.memoryPressure;
  const slowdownPerPercent = pressure.abovePercent < 100 ? pressure.slowdownAtFull / (100 - pressure.abovePercent) : 0;
  return serving.demands.map((demand, i) => {
    // Below one core a pod is one server slowed down by CPU throttling.
    const servers = Math.max(1, demand.cores);
    return {
      visits: visits[i],
      cores: demand.cores,
      servers,
      probability: servers > 1 ? waitProbabilityTable(servers) : undefined,
      wait: waitFactors(demand.squaredVariation),
      cpuSeconds: demand.cpuMilliseconds / 1000,
      squaredVariation: demand.squaredVariation,
      fixedSeconds: demand.fixedMilliseconds / 1000,
      memoryIdle: demand.memoryIdlePercent,
      memoryPerRequest: demand.memoryPercentPerRequest,
      memoryPerRps: demand.memoryPercentPerRps,
      workers: demand.workersPerPod,
      slowdownPerPercent,
      incoming: serving.calls.filter((call) => call.to === i),
      outgoing: serving.calls
        .filter((call) => call.from === i)
        .map((call) => {
          // 2.4 visits are two, and a third with probability 0.4.
          const fraction = call.perVisit - Math.floor(call.perVisit);
          const shareOfCallee = visits[call.to] > 0 ? (visits[i] * call.perVisit) / visits[call.to] : 0;
          return { to: call.to, perVisit: call.perVisit, countVariance: fraction * (1 - fraction), shareOfCallee };
        }),
    };
  });
}

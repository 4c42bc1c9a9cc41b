/** What one pod of each service serves by the app model: the scale on which request-rate targets are swept. */
import type { AppModel, MeasuredCurve } from '../../env/apps/app-model.ts';
import { visitsPerRequest } from '../../env/simulator/queueing.ts';

/**
 * Requests/s of one pod, per service.
 * Measured: the highest load of the 1-replica curve that meets the SLA, interpolated.
 * Queueing: where the CPU is fully used (cores ÷ CPU time of a visit).
 */
export function nominalCapacityPerPod(app: AppModel): number[] {
  const { serving, slaP95Milliseconds } = app;
  if (serving.kind === 'measured') return [slaCrossing(serving.curves[0], slaP95Milliseconds)];
  return serving.demands.map(({ cores, cpuMilliseconds }) => (cores * 1000) / cpuMilliseconds);
}

/**
 * Requests/s at the application's entry that a group of size 1 serves: the weakest service decides, with the visits
 * that the call graph makes of it per request.
 */
export function nominalGroupCapacity(app: AppModel): number {
  const perPod = nominalCapacityPerPod(app);
  if (app.serving.kind === 'measured') return perPod[0] * app.services[0].ratio;
  const visits = visitsPerRequest(app);
  return Math.min(...app.services.map(({ ratio }, i) => (perPod[i] * ratio) / visits[i]));
}

function slaCrossing({ load, p95Milliseconds }: MeasuredCurve, sla: number): number {
  let last = p95Milliseconds.length - 1;
  while (last >= 0 && p95Milliseconds[last] > sla) last -= 1;
  if (last === load.length - 1) return load[last];
  if (last < 0) return load[0];
  const share = (sla - p95Milliseconds[last]) / (p95Milliseconds[last + 1] - p95Milliseconds[last]);
  return load[last] + share * (load[last + 1] - load[last]);
}

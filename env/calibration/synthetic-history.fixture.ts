/** Histories of a known application, as Prometheus would have them: played by the simulator, seen with lag and noise. */
import type { AppModel } from '../apps/app-model.ts';
import { memberReplicas } from '../apps/group.ts';
import { createVisitLatency } from '../lab/stand-in/visit-latency.ts';
import type { FleetController } from '../ports.ts';
import { playTraces } from '../simulator/play.ts';
import type { Simulator } from '../simulator/simulator.ts';
import type { Trace } from '../workload/trace.ts';
import { emptyServiceHistory, type History, type PodStart } from './history.ts';

export interface SyntheticOptions {
  readonly app: AppModel;
  readonly trace: Trace;
  /** What whoever scales does: asked every minute. */
  readonly groupSizeAt: (second: number, load: number) => number;
  readonly noise?: number;
  readonly stepSeconds?: number;
  readonly startSecond?: number;
  /** p95 of every service; else of the entry alone. */
  readonly visits?: boolean;
}

const rateWindowSeconds = 30;

export function syntheticHistory(options: SyntheticOptions): History {
  const { app, trace, groupSizeAt, noise = 0.05, stepSeconds = 15, startSecond = 0 } = options;
  const steps = Math.ceil(trace.seconds[trace.seconds.length - 1] / stepSeconds);
  const services = app.services.map(({ name }) => emptyServiceHistory(name, steps));
  const visitLatency = createVisitLatency(app, 5);
  let simulator: Simulator | undefined;
  let step = 0;
  const recorder: FleetController = {
    intervalSeconds: stepSeconds,
    resetLane() {},
    decide(metrics, actions) {
      const second = metrics.second[0];
      if (second % 60 === 0) {
        const size = groupSizeAt(second, metrics.load[0]);
        for (const [i, service] of app.services.entries()) actions.replicas[i] = memberReplicas(service, size);
      }
      const p95 =
        options.visits && simulator
          ? visitLatency.tick(
              {
                second: metrics.second,
                load: metrics.load,
                capacity: Float32Array.of(1),
                ready: metrics.measuredReady,
                memorySize: Float32Array.of(1),
              },
              metrics.p95Milliseconds[0],
            )
          : undefined;
      for (const [i, service] of services.entries()) {
        service.requestsPerSecond[step] = metrics.requestsPerSecond[i];
        service.p95Milliseconds[step] = i === 0 ? metrics.p95Milliseconds[0] : (p95?.[i] ?? Number.NaN);
        service.cpuPercent[step] = metrics.cpuPercent[i];
        service.memoryPercent[step] = metrics.memory[i];
        service.readyPods[step] = metrics.ready[i];
        service.desiredPods[step] = metrics.desired[i];
        service.measuredPods[step] = metrics.measuredReady[i];
        service.cpuRequestCores[step] = app.serving.kind === 'queueing' ? app.serving.demands[i].cores : 1;
      }
      step++;
    },
  };
  playTraces({
    app,
    traces: [trace],
    controller: recorder,
    parameters: { metricNoise: noise, metricAveragingSeconds: rateWindowSeconds, metricLagSeconds: 5 },
    seed: 1,
    onTick: (_tick, running) => {
      simulator = running;
    },
  });
  for (const service of services) service.podStarts.push(...startsOf(service.readyPods, app.coldStartSeconds));
  return {
    startSecond,
    stepSeconds,
    steps,
    services,
    rateWindowSeconds,
    sampleIntervalSeconds: 15,
    sampleAgeSeconds: 7.5,
  };
}

function startsOf(readyPods: Float64Array, seconds: number): PodStart[] {
  const starts: PodStart[] = [];
  for (let step = 1; step < readyPods.length; step++) {
    for (let pod = readyPods[step - 1]; pod < readyPods[step]; pod++) starts.push({ step, seconds });
  }
  return starts;
}

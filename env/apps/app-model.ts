/** The app model: what the simulator knows of an application. Read from JSON, checked once, here. */
import { z } from 'zod';

export const appModelVersion = 1;

const increasing = (values: number[]) => values.every((value, i) => i === 0 || value > values[i - 1]);
const finite = z.number();
const nonNegative = finite.min(0);
const positive = finite.positive();
/**
 * What is computed from a model grows with these, and a model may come in a stranger's checkpoint: 64 services of 2,000
 * replicas take a second.
 */
const mostReplicas = 2000;
const upToAnHour = nonNegative.max(3600);

/** One measured curve: latency, CPU and memory at a fixed replica count against total load. */
export const measuredCurveSchema = z
  .strictObject({
    replicas: z.int().min(1).describe('Ready pods that the curve was measured with.'),
    load: z
      .array(nonNegative)
      .min(2)
      .refine(increasing, 'load must be strictly increasing')
      .describe('Requests/s of all pods together, strictly increasing; the other lists have a value for each.'),
    p95Milliseconds: z.array(nonNegative).describe('p95 latency at that load.'),
    cpuPercent: z.array(nonNegative).describe('CPU of a pod, percent of its request.'),
    memory: z.array(nonNegative).describe('Memory of a pod, percent of its limit.'),
  })
  .refine(
    (c) => [c.p95Milliseconds, c.cpuPercent, c.memory].every((values) => values.length === c.load.length),
    'p95Milliseconds, cpuPercent and memory need one value per load',
  );

const measuredServingSchema = z.strictObject({
  kind: z.literal('measured').describe('Curves that were measured of one service.'),
  curves: z
    .array(measuredCurveSchema)
    .min(2)
    .refine((curves) => curves.every((curve, i) => curve.replicas === i + 1), 'curves must be for 1, 2, 3 … replicas')
    .describe("A curve for every replica count from 1 to the service's maxReplicas, in order."),
});

/** Queueing per service with a call graph. Order of `demands` is that of `services`. */
const queueingServingSchema = z.strictObject({
  kind: z.literal('queueing').describe('A queue per service, and who calls whom.'),
  demands: z
    .array(
      z.strictObject({
        cpuMilliseconds: positive.describe('CPU time of one visit, milliseconds on one core.'),
        squaredVariation: nonNegative
          .default(1)
          .describe('Squared coefficient of variation of that time (1 is exponential).'),
        fixedMilliseconds: nonNegative
          .default(0)
          .describe('Time of a visit that no queue forms for (network, disk), milliseconds.'),
        cores: positive.default(1).describe('CPU request and limit of a pod, cores.'),
        memoryIdlePercent: nonNegative.default(30).describe('Memory of an idle standard pod, percent of its limit.'),
        memoryPercentPerRequest: nonNegative
          .default(0.2)
          .describe('Memory added by each request in the pod, percent of the standard limit.'),
        workersPerPod: positive
          .default(200)
          .describe(
            "Requests that a pod works on at once; more wait in its accept queue and hold no memory. (Tomcat's default is 200.)",
          ),
        memoryPercentPerRps: nonNegative
          .default(0)
          .describe(
            'Memory added by load held in sessions or caches, percent of the standard limit per request/s on the pod.',
          ),
      }),
    )
    .min(1)
    .describe('What a visit of each service costs, in the order of services.'),
  calls: z
    .array(
      z.strictObject({
        from: z.int().min(0).describe('Index into services of the caller.'),
        to: z.int().min(0).describe('Index of the callee, which stands later in the list.'),
        perVisit: positive.describe(
          'Visits of the callee that a visit of the caller makes, one after another. 2.4 is an average: two, and a third with ' +
            'probability 0.4.',
        ),
      }),
    )
    .describe('Synchronous calls.'),
  memoryPressure: z
    .strictObject({
      abovePercent: positive.default(80).describe('From this percent of the limit on.'),
      slowdownAtFull: nonNegative
        .default(2)
        .describe('CPU time of a visit at the limit: one plus this, times as much.'),
    })
    .default({ abovePercent: 80, slowdownAtFull: 2 })
    .describe('What memory near its limit costs in CPU (garbage collection, paging).'),
  timeoutSeconds: positive
    .max(3600)
    .default(10)
    .describe('Visits that have waited this long fail; a backlog grows no longer than this.'),
  mix: z
    .array(
      z.strictObject({
        second: nonNegative.lt(86_400).describe('Of the day, from which on it holds.'),
        cpuFactor: positive.describe('On the CPU time of visits.'),
        memoryFactor: positive.describe('On idle memory and on memory per request/s.'),
      }),
    )
    .refine((rows) => increasing(rows.map((row) => row.second)), 'mix seconds must be strictly increasing')
    .default([])
    .describe('The request mix over the day, repeated every 24 h.'),
});

const serviceSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/)
    .describe('Of the workload.'),
  minReplicas: z.int().min(1).default(1).describe('Fewest replicas of it.'),
  maxReplicas: z.int().min(1).max(mostReplicas).describe('Most replicas of it.'),
  ratio: positive.default(1).describe('It has ceil(ratio × group size) replicas, within these bounds.'),
});

const percent = positive.max(100);
const thresholdsSchema = z
  .strictObject({
    cpuHighPercent: percent.describe('More CPU than this adds pods.'),
    cpuLowPercent: percent.describe('Less CPU than this removes pods.'),
    memoryHighPercent: percent.describe('More memory than this adds pods.'),
    memoryLowPercent: percent.describe('Less memory than this removes pods.'),
  })
  .refine(
    (t) => t.cpuLowPercent < t.cpuHighPercent && t.memoryLowPercent < t.memoryHighPercent,
    'a low threshold must be below its high one',
  );

export const appModelSchema = z
  .strictObject({
    version: z.literal(appModelVersion).describe('Of this format.'),
    name: z
      .string()
      .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/)
      .describe('Of the application.'),
    description: z.string().describe('In words, units included.'),
    source: z.string().describe('Where the figures come from, and what of them is assumed.'),
    slaP95Milliseconds: positive.describe('The promise: p95 latency at the entry at or below this.'),
    nominalLoad: positive.describe(
      "The application's usual load, requests/s: level 1 of synthetic workloads, whose peaks are about three times as high.",
    ),
    coldStartSeconds: upToAnHour.describe('From ordering a pod until it is ready.'),
    metricLagSeconds: upToAnHour.describe('Age of the newest measurement that a controller can see.'),
    metricAveragingSeconds: upToAnHour.describe('Window that a measurement is averaged over; 0 is the tick itself.'),
    minGroupSize: z.int().min(1).default(1).describe('Smallest size of the group.'),
    maxGroupSize: z.int().min(1).max(mostReplicas).describe('Largest size of the group.'),
    thresholds: thresholdsSchema
      .optional()
      .describe("What the application's owner would set in its loop, where the general defaults do not fit."),
    services: z.array(serviceSchema).min(1).max(64).describe('Its workloads; requests enter at the first.'),
    serving: z
      .discriminatedUnion('kind', [measuredServingSchema, queueingServingSchema])
      .describe('What it takes to serve requests.'),
  })
  .superRefine((app, context) => {
    const { serving, services } = app;
    if (app.minGroupSize > app.maxGroupSize) {
      context.addIssue({
        code: 'custom',
        path: ['minGroupSize'],
        message: `is above maxGroupSize ${app.maxGroupSize}`,
      });
    }
    for (const [i, service] of services.entries()) {
      if (service.minReplicas > service.maxReplicas) {
        context.addIssue({
          code: 'custom',
          path: ['services', i, 'minReplicas'],
          message: `is above maxReplicas ${service.maxReplicas}`,
        });
      }
      if (services.findIndex(({ name }) => name === service.name) < i) {
        context.addIssue({ code: 'custom', path: ['services', i, 'name'], message: `${service.name} is there twice` });
      }
    }
    if (serving.kind === 'measured') {
      if (services.length !== 1) {
        context.addIssue({
          code: 'custom',
          path: ['services'],
          message: 'measured curves describe exactly one service',
        });
      } else if (serving.curves.length < services[0].maxReplicas) {
        context.addIssue({
          code: 'custom',
          path: ['serving', 'curves'],
          message: `has curves for ${serving.curves.length} replicas but maxReplicas is ${services[0].maxReplicas}`,
        });
      }
      return;
    }
    if (serving.demands.length !== services.length) {
      context.addIssue({ code: 'custom', path: ['serving', 'demands'], message: 'needs one entry per service' });
    }
    for (const [i, call] of serving.calls.entries()) {
      if (call.from >= services.length || call.to >= services.length || call.to <= call.from) {
        context.addIssue({
          code: 'custom',
          path: ['serving', 'calls', i],
          message: 'must go from a service to a later one in the list (no cycles)',
        });
      }
    }
  });

export type AppModel = z.infer<typeof appModelSchema>;
export type MeasuredCurve = z.infer<typeof measuredCurveSchema>;
export type MeasuredServing = Extract<AppModel['serving'], { kind: 'measured' }>;
export type QueueingServing = Extract<AppModel['serving'], { kind: 'queueing' }>;

/** The app model: what the simulator knows of an application. Read from JSON, checked once, here. */
import { z } from 'zod';

export const appModelVersion = 1;

const increasing = (values: number[]) => values.every((value, i) => i === 0 || value > values[i - 1]);
const finite = z.number();
const nonNegative = finite.min(0);
const positive = finite.positive();

/** One measured curve: latency, CPU and memory at a fixed replica count against total load. */
export const measuredCurveSchema = z
  .strictObject({
    replicas: z.int().min(1),
    load: z.array(nonNegative).min(2).refine(increasing, 'load must be strictly increasing'),
    p95Milliseconds: z.array(nonNegative),
    cpuPercent: z.array(nonNegative),
    memory: z.array(nonNegative),
  })
  .refine(
    (c) => [c.p95Milliseconds, c.cpuPercent, c.memory].every((values) => values.length === c.load.length),
    'p95Milliseconds, cpuPercent and memory need one value per load',
  );

const measuredServingSchema = z.strictObject({
  kind: z.literal('measured'),
  /** A curve for every replica count from 1 to the service's maxReplicas, in order. */
  curves: z
    .array(measuredCurveSchema)
    .min(2)
    .refine((curves) => curves.every((curve, i) => curve.replicas === i + 1), 'curves must be for 1, 2, 3 … replicas'),
});

/** Queueing per service with a call graph. Order of `demands` is that of `services`. */
const queueingServingSchema = z.strictObject({
  kind: z.literal('queueing'),
  demands: z
    .array(
      z.strictObject({
        /** CPU time of one visit, milliseconds on one core. */
        cpuMilliseconds: positive,
        /** Squared coefficient of variation of that time (1 is exponential). */
        squaredVariation: nonNegative.default(1),
        /** Time of a visit that no queue forms for (network, disk), milliseconds. */
        fixedMilliseconds: nonNegative.default(0),
        /** CPU request and limit of a pod, cores. */
        cores: positive.default(1),
        /** Memory of an idle standard pod, percent of its limit. */
        memoryIdlePercent: nonNegative.default(30),
        /** Memory added by each request in the pod, percent of the standard limit. */
        memoryPercentPerRequest: nonNegative.default(0.2),
        /** Requests that a pod works on at once; more wait in its accept queue and hold no memory. (Tomcat's default is 200.) */
        workersPerPod: positive.default(200),
        /** Memory added by load held in sessions or caches, percent of the standard limit per request/s on the pod. */
        memoryPercentPerRps: nonNegative.default(0),
      }),
    )
    .min(1),
  /**
   * Synchronous calls: one visit of `from` makes `perVisit` visits of `to` (indices into services), one after another.
   * 2.4 is an average: two visits, and a third with probability 0.4. Requests enter at the first service.
   */
  calls: z.array(z.strictObject({ from: z.int().min(0), to: z.int().min(0), perVisit: positive })),
  /** Memory above this percent of the limit costs CPU (garbage collection, paging). */
  memoryPressure: z
    .strictObject({ abovePercent: positive.default(80), slowdownAtFull: nonNegative.default(2) })
    .default({ abovePercent: 80, slowdownAtFull: 2 }),
  /** Visits that have waited this long fail; a backlog grows no longer than this. */
  timeoutSeconds: positive.default(10),
  /** The request mix over the day: factors on CPU time and on idle and per-rps memory from that second on, every 24 h. */
  mix: z
    .array(z.strictObject({ second: nonNegative.lt(86_400), cpuFactor: positive, memoryFactor: positive }))
    .refine((rows) => increasing(rows.map((row) => row.second)), 'mix seconds must be strictly increasing')
    .default([]),
});

const serviceSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/),
  minReplicas: z.int().min(1).default(1),
  maxReplicas: z.int().min(1),
  /** Members of a group have ceil(ratio × group size) replicas. */
  ratio: positive.default(1),
});

const percent = positive.max(100);
const thresholdsSchema = z
  .strictObject({
    cpuHighPercent: percent,
    cpuLowPercent: percent,
    memoryHighPercent: percent,
    memoryLowPercent: percent,
  })
  .refine(
    (t) => t.cpuLowPercent < t.cpuHighPercent && t.memoryLowPercent < t.memoryHighPercent,
    'a low threshold must be below its high one',
  );

export const appModelSchema = z
  .strictObject({
    version: z.literal(appModelVersion),
    name: z.string().regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/),
    description: z.string(),
    source: z.string(),
    slaP95Milliseconds: positive,
    /** The application's usual load, requests/s: level 1 of synthetic workloads, whose peaks are about three times as high. */
    nominalLoad: positive,
    /** Seconds from ordering a pod until it is ready. */
    coldStartSeconds: nonNegative,
    /** Age of the newest measurement that a controller can see, seconds. */
    metricLagSeconds: nonNegative,
    /** Window that a measurement is averaged over, seconds; 0 is the tick itself. */
    metricAveragingSeconds: nonNegative,
    minGroupSize: z.int().min(1).default(1),
    maxGroupSize: z.int().min(1),
    /** What the application's owner would set in its loop, where the general defaults do not fit. */
    thresholds: thresholdsSchema.optional(),
    services: z.array(serviceSchema).min(1).max(64),
    serving: z.discriminatedUnion('kind', [measuredServingSchema, queueingServingSchema]),
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

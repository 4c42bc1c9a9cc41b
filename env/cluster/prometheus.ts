/**
 * Prometheus as Duoloop needs it: a value that is missing, stale or not a number is an error of its own kind, never a
 * zero. Wraps prometheus-query, which rejects with plain objects and reads `+Inf` as NaN.
 */
import { PrometheusDriver } from 'prometheus-query';
import { z } from 'zod';
import { basicCredentials, withoutCredentials } from './url-credentials.ts';

export type PrometheusErrorCode =
  | 'unreachable'
  | 'timeout'
  | 'rejected'
  | 'too-large'
  | 'empty'
  | 'not-a-number'
  | 'stale'
  | 'ambiguous';

export class PrometheusError extends Error {
  readonly code: PrometheusErrorCode;
  /** Of Prometheus' answer, when there was one: 400 and 422 are about the query, 5xx about Prometheus. */
  readonly httpStatus: number | undefined;
  /** What Prometheus or the network said, without the query. */
  readonly detail: string | undefined;

  constructor(
    code: PrometheusErrorCode,
    message: string,
    options?: { cause?: unknown; httpStatus?: number; detail?: string },
  ) {
    super(message, options);
    this.name = 'PrometheusError';
    this.code = code;
    this.httpStatus = options?.httpStatus;
    this.detail = options?.detail;
  }
}

export interface PrometheusOptions {
  /** Base address, such as `http://prometheus:9090`. */
  readonly url: string;
  /** Or how to get the present one: asked at each query. */
  readonly bearerToken?: string | (() => Promise<string>);
  readonly timeoutSeconds?: number;
  /** A sample older than this is refused as stale. Prometheus itself looks back 5 minutes. */
  readonly maxAgeSeconds?: number;
  /** Unix time in seconds; what ages are counted from. */
  readonly now?: () => number;
  /**
   * A larger answer is not read to its end (`too-large`). A query that others wrote may select every series there is, and a
   * process that serves many must not run out of memory for one.
   */
  readonly maxAnswerBytes?: number;
}

/** For processes that ask what others wrote: 1,000 series of a shared query are a third of a megabyte. */
export const servingAnswerBytes = 8 * 1024 * 1024;

export interface PrometheusSample {
  readonly labels: Readonly<Record<string, string>>;
  /** Unix time in seconds. */
  readonly second: number;
  readonly value: number;
}

export interface PrometheusSeries {
  readonly labels: Readonly<Record<string, string>>;
  /** Unix times in seconds. */
  readonly seconds: Float64Array;
  /** NaN where Prometheus gave no number. */
  readonly values: Float64Array;
}

export interface PrometheusClient {
  /** Prometheus' version; a cheap check that it answers at all. @throws PrometheusError */
  version(): Promise<string>;
  /** The samples of an instant query, at least one, all finite and fresh. @throws PrometheusError */
  vector(query: string, signal?: AbortSignal): Promise<PrometheusSample[]>;
  /**
   * The samples of an instant query as they are: maybe none, and NaN for what is no finite number (Inf, a histogram). Asked
   * by POST, so that the query may be long.
   * @param most asks Prometheus for so many series at most; one before 3.0 gives all
   * @throws PrometheusError
   */
  samples(query: string, signal?: AbortSignal, most?: number): Promise<PrometheusSample[]>;
  /** The only sample of an instant query or its scalar. @throws PrometheusError `ambiguous` when there are several. */
  value(query: string, signal?: AbortSignal): Promise<number>;
  /** The series of a range query (Unix seconds), at least one. @throws PrometheusError */
  range(
    query: string,
    range: { fromSecond: number; toSecond: number; stepSeconds: number },
    signal?: AbortSignal,
  ): Promise<PrometheusSeries[]>;
}

/** What prometheus-query rejects with. */
const rejectionSchema = z.object({
  errorType: z.string().default('unknown'),
  error: z.unknown(),
  code: z.string().optional(),
  httpStatus: z.number().optional(),
});

/** Of a reply, as far as a histogram matters: the library cannot read a sample that has no `value`. */
const histogramReplySchema = z.looseObject({
  data: z.looseObject({
    resultType: z.literal('vector'),
    result: z.array(
      z.looseObject({ value: z.unknown().optional(), histogram: z.tuple([z.number(), z.unknown()]).optional() }),
    ),
  }),
});

/** An answer with an error status that Prometheus did not write. */
const foreignReplySchema = z.looseObject({
  status: z.number(),
  statusText: z.string().default(''),
  data: z.unknown().refine((data) => typeof (data as { status?: unknown } | null)?.status !== 'string'),
});

const sampleSchema = z.object({ time: z.date(), value: z.number().or(z.nan()) });
const metricSchema = z.object({ name: z.string().nullish(), labels: z.record(z.string(), z.string()).default({}) });
const vectorSchema = z.array(z.object({ metric: metricSchema.nullish(), value: sampleSchema }));
const matrixSchema = z.array(z.object({ metric: metricSchema.nullish(), values: z.array(sampleSchema) }));
const scalarSchema = z.tuple([z.number(), z.string()]);

/** @throws PrometheusError `rejected` when the address is not a URL. */
export function createPrometheusClient(options: PrometheusOptions): PrometheusClient {
  const { bearerToken, timeoutSeconds = 10, maxAgeSeconds = 120, now = () => Date.now() / 1000 } = options;
  const { maxAnswerBytes = 256 * 1024 * 1024 } = options;
  if (!URL.canParse(options.url))
    throw new PrometheusError('rejected', `"${options.url}" is not a URL; give one like http://host:9090`);
  const url = withoutCredentials(options.url);
  const basic = basicCredentials(options.url);

  /** The library takes no abort signal per call, so each call that has one gets a driver that carries it. */
  function driver(signal?: AbortSignal, preferPost = false, most?: number): PrometheusDriver {
    const deadline = AbortSignal.timeout(timeoutSeconds * 1000);
    return new PrometheusDriver({
      endpoint: url.replace(/\/+$/, ''),
      baseURL: '/api/v1',
      preferPost,
      requestInterceptor: {
        onFulfilled: async (request) => {
          const token = typeof bearerToken === 'function' ? await bearerToken() : bearerToken;
          const authorization = token === undefined ? basic : `Bearer ${token}`;
          if (authorization !== undefined) request.headers.set('Authorization', authorization);
          request.maxContentLength = maxAnswerBytes;
          // Whoever answers in Prometheus' place must not choose what this process asks next, and with which token.
          request.maxRedirects = 0;
          if (most !== undefined) request.params = { ...request.params, limit: most };
          request.signal = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
          return request;
        },
      },
      responseInterceptor: {
        onFulfilled: (response) => {
          const reply = histogramReplySchema.safeParse(response.data);
          for (const sample of reply.success ? reply.data.data.result : []) {
            if (sample.value === undefined && sample.histogram) sample.value = [sample.histogram[0], 'NaN'];
          }
          if (reply.success) response.data = reply.data;
          return response;
        },
        // The library drops the status of an answer that is not Prometheus' own, such as the error page of a proxy.
        onRejected: (error) => {
          const response = foreignReplySchema.safeParse(error?.response);
          if (response.success) {
            const { status, statusText } = response.data;
            error.response.data = { status: 'error', error: `HTTP status ${status} ${statusText}`.trimEnd() };
          }
          throw error;
        },
      },
    });
  }

  async function ask<T>(
    what: string,
    signal: AbortSignal | undefined,
    call: (driver: PrometheusDriver) => Promise<T>,
    preferPost?: boolean,
    most?: number,
  ) {
    const started = performance.now();
    try {
      return await call(driver(signal, preferPost, most));
    } catch (rejection) {
      signal?.throwIfAborted();
      const waitedSeconds = (performance.now() - started) / 1000;
      throw toError(rejection, `${what} at ${url}`, waitedSeconds >= timeoutSeconds);
    }
  }

  async function vector(query: string, signal?: AbortSignal): Promise<PrometheusSample[]> {
    const samples = toSamples(await ask(`query ${query}`, signal, (prometheus) => prometheus.instantQuery(query)));
    if (samples.length === 0) throw new PrometheusError('empty', `query ${query} has no result`);
    for (const sample of samples) {
      if (!Number.isFinite(sample.value)) {
        throw new PrometheusError(
          'not-a-number',
          `query ${query} gives ${sample.value}${describeLabels(sample.labels)}`,
        );
      }
      const ageSeconds = now() - sample.second;
      if (ageSeconds > maxAgeSeconds) {
        throw new PrometheusError('stale', `query ${query} gives a sample that is ${Math.round(ageSeconds)} s old`);
      }
    }
    return samples;
  }

  return {
    vector,
    async samples(query, signal, most) {
      const what = query.length > 100 ? `query ${query.slice(0, 100)}…` : `query ${query}`;
      // With the time-out as an argument, Prometheus itself gives up a query that nobody waits for any more.
      const instantQuery = (prometheus: PrometheusDriver) =>
        prometheus.instantQuery(query, new Date(now() * 1000), `${Math.ceil(timeoutSeconds * 1000)}ms`);
      const samples = toSamples(await ask(what, signal, instantQuery, true, most));
      return samples.map((sample) => (Number.isFinite(sample.value) ? sample : { ...sample, value: Number.NaN }));
    },
    async version() {
      const reply = await ask('build information', undefined, (prometheus) => prometheus.statusBuildinfo());
      return understood(z.object({ version: z.string() }), reply).version;
    },
    async value(query, signal) {
      const samples = await vector(query, signal);
      if (samples.length > 1) {
        throw new PrometheusError('ambiguous', `query ${query} has ${samples.length} results; aggregate it to one`);
      }
      return samples[0].value;
    },
    async range(query, { fromSecond, toSecond, stepSeconds }, signal) {
      const { result } = await ask(`query ${query}`, signal, (prometheus) =>
        prometheus.rangeQuery(query, fromSecond * 1000, toSecond * 1000, stepSeconds),
      );
      const series = understood(matrixSchema, result).map(({ metric, values }) => ({
        labels: metric?.labels ?? {},
        seconds: Float64Array.from(values, (sample) => sample.time.getTime() / 1000),
        values: Float64Array.from(values, (sample) => sample.value),
      }));
      if (series.length === 0) throw new PrometheusError('empty', `query ${query} has no result in that range`);
      return series;
    },
  };
}

function toSamples({ resultType, result }: { resultType: unknown; result: unknown }): PrometheusSample[] {
  if (resultType === 'scalar') return [scalarSample(understood(scalarSchema, result))];
  if (resultType !== 'vector') {
    const detail = `the result is a ${resultType}, not one number per series`;
    throw new PrometheusError('not-a-number', detail, { detail });
  }
  return understood(vectorSchema, result).map(({ metric, value }) => ({
    labels: metric?.labels ?? {},
    second: value.time.getTime() / 1000,
    value: value.value,
  }));
}

/** @throws PrometheusError `rejected` for an answer that is not what Prometheus gives */
function understood<Output>(schema: z.ZodType<Output>, answer: unknown): Output {
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  const [{ path, message }] = parsed.error.issues;
  const detail = `the answer is not as Prometheus gives it (${path.join('.') || 'result'}: ${message})`;
  throw new PrometheusError('rejected', detail, { detail });
}

function scalarSample([second, value]: readonly [number, string]): PrometheusSample {
  return { labels: {}, second, value: Number.parseFloat(value) };
}

function toError(rejection: unknown, what: string, timedOut: boolean): PrometheusError {
  const parsed = rejectionSchema.safeParse(rejection);
  if (!parsed.success) return new PrometheusError('rejected', `${what}: ${String(rejection)}`, { cause: rejection });
  const { errorType, error, code, httpStatus } = parsed.data;
  if (timedOut || errorType === 'timeout_error') {
    return new PrometheusError('timeout', `${what}: no answer in time`, { cause: rejection });
  }
  if (/^maxContentLength size of \d+ exceeded$/.test(String(error ?? ''))) {
    const detail = 'the answer is too large: select fewer series, such as by sum(…)';
    return new PrometheusError('too-large', `${what}: ${detail}`, { cause: rejection, detail });
  }
  // An AggregateError (IPv6 and IPv4 both refused) has no message of its own, only a code.
  const words = [String(error ?? ''), code ?? errorType].find((text) => text !== '') ?? 'unknown error';
  const unreachable = errorType === 'network_error' || errorType === 'ssl_error';
  return new PrometheusError(unreachable ? 'unreachable' : 'rejected', `${what}: ${words}`, {
    cause: rejection,
    httpStatus,
    detail: words,
  });
}

function describeLabels(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  return pairs.length === 0 ? '' : ` for {${pairs.join(', ')}}`;
}

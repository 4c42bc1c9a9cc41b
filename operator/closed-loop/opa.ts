/** A decision that is delegated to Open Policy Agent: POST {input} to a rule, and the name of a metric out of its result. */
import { getProperty } from 'dot-prop';
import PQueue from 'p-queue';
import type { ClosedLoopSpec } from '../../policies/resources/closed-loop.ts';

export type OpaSpec = NonNullable<ClosedLoopSpec['decision']['opa']>;

/** What a policy can decide on, and what `inputMapping` takes its fields from. */
export interface PolicyDocument {
  readonly loop: { readonly namespace: string; readonly name: string; readonly target: string };
  /** Measured values by metric; a metric that is missing, or without a finite value, is not in it. */
  readonly metrics: Readonly<Record<string, number>>;
  /** "High", "Low" or "Equal" by metric; metrics that are not in breach are not in it. */
  readonly breaches: Readonly<Record<string, string>>;
  readonly ranks: Readonly<Record<string, number>>;
  readonly replicas: number;
  /** RFC 3339. */
  readonly time: string;
}

/** The metric to react to (null: none), or why there is no answer. */
export type PolicyAnswer = { readonly metric: string | null } | { readonly failure: string };

export interface PolicyEngine {
  /**
   * Never rejects. Questions wait their turn, about 10 are under way at a time.
   * @param second Unix seconds of the tick: an engine that did not answer in a tick is not asked again in it, or every loop
   *   would wait for its own timeout
   */
  ask(opa: OpaSpec, document: PolicyDocument, second: number, signal: AbortSignal): Promise<PolicyAnswer>;
}

export interface PolicyEngineOptions {
  /**
   * Patterns of host names that may be asked; undefined: all. Who may write ClosedLoops must not reach by the operator's hand
   * what they cannot reach themselves.
   */
  readonly hosts?: readonly RegExp[] | undefined;
}

const questionsInFlight = 10;
/** A metric's name needs less; more is no answer to this question. */
const largestAnswerBytes = 64 * 1024;

export function createPolicyEngine({ hosts }: PolicyEngineOptions = {}): PolicyEngine {
  const queue = new PQueue({ concurrency: questionsInFlight });
  const silent = new Map<string, { readonly second: number; readonly failure: string }>();

  async function post(opa: OpaSpec, input: unknown, second: number, signal: AbortSignal): Promise<PolicyAnswer> {
    const { origin } = new URL(opa.url);
    const known = silent.get(origin);
    if (known?.second === second) return { failure: known.failure };
    let response: { readonly status: number; readonly text: string };
    try {
      response = await request(opa, input, signal);
    } catch (error) {
      const failure = `${opa.url} did not answer: ${reasonOf(error, opa.timeoutSeconds)}`;
      silent.set(origin, { second, failure });
      return { failure };
    }
    silent.delete(origin);
    if (response.status !== 200) return { failure: `${opa.url} answered ${response.status}` };
    return metricOf(opa, response.text);
  }

  return {
    async ask(opa, document, second, signal) {
      if (!URL.canParse(opa.url)) return { failure: `${opa.url} is no address; correct decision.opa.url` };
      const { hostname } = new URL(opa.url);
      if (hosts !== undefined && !hosts.some((pattern) => pattern.test(hostname))) {
        return {
          failure: `${hostname} is not among the hosts that this operator may ask: name another, or add it with --policy-host`,
        };
      }
      const input = inputOf(opa, document);
      if ('failure' in input) return input;
      return queue.add(() => post(opa, input.input, second, signal));
    },
  };
}

async function request(opa: OpaSpec, input: unknown, signal: AbortSignal): Promise<{ status: number; text: string }> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(new Error('timeout')), opa.timeoutSeconds * 1000);
  const stop = () => abort.abort(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    const response = await fetch(opa.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ input }),
      // A redirect could lead to a host that is not allowed.
      redirect: 'error',
      signal: abort.signal,
    });
    return { status: response.status, text: await boundedText(response) };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}

async function boundedText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > largestAnswerBytes) throw new Error(`its answer is longer than ${largestAnswerBytes} bytes`);
  }
  return text;
}

function inputOf({ inputMapping }: OpaSpec, document: PolicyDocument): { input: unknown } | { failure: string } {
  if (inputMapping === undefined) return { input: document };
  const input: Record<string, unknown> = {};
  for (const [field, path] of Object.entries(inputMapping)) {
    const value = getProperty(document, path);
    // A metric that is missing now is null to the policy; what no document has is a mistake in the mapping.
    if (value === undefined && !isMetricPath(path)) return { failure: `inputMapping.${field}: there is no "${path}"` };
    input[field] = value ?? null;
  }
  return { input };
}

function isMetricPath(path: string): boolean {
  return path.startsWith('metrics.') || path.startsWith('breaches.');
}

function metricOf({ url, resultMapping }: OpaSpec, text: string): PolicyAnswer {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    return { failure: `${url} answered something that is not JSON` };
  }
  const result = getProperty(answer as Record<string, unknown>, 'result') as unknown;
  if (result === undefined) return { failure: `${url}: the rule is undefined for this input; give it a default` };
  const metric = typeof result === 'object' && result !== null ? getProperty(result, resultMapping.metric) : undefined;
  if (metric === null || metric === '') return { metric: null };
  if (typeof metric === 'string') return { metric };
  return { failure: `${url}: its result has no text at "${resultMapping.metric}"; correct resultMapping.metric` };
}

function reasonOf(error: unknown, timeoutSeconds: number): string {
  const { message, cause } = error as Error;
  if (message === 'timeout') return `no answer within ${timeoutSeconds} s`;
  return cause instanceof Error ? `${message} (${cause.message})` : message;
}

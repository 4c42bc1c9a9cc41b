/** A decision that is delegated to Open Policy Agent: POST {input} to a rule, and the name of a metric out of its result. */
import { LRUCache } from 'lru-cache';
import PQueue from 'p-queue';
import type { ClosedLoopSpec } from '../../policies/resources/closed-loop.ts';
import { valueAt } from './json-path.ts';
import { createHostGuard } from './sources/host-guard.ts';
import { createJsonClient, JsonAnswerError } from './sources/http-json.ts';

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
/** Whose silence is remembered; one that is forgotten is merely waited for again. */
const mostSilent = 1000;

export function createPolicyEngine({ hosts = [/./] }: PolicyEngineOptions = {}): PolicyEngine {
  const queue = new PQueue({ concurrency: questionsInFlight });
  const client = createJsonClient({
    guard: createHostGuard(hosts, undefined, '--policy-host'),
    maxBytes: largestAnswerBytes,
  });
  const silent = new LRUCache<string, { readonly second: number; readonly failure: string }>({ max: mostSilent });

  async function post(opa: OpaSpec, input: unknown, second: number, signal: AbortSignal): Promise<PolicyAnswer> {
    const { url, timeoutSeconds } = opa;
    const { origin } = new URL(url);
    const known = silent.get(origin);
    if (known?.second === second) return { failure: known.failure };
    try {
      const answer = await client.post(url, { input }, { timeoutSeconds, signal });
      silent.delete(origin);
      return policyAnswerOf(opa, answer);
    } catch (error) {
      const { message } = error as Error;
      if (!(error instanceof JsonAnswerError) || error.kind === 'unusable') return { failure: `${url}: ${message}` };
      const reason = error.kind === 'late' ? `no answer within ${timeoutSeconds} s` : message;
      const failure = `${url} did not answer: ${reason}`;
      silent.set(origin, { second, failure });
      return { failure };
    }
  }

  return {
    async ask(opa, document, second, signal) {
      if (!URL.canParse(opa.url)) return { failure: `${opa.url} is no address; correct decision.opa.url` };
      const input = policyInputOf(opa, document);
      if ('failure' in input) return input;
      return queue.add(() => post(opa, input.input, second, signal));
    },
  };
}

/** What is asked, by the mapping of the loop. */
export function policyInputOf(
  { inputMapping }: OpaSpec,
  document: PolicyDocument,
): { input: unknown } | { failure: string } {
  if (inputMapping === undefined) return { input: document };
  const input: [string, unknown][] = [];
  for (const [field, path] of Object.entries(inputMapping)) {
    const value = valueAt(document, path);
    // A metric that is missing now is null to the policy; what no document has is a mistake in the mapping.
    if (value === undefined && !isMetricPath(path)) return { failure: `inputMapping.${field}: there is no "${path}"` };
    input.push([field, value ?? null]);
  }
  // Unlike an assignment, it takes every name for a name: `__proto__` too.
  return { input: Object.fromEntries(input) };
}

function isMetricPath(path: string): boolean {
  return path.startsWith('metrics.') || path.startsWith('breaches.');
}

/** The decision in a parsed answer. */
export function policyAnswerOf({ url, resultMapping }: OpaSpec, answer: unknown): PolicyAnswer {
  const result = valueAt(answer, 'result');
  if (result === undefined) return { failure: `${url}: the rule is undefined for this input; give it a default` };
  const metric = valueAt(result, resultMapping.metric);
  if (metric === null || metric === '') return { metric: null };
  if (typeof metric === 'string') return { metric };
  return { failure: `${url}: its result has no text at "${resultMapping.metric}"; correct resultMapping.metric` };
}

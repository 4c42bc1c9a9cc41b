/** Which queries answer the Prometheus requests of one tick: equal ones asked once, those of one template together. Pure. */
import { LRUCache } from 'lru-cache';
import { UserError } from '../../../env/errors.ts';
import { confineSelectors } from '../../../policies/promql/confine-selectors.ts';
import type { MetricRequest } from '../contract.ts';
import { analyseSharing, type Sharing } from './query-sharing.ts';
import { parseQueryTemplate, type QueryTemplate, renderQuery } from './query-template.ts';
import { groupOf, renderSharedQuery, type Shareable } from './shared-query.ts';

/** What one loop asks, in its own words; several requests may ask the same. */
export interface OwnQuery {
  readonly text: string;
  /** Of the requests that it answers. */
  readonly requests: readonly number[];
}

export interface SharedQuery {
  readonly template: QueryTemplate;
  readonly sharing: Shareable;
  /** At least two. */
  readonly members: readonly (OwnQuery & { readonly group: readonly string[] })[];
}

export interface QueryPlan {
  readonly shared: readonly SharedQuery[];
  readonly own: readonly OwnQuery[];
  /** Requests whose query cannot be asked at all, and why. */
  readonly unusable: readonly { readonly request: number; readonly reason: string }[];
}

export interface QueryPlanner {
  /** @param askAlone own texts that must not be part of a shared query */
  plan(requests: readonly MetricRequest[], askAlone?: (text: string) => boolean): QueryPlan;
}

/**
 * Bounds of one shared query. Measured: Prometheus answers 1,000 names in 10 ms, and in proportion beyond; the bounds keep
 * one query's answer small and its text far below the 10 MiB that a form may have.
 */
export interface SharedQueryLimits {
  readonly members: number;
  /** UTF-16 units of all members' group values together. */
  readonly valueLength: number;
}
export const defaultSharedQueryLimits: SharedQueryLimits = { members: 1000, valueLength: 250_000 };

interface CompiledTemplate {
  readonly template: QueryTemplate;
  readonly sharing: Sharing;
}

export interface QueryPlannerOptions {
  readonly limits?: SharedQueryLimits;
  /** Templates whose analysis is remembered. */
  readonly templatesKept?: number;
  /** Label that every selector has to match with the loop's namespace, whatever else it asks for. */
  readonly namespaceLabel?: string | undefined;
}

export function createQueryPlanner(options: QueryPlannerOptions = {}): QueryPlanner {
  const { limits = defaultSharedQueryLimits, templatesKept = 5000, namespaceLabel } = options;
  const compiled = new LRUCache<string, CompiledTemplate | UserError>({ max: templatesKept });

  function compile(source: string): CompiledTemplate {
    let result = compiled.get(source);
    if (result === undefined) {
      result = compileOrError(source, namespaceLabel);
      compiled.set(source, result);
    }
    if (result instanceof UserError) throw result;
    return result;
  }

  return {
    plan(requests, askAlone = () => false) {
      const unusable: { request: number; reason: string }[] = [];
      const byText = new Map<string, CompiledTemplate & { text: string; group?: string[]; requests: number[] }>();
      requests.forEach((request, index) => {
        const { query = '', variables = {} } = request.source.prometheus ?? {};
        try {
          const { template, sharing } = compile(query);
          const values = { ...variables, namespace: request.namespace, target: request.target.name };
          const text = renderQuery(template, values);
          const known = byText.get(text);
          if (known !== undefined) known.requests.push(index);
          else {
            const group = sharing.shared && !askAlone(text) ? groupOf(sharing, values) : undefined;
            byText.set(text, { template, sharing, text, group, requests: [index] });
          }
        } catch (error) {
          if (!(error instanceof UserError)) throw error;
          unusable.push({ request: index, reason: error.message });
        }
      });

      const own: OwnQuery[] = [];
      const families = new Map<QueryTemplate, SharedQuery & { members: SharedQuery['members'][number][] }>();
      for (const { template, sharing, text, group, requests } of byText.values()) {
        if (!sharing.shared || group === undefined) own.push({ text, requests });
        else {
          const family = families.get(template) ?? { template, sharing, members: [] };
          families.set(template, family);
          family.members.push({ text, requests, group });
        }
      }
      const shared = [...families.values()].flatMap((family) => chunk(family, limits));
      return {
        unusable,
        shared: shared.filter(({ members }) => members.length > 1),
        own: [...own, ...shared.flatMap(({ members }) => (members.length === 1 ? members : []))],
      };
    },
  };
}

/** The text of a shared query. */
export function sharedText({ template, sharing, members }: SharedQuery): string {
  return renderSharedQuery(
    template,
    sharing,
    members.map(({ group }) => group),
  );
}

/**
 * Whether loops share this query, for `explain`: the labels that tell them apart, or why each is asked by itself.
 * @throws UserError `query.syntax`, `query.placeholder`
 */
export function explainSharing(
  query: string,
): { readonly shared: true; readonly labels: readonly string[] } | { readonly shared: false; readonly reason: string } {
  const sharing = analyseSharing(parseQueryTemplate(query));
  return sharing.shared ? { shared: true, labels: sharing.labels.map(({ name }) => name) } : sharing;
}

function compileOrError(source: string, namespaceLabel: string | undefined): CompiledTemplate | UserError {
  try {
    const asked =
      namespaceLabel === undefined
        ? source
        : confineSelectors(source, { label: namespaceLabel, operator: '=', content: '$namespace' });
    const template = parseQueryTemplate(asked);
    return { template, sharing: analyseSharing(template) };
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
}

/** In the order of their groups, so that names of one namespace come together and a tick asks what the last one asked. */
function chunk(query: SharedQuery, limits: SharedQueryLimits): SharedQuery[] {
  const sorted = query.members.toSorted((a, b) => compareGroups(a.group, b.group));
  const chunks: SharedQuery['members'][number][][] = [];
  let length = Number.POSITIVE_INFINITY;
  for (const member of sorted) {
    const memberLength = member.group.reduce((sum, value) => sum + value.length, 0);
    const last = chunks[chunks.length - 1];
    if (last === undefined || last.length >= limits.members || length + memberLength > limits.valueLength) {
      chunks.push([member]);
      length = memberLength;
    } else {
      last.push(member);
      length += memberLength;
    }
  }
  return chunks.map((members) => ({ ...query, members }));
}

function compareGroups(a: readonly string[], b: readonly string[]): number {
  for (const [index, value] of a.entries()) {
    if (value !== b[index]) return value < b[index] ? -1 : 1;
  }
  return 0;
}

/** Autoscalers as closed loops, checked as the API server and the webhook would. Pure. */
import { UserError } from '../../env/errors.ts';
import { checkPromql } from '../../policies/promql/check-promql.ts';
import { closedLoopSpecSchema } from '../../policies/resources/closed-loop.ts';
import { parseQueryTemplate, renderQuery } from '../closed-loop/sources/query-template.ts';
import type { ClosedLoopManifest, GivenQueries, Migration } from './contract.ts';
import { convertHpa } from './hpa.ts';
import { refuseUnused } from './metrics.ts';
import type { Autoscaler } from './read-autoscalers.ts';
import { convertScaledObject } from './scaled-object.ts';

/** @throws UserError `migrate.object`, `migrate.query` naming object and field of what no closed loop can be */
export function migrateAutoscalers(autoscalers: readonly Autoscaler[], queries: GivenQueries): Migration[] {
  const used = new Set<string>();
  const migrations = autoscalers.map((autoscaler) => {
    const { source, object } = autoscaler;
    const context = { source, target: object.spec.scaleTargetRef, queries, used };
    const migration =
      autoscaler.kind === 'ScaledObject'
        ? convertScaledObject(autoscaler.object, context)
        : convertHpa(autoscaler.object, context);
    if (migration.manifest !== undefined) checkManifest(source, migration.manifest);
    return migration;
  });
  refuseUnused(queries, used);
  return migrations;
}

const givenVariables = { namespace: 'namespace', target: 'target' };

function checkManifest(source: string, { spec }: ClosedLoopManifest): void {
  for (const { name, source: of } of spec.metrics) {
    const query = of.prometheus?.query;
    if (query === undefined) continue;
    const wrong = checkPromql(query) ?? placeholderProblem(query);
    if (wrong === undefined) continue;
    throw new UserError('migrate.query', `${source}: the query of metric ${name} (${query}): ${wrong}`);
  }
  const result = closedLoopSpecSchema.safeParse(spec);
  if (result.success) return;
  const [{ path, message }] = result.error.issues;
  throw new UserError(
    'migrate.object',
    `${source}: as a closed loop its ${path.join('.')} is not possible: ${message}`,
    { cause: result.error },
  );
}

function placeholderProblem(query: string): string | undefined {
  try {
    renderQuery(parseQueryTemplate(query), givenVariables);
    return undefined;
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

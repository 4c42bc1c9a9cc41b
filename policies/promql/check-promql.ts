/** Whether Prometheus would take a query, and whether one number can come of it. Without asking it. */
import type { Tree } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';
import { PromqlProblem, typeOfExpression } from './check-types.ts';

/**
 * What is wrong with a query, where, and what to do; undefined when nothing is. Variables such as `$namespace` are in order
 * inside strings, where they are replaced.
 */
export function checkPromql(query: string): string | undefined {
  try {
    const tree = parser.parse(query);
    refuseSyntaxErrors(tree, query);
    const type = typeOfExpression(tree.topNode, query);
    if (type === 'range vector') {
      throw new PromqlProblem(
        0,
        'gives a range of values: put a function such as rate(…) or max_over_time(…) around it',
      );
    }
    if (type === 'string') throw new PromqlProblem(0, 'gives text, not a number: write an expression over metrics');
    return undefined;
  } catch (error) {
    if (error instanceof PromqlProblem) return `${place(query, error.position)}: ${error.message}`;
    throw error;
  }
}

function refuseSyntaxErrors(tree: Tree, query: string): void {
  let position: number | undefined;
  tree.iterate({
    enter: (node) => {
      if (node.type.isError && (position === undefined || node.from < position)) position = node.from;
    },
  });
  if (position === undefined) return;
  if (query.trim() === '') throw new PromqlProblem(0, 'is empty: write a query');
  const rest = query.slice(position).trimStart();
  const at = query.length - query.slice(position).trimStart().length;
  if (rest === '') throw new PromqlProblem(query.length, 'ends too early: a bracket or an operand is missing');
  const functionName = rest.startsWith('(') && /([a-zA-Z_]\w*)\s*$/.exec(query.slice(0, at))?.[1];
  if (functionName) {
    throw new PromqlProblem(at - functionName.length, `there is no function ${functionName}: correct its name`);
  }
  if (rest.startsWith('$')) {
    throw new PromqlProblem(at, `${/^\$\w*/.exec(rest)?.[0]} is replaced inside the quotes of a label matcher only`);
  }
  throw new PromqlProblem(at, `does not fit here: ${JSON.stringify(rest.slice(0, 20))}`);
}

/** "at 12", or "line 2 at 3" for several lines; both count from 1, as Prometheus does. */
function place(query: string, position: number): string {
  const before = query.slice(0, position).split('\n');
  const column = (before.at(-1)?.length ?? 0) + 1;
  return query.includes('\n') ? `line ${before.length} at ${column}` : `at ${column}`;
}

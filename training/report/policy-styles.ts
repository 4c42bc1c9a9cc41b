/** Which colour and symbol a policy has everywhere on a page. */
import { type PolicyStyle, policyStyle } from '../../env/report/chart-svg.ts';
import { recipeOf } from './policy-summary.ts';

/**
 * Checkpoints take the first colours, since the page is about them; the seeds of one recipe share theirs.
 * `extra` are further things to draw (frontiers) that share a style with the policy of the same name.
 */
export function assignStyles(policies: readonly string[], extra: readonly string[] = []): Map<string, PolicyStyle> {
  const ordered = [...policies].sort(
    (a, b) => Number(b.startsWith('checkpoint:')) - Number(a.startsWith('checkpoint:')),
  );
  const indices = new Map<string, number>();
  const styles = new Map<string, PolicyStyle>();
  for (const name of [...ordered, ...extra]) {
    const key = recipeOf(name) ?? name;
    if (!indices.has(key)) indices.set(key, indices.size);
    styles.set(name, policyStyle(indices.get(key) as number));
  }
  return styles;
}

/** From what was listed to what is to be decided for. Pure. */
import { groupNameOf } from '../../policies/deliberation/observed-system.ts';
import { type DeliberativeLoopSpec, deliberativeLoopSpecSchema } from '../../policies/resources/deliberative-loop.ts';
import type { Job, JobLoop } from './decide.ts';
import type { LoopOutcome } from './readiness.ts';
import { type ServedLoops, servedLoops } from './selection.ts';
import type { Tuner } from './tuner.ts';
import type { ParsedDeliberativeLoop, Targets } from './world.ts';

/** For one whose own cannot be read. */
const idleSpec: DeliberativeLoopSpec = deliberativeLoopSpecSchema.parse({
  closedLoops: { names: [] },
  policy: { none: {} },
});

/**
 * @param listed every DeliberativeLoop, with whatever policy: an older one may keep a closed loop
 * @param tuners those to serve
 */
export function jobsFor(
  tuners: readonly Tuner[],
  listed: readonly ParsedDeliberativeLoop[],
  { closedLoops, scalingGroups }: Targets,
): Job[] {
  const selections = new Map<string, ReadonlyMap<string, ServedLoops>>();
  const selectionsIn = (namespace: string) => {
    const known = selections.get(namespace);
    if (known !== undefined) return known;
    const selecting = listed.flatMap(({ object, spec }) =>
      spec !== undefined && object.metadata.namespace === namespace ? [{ metadata: object.metadata, spec }] : [],
    );
    const candidates = [...(closedLoops.get(namespace)?.values() ?? [])].map(({ object }) => object);
    const made = servedLoops(selecting, candidates);
    selections.set(namespace, made);
    return made;
  };
  return tuners.map((tuner): Job => {
    const { namespace = '', name } = tuner.object.metadata;
    const selection = selectionsIn(namespace).get(name);
    if (tuner.spec === undefined || selection === undefined) {
      return { tuner, spec: idleSpec, loops: [], unreadable: [], beyond: 0 };
    }
    const loops: JobLoop[] = [];
    const unreadable: LoopOutcome[] = [];
    for (const loopName of selection.closedLoops) {
      const found = closedLoops.get(namespace)?.get(loopName);
      if (found?.spec !== undefined) {
        const { key, object, spec } = found;
        const group = scalingGroups.get(namespace)?.get(groupNameOf(spec) ?? '');
        loops.push({ key, name: loopName, object, spec, group });
      } else {
        const message = found?.problems ?? 'it is gone';
        unreadable.push({ closedLoop: loopName, abstention: { reason: 'InvalidSpec', message } });
      }
    }
    return { tuner, spec: tuner.spec, loops, unreadable, beyond: selection.beyond };
  });
}

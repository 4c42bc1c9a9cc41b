/** Who was there first: of two objects that want the same, the older one has it. */
import type { ObjectMeta } from './resource.ts';

interface Aged {
  readonly metadata: Pick<ObjectMeta, 'name' | 'creationTimestamp'>;
}

/** The API server has not given a time yet to an object that is being made: it is younger than all that are there. */
const stillToCome = '9999-12-31T23:59:59Z';

export function creationTimestampOf({ metadata }: Aged): string {
  return metadata.creationTimestamp ?? stillToCome;
}

/** For sorting, older first; of two made in the same second the one whose name sorts first: every process agrees on it. */
export function byAge(one: Aged, other: Aged): number {
  const [a, b] = [creationTimestampOf(one), creationTimestampOf(other)];
  if (a !== b) return a < b ? -1 : 1;
  if (one.metadata.name === other.metadata.name) return 0;
  return one.metadata.name < other.metadata.name ? -1 : 1;
}

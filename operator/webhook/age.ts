/** Who was there first: of two objects that want the same, the older one has it. */
import type { ObjectMeta } from '../../policies/resources/resource.ts';

interface Aged {
  readonly metadata: Pick<ObjectMeta, 'name' | 'creationTimestamp'>;
}

/** The API server has not given a time yet to an object that is being made: it is younger than all that are there. */
const stillToCome = '9999-12-31T23:59:59Z';

export function creationTimestampOf({ metadata }: Aged): string {
  return metadata.creationTimestamp ?? stillToCome;
}

/** Of two made in the same second, the one whose name sorts first. */
export function isOlder(one: Aged, other: Aged): boolean {
  const [a, b] = [creationTimestampOf(one), creationTimestampOf(other)];
  return a === b ? one.metadata.name < other.metadata.name : a < b;
}

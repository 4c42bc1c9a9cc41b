/** The order in which test files start. Few run at a time: a long one that starts last would run alone in the end. */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files of a minute or more, as beginnings of their paths from the repository's root; the longest first. */
const longest = [
  'training/live/',
  'agent/faults/',
  'training/in-cluster/',
  'operator/faults/',
  'policies/live-features',
  'test/documentation/',
  'notebooks/',
  'bridges/',
  'training/',
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId, project }: TestSpecification) => {
      const path = moduleId.slice(project.config.root.length + 1);
      const found = longest.findIndex((beginning) => path.startsWith(beginning));
      return found === -1 ? longest.length : found;
    };
    // Stable: among those of one rank vitest's own order stays.
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other));
  }
}

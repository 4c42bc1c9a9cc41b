/** What belongs into manifests/crds: one file for each custom resource. */
import { stringify } from 'yaml';
import { resourceDefinitions } from '../../policies/resources/definitions.ts';
import { apiGroup } from '../../policies/resources/resource.ts';
import { customResourceDefinition } from './custom-resource-definition.ts';

export interface GeneratedFile {
  readonly name: string;
  readonly content: string;
}

const header = '# Generated from the zod schemas in policies/resources by `npm run generate`: change those.\n';

export function crdFiles(): GeneratedFile[] {
  return resourceDefinitions.map((definition) => ({
    name: `${apiGroup}_${definition.plural}.yaml`,
    content: header + stringify(customResourceDefinition(definition), { lineWidth: 120, aliasDuplicateObjects: false }),
  }));
}

/** docs/reference/resources.md: every field of every custom resource, by the schemas that their CRDs are made of. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import { structuralSchema } from '../../../operator/crds/structural-schema.ts';
import { resourceDefinitions } from '../../../policies/resources/definitions.ts';
import { apiVersion, type ResourceDefinition } from '../../../policies/resources/resource.ts';
import { code, fenced, generatedNote, link, listItem, sentence, wrap } from './markdown.ts';
import { type JsonSchema, objectSections } from './schema-fields.ts';

/** Where the examples are taken from; tests apply these files to an API server. */
const samples = ['manifests/samples/teastore.yaml', 'manifests/samples/deployment.yaml'];

export async function resourcesPage(repositoryRoot: string): Promise<string> {
  const examples = await readExamples(repositoryRoot);
  const intro = [
    generatedNote('the schemas in policies/resources'),
    '# Custom resources',
    wrap(
      `All are of ${code(apiVersion)} and live in a namespace. The API server checks types, bounds and rules as they stand here, ` +
        'and fills in defaults; so do operator and agent. What each is for: [operator](../operator.md), [agent](../agent.md).',
    ),
    resourceDefinitions
      .map(({ kind, description }) => listItem(`${link(kind, kind)}: ${sentence(description)}`))
      .join('\n'),
  ];
  const described = new Map<string, string>();
  const pages = resourceDefinitions.flatMap((definition) =>
    resourceSections(definition, examples.get(definition.kind), described),
  );
  return `${[...intro, ...pages].join('\n\n')}\n`;
}

function resourceSections(
  definition: ResourceDefinition,
  example: object | undefined,
  described: Map<string, string>,
): string[] {
  const text = { headingMarks: '###', owner: definition.kind, described };
  const { kind, plural, shortNames, description, printerColumns, scale } = definition;
  const names = [plural, ...shortNames].map(code).join(' or ');
  const columns = printerColumns.map(({ name, priority = 0 }) => (priority > 0 ? `${name} (wide)` : name)).join(', ');
  const facts = [
    sentence(description),
    `For kubectl: ${names}; ${code(`kubectl get ${plural}`)} shows ${columns}.`,
    ...(scale === undefined
      ? []
      : [
          `${code('kubectl scale')}, an HPA and KEDA set ${code(scale.specReplicasPath.slice(1))} by its scale subresource.`,
        ]),
    ...(example === undefined ? ['The operator makes these; another controller may handle them.'] : []),
  ];
  return [
    `## ${kind}`,
    wrap(facts.join(' ')),
    ...(example === undefined ? [] : [fenced(stringify(example, { lineWidth: 100 }), 'yaml')]),
    ...objectSections(structuralSchema(definition.spec) as JsonSchema, 'spec', text),
    ...objectSections(structuralSchema(definition.status) as JsonSchema, 'status', text),
  ];
}

/** The first object of each kind in the samples. */
async function readExamples(repositoryRoot: string): Promise<Map<string, object>> {
  const examples = new Map<string, object>();
  for (const sample of samples) {
    for (const document of parseAllDocuments(await readFile(join(repositoryRoot, sample), 'utf8'))) {
      const object = document.toJS() as { apiVersion?: string; kind?: string } | null;
      if (object?.apiVersion === apiVersion && object.kind !== undefined && !examples.has(object.kind)) {
        examples.set(object.kind, object);
      }
    }
  }
  return examples;
}

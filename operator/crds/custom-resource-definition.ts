/** A resource definition in zod as the CustomResourceDefinition that a Kubernetes API server takes. */
import { apiGroup, apiVersion, type ResourceDefinition } from '../../policies/resources/resource.ts';
import { structuralSchema } from './structural-schema.ts';

const maximumNameLength = 253;

/** All of `kubectl get duoloop`. */
const category = 'duoloop';

export function customResourceDefinition(definition: ResourceDefinition) {
  const { kind, plural, singular, shortNames, description, scale, printerColumns } = definition;
  const { required: _, ...status } = structuralSchema(definition.status);
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${apiGroup}`, labels: { 'app.kubernetes.io/part-of': 'duoloop' } },
    spec: {
      group: apiGroup,
      scope: 'Namespaced',
      names: { kind, plural, singular, listKind: `${kind}List`, shortNames: [...shortNames], categories: [category] },
      versions: [
        {
          name: apiVersion.slice(apiGroup.length + 1),
          served: true,
          storage: true,
          subresources: { status: {}, ...(scale && { scale: { ...scale } }) },
          additionalPrinterColumns: printerColumns.map((column) => ({ ...column })),
          schema: {
            openAPIV3Schema: {
              type: 'object',
              description: `${description}.`,
              required: ['spec'],
              properties: {
                apiVersion: { type: 'string', description: `Always ${apiVersion}.`, maxLength: maximumNameLength },
                kind: { type: 'string', description: `Always ${kind}.`, maxLength: maximumNameLength },
                metadata: { type: 'object' },
                spec: { description: 'What is wanted.', ...structuralSchema(definition.spec) },
                // Not required as a whole: operator and agent each write their own fields of it.
                status: { description: 'What Duoloop observed and decided.', ...status },
              },
            },
          },
        },
      ],
    },
  };
}

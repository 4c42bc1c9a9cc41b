/** The ValidatingWebhookConfiguration: which writes the API server asks us about, and whom it trusts to be us. */
import { isNotFound, type ResourceType } from '../../env/cluster/kubernetes-api.ts';
import { apiGroup, apiVersion } from '../../policies/resources/resource.ts';
import { fieldManager, type OperatorContext } from '../runtime/contract.ts';

export const webhookConfigurationType: ResourceType = {
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingWebhookConfiguration',
  plural: 'validatingwebhookconfigurations',
  namespaced: false,
};

export const webhookPath = '/validate';
const webhookName = `checks.${apiGroup}`;
const checkedPlurals = [
  'scalinggroups',
  'closedloops',
  'deliberativeloops',
  'monitorings',
  'monitoringds',
  'decisionds',
  'executionds',
];

/** Where the API server reaches the webhook. */
export type WebhookAddress =
  | { readonly service: { readonly name: string; readonly namespace: string; readonly port?: number } }
  /** Outside of the cluster, such as https://127.0.0.1:9443; the path is added. */
  | { readonly url: string };

/** DNS names and addresses that the certificate has to be good for. */
export function hostsOf(address: WebhookAddress): string[] {
  if ('url' in address) return [new URL(address.url).hostname.replace(/^\[|\]$/g, '')];
  const { name, namespace } = address.service;
  return [`${name}.${namespace}.svc`, `${name}.${namespace}.svc.cluster.local`];
}

export interface Registration {
  readonly name: string;
  readonly address: WebhookAddress;
  /** PEM; undefined in manifests, where nobody has made a certificate yet. */
  readonly authorities?: string;
  /** Undefined for all. */
  readonly namespaces?: readonly string[];
}

export function webhookConfiguration({ name, address, authorities, namespaces }: Registration) {
  const place =
    'url' in address
      ? { url: `${address.url.replace(/\/+$/, '')}${webhookPath}` }
      : { service: { ...address.service, port: address.service.port ?? 443, path: webhookPath } };
  return {
    apiVersion: webhookConfigurationType.apiVersion,
    kind: webhookConfigurationType.kind,
    metadata: { name, labels: { 'app.kubernetes.io/part-of': 'duoloop' } },
    webhooks: [
      {
        name: webhookName,
        clientConfig: {
          ...place,
          ...(authorities !== undefined && { caBundle: Buffer.from(authorities).toString('base64') }),
        },
        rules: [
          {
            apiGroups: [apiGroup],
            apiVersions: [apiVersion.slice(apiGroup.length + 1)],
            operations: ['CREATE', 'UPDATE'],
            resources: checkedPlurals,
            scope: 'Namespaced',
          },
        ],
        // Nobody is kept from mending a cluster because we are down: reconciles check the same and set conditions.
        failurePolicy: 'Ignore',
        matchPolicy: 'Equivalent',
        sideEffects: 'None',
        timeoutSeconds: 5,
        admissionReviewVersions: ['v1'],
        ...(namespaces !== undefined && {
          namespaceSelector: {
            matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'In', values: [...namespaces] }],
          },
        }),
      },
    ],
  };
}

interface StoredConfiguration {
  readonly webhooks?: readonly { readonly name: string; readonly clientConfig?: Readonly<Record<string, unknown>> }[];
}

/**
 * Makes the API server ask us, and trust our certificate; writes nothing when it does already.
 * @throws KubernetesError
 */
export async function register(
  { api }: Pick<OperatorContext, 'api'>,
  registration: Registration,
  signal: AbortSignal,
): Promise<boolean> {
  const wanted = webhookConfiguration(registration);
  const stored = await api
    .get<StoredConfiguration>(webhookConfigurationType, undefined, registration.name, { signal })
    .catch((error) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
  const client = stored?.webhooks?.find(({ name }) => name === webhookName)?.clientConfig;
  const { caBundle } = wanted.webhooks[0].clientConfig;
  if (client !== undefined && client.caBundle === caBundle && sameAddress(client, registration.address)) {
    return false;
  }
  await api.apply(webhookConfigurationType, wanted, { fieldManager, signal });
  return true;
}

function sameAddress(client: Readonly<Record<string, unknown>>, address: WebhookAddress): boolean {
  if ('url' in address) return client.url === `${address.url.replace(/\/+$/, '')}${webhookPath}`;
  const service = client.service as Partial<{ name: string; namespace: string }> | undefined;
  return service?.name === address.service.name && service?.namespace === address.service.namespace;
}

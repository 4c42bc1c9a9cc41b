/** Where the webhook's certificates are kept, so that all replicas serve the same and a restart changes nothing. */
import { isNotFound, KubernetesError, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import type { StoredObject } from '../../policies/resources/resource.ts';
import { fieldManager, type OperatorContext } from '../runtime/contract.ts';
import { type Renewal, renew, renewalOf, type WebhookCertificates } from './certificates.ts';

interface SecretObject extends StoredObject {
  readonly data?: Readonly<Record<string, string>>;
}

export interface CertificateSecretOptions {
  readonly context: Pick<OperatorContext, 'api' | 'mayAct' | 'now'>;
  readonly namespace: string;
  readonly name: string;
  readonly hosts: readonly string[];
}

export interface CertificateSecret {
  /**
   * The certificates as they are to be served now. The leader makes and renews them; other replicas take what is there,
   * undefined while nothing is. Of two that renew at once, one wins and both serve its certificates.
   * @throws KubernetesError
   */
  current(signal: AbortSignal): Promise<{ certificates: WebhookCertificates; renewed: Renewal } | undefined>;
}

export function createCertificateSecret({
  context,
  namespace,
  name,
  hosts,
}: CertificateSecretOptions): CertificateSecret {
  const { api, mayAct, now } = context;
  const type = resourceTypes.secret;

  async function read(signal: AbortSignal): Promise<SecretObject | undefined> {
    try {
      return await api.get<SecretObject>(type, namespace, name, { signal });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async function write(before: SecretObject | undefined, certificates: WebhookCertificates, signal: AbortSignal) {
    const object = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name, namespace, resourceVersion: before?.metadata.resourceVersion, labels: before?.metadata.labels },
      type: 'kubernetes.io/tls',
      data: dataOf(certificates),
    };
    if (before === undefined) await api.create(type, namespace, object, { fieldManager, signal });
    else await api.replace(type, object, { fieldManager, signal });
  }

  return {
    async current(signal) {
      const secret = await read(signal);
      const found = secret && certificatesOf(secret);
      const renewal = renewalOf(found, hosts, now());
      if (renewal === 'none' || !mayAct()) return found && { certificates: found, renewed: 'none' };
      const certificates = await renew(found, renewal, hosts, now());
      try {
        await write(secret, certificates, signal);
        return { certificates, renewed: renewal };
      } catch (error) {
        if (!(error instanceof KubernetesError && error.status === 409)) throw error;
        const theirs = await read(signal);
        const taken = theirs && certificatesOf(theirs);
        return taken && { certificates: taken, renewed: 'none' };
      }
    },
  };
}

const keys = { certificate: 'tls.crt', privateKey: 'tls.key', authorities: 'ca.crt', authorityKey: 'ca.key' } as const;

function dataOf(certificates: WebhookCertificates): Record<string, string> {
  return Object.fromEntries(
    Object.entries(keys).map(([field, key]) => [
      key,
      Buffer.from(certificates[field as keyof WebhookCertificates]).toString('base64'),
    ]),
  );
}

function certificatesOf({ data = {} }: SecretObject): WebhookCertificates | undefined {
  if (data[keys.certificate] === undefined || data[keys.authorities] === undefined) return undefined;
  const text = (key: string) => Buffer.from(data[key] ?? '', 'base64').toString('utf8');
  return {
    certificate: text(keys.certificate),
    privateKey: text(keys.privateKey),
    authorities: text(keys.authorities),
    authorityKey: text(keys.authorityKey),
  };
}

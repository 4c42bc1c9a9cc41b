/** The webhook's certificate and the authority that signs it: issued, judged and renewed here, kept elsewhere. */
import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import {
  type Authority,
  certificatePem,
  createAuthority,
  importSigningKey,
  issueCertificate,
  privateKeyPem,
} from '../../env/certificates.ts';

/** All in PEM. */
export interface WebhookCertificates {
  readonly certificate: string;
  readonly privateKey: string;
  /** The authority that signs now, first, and those before it whose certificates may still be in use. */
  readonly authorities: string;
  readonly authorityKey: string;
}

export type Renewal = 'none' | 'certificate' | 'everything';

const secondsPerDay = 86_400;
export const certificateSeconds = 90 * secondsPerDay;
export const renewCertificateSeconds = 30 * secondsPerDay;
/** Long, since a new one has to reach the API server before it is used. */
export const authoritySeconds = 3650 * secondsPerDay;
export const renewAuthoritySeconds = 365 * secondsPerDay;

/**
 * What has to be made anew. Unreadable certificates are made anew like missing ones.
 * @param hosts DNS names and addresses that the certificate must be good for
 * @param now Unix seconds
 */
export function renewalOf(current: WebhookCertificates | undefined, hosts: readonly string[], now: number): Renewal {
  if (current === undefined) return 'everything';
  try {
    const [authority] = certificatesIn(current.authorities);
    if (secondsLeft(authority, now) < renewAuthoritySeconds || current.authorityKey === '') return 'everything';
    const certificate = new x509.X509Certificate(current.certificate);
    if (secondsLeft(certificate, now) < renewCertificateSeconds || current.privateKey === '') return 'certificate';
    return hosts.every((host) => hostsOf(certificate).includes(host)) ? 'none' : 'certificate';
  } catch {
    return 'everything';
  }
}

/** @param now Unix seconds */
export async function renew(
  current: WebhookCertificates | undefined,
  renewal: Exclude<Renewal, 'none'>,
  hosts: readonly string[],
  now: number,
): Promise<WebhookCertificates> {
  if (renewal === 'certificate' && current !== undefined) {
    const [certificate] = certificatesIn(current.authorities);
    const signingKey = await importSigningKey(current.authorityKey);
    return { ...current, ...(await issue({ certificate, signingKey }, hosts, now)) };
  }
  // Two authorities of one name would be taken for each other.
  const commonName = `duoloop-webhook-${randomBytes(4).toString('hex')}`;
  const authority = await createAuthority({ commonName, now, validSeconds: authoritySeconds });
  return {
    ...(await issue(authority, hosts, now)),
    authorities: [authority.certificate, ...stillValid(current, now)].map(certificatePem).join(''),
    authorityKey: await privateKeyPem(authority.signingKey),
  };
}

/** Unix seconds at which the certificate ends. */
export function expiryOf({ certificate }: Pick<WebhookCertificates, 'certificate'>): number {
  return new x509.X509Certificate(certificate).notAfter.getTime() / 1000;
}

async function issue(
  authority: Authority,
  hosts: readonly string[],
  now: number,
): Promise<Pick<WebhookCertificates, 'certificate' | 'privateKey'>> {
  const issued = await issueCertificate(authority, {
    commonName: 'duoloop-webhook',
    hosts,
    usages: [x509.ExtendedKeyUsage.serverAuth],
    now,
    validSeconds: certificateSeconds,
  });
  return { certificate: issued.certificatePem, privateKey: issued.privateKeyPem };
}

function stillValid(current: WebhookCertificates | undefined, now: number): x509.X509Certificate[] {
  try {
    return certificatesIn(current?.authorities ?? '').filter((authority) => secondsLeft(authority, now) > 0);
  } catch {
    return [];
  }
}

/** @throws Error when there is none, or one that cannot be read */
function certificatesIn(pem: string): x509.X509Certificate[] {
  if (pem === '') return [];
  return x509.PemConverter.decode(pem).map((data) => new x509.X509Certificate(data));
}

function hostsOf(certificate: x509.X509Certificate): string[] {
  const names = certificate.getExtension(x509.SubjectAlternativeNameExtension)?.names.toJSON() ?? [];
  return names.map(({ value }) => value);
}

function secondsLeft({ notAfter }: x509.X509Certificate, now: number): number {
  return notAfter.getTime() / 1000 - now;
}

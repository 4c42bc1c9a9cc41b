/** The webhook's certificate and the authority that signs it: issued, judged and renewed here, kept elsewhere. */
import 'reflect-metadata';
import { randomBytes, type webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';

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
/** For clocks that disagree. */
const backdatedSeconds = 300;

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

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
    const [authority] = certificatesIn(current.authorities);
    const key = await importKey(current.authorityKey);
    return { ...current, ...(await issue(hosts, authority, key, now)) };
  }
  const keys = await generateKeys();
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity(now, authoritySeconds),
    // Two authorities of one name would be taken for each other.
    name: [{ CN: [`duoloop-webhook-${randomBytes(4).toString('hex')}`] }],
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return {
    ...(await issue(hosts, authority, keys.privateKey, now)),
    authorities: [authority, ...stillValid(current, now)].map((one) => pemOf(one)).join(''),
    authorityKey: await privateKeyPem(keys.privateKey),
  };
}

/** Unix seconds at which the certificate ends. */
export function expiryOf({ certificate }: Pick<WebhookCertificates, 'certificate'>): number {
  return new x509.X509Certificate(certificate).notAfter.getTime() / 1000;
}

async function issue(
  hosts: readonly string[],
  authority: x509.X509Certificate,
  signingKey: webcrypto.CryptoKey,
  now: number,
): Promise<Pick<WebhookCertificates, 'certificate' | 'privateKey'>> {
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.create({
    ...validity(now, certificateSeconds),
    subject: [{ CN: ['duoloop-webhook'] }],
    issuer: authority.subjectName,
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey),
      new x509.SubjectAlternativeNameExtension(
        hosts.map((value) => ({ type: isIP(value) ? ('ip' as const) : ('dns' as const), value })),
      ),
    ],
  });
  return { certificate: pemOf(certificate), privateKey: await privateKeyPem(keys.privateKey) };
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

function validity(now: number, seconds: number) {
  return {
    serialNumber: randomBytes(16).toString('hex'),
    notBefore: new Date((now - backdatedSeconds) * 1000),
    notAfter: new Date((now + seconds) * 1000),
  };
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>;
}

async function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const data = x509.PemConverter.decodeFirst(pem);
  return crypto.subtle.importKey('pkcs8', data, algorithm, true, ['sign']) as Promise<webcrypto.CryptoKey>;
}

async function privateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  return `${x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY').trimEnd()}\n`;
}

function pemOf(certificate: x509.X509Certificate): string {
  return `${certificate.toString('pem').trimEnd()}\n`;
}

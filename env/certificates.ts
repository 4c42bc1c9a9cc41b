/** X.509 certificates: authorities and what they sign. ECDSA P-256; everything that leaves is PEM. */
import 'reflect-metadata';
import { randomBytes, type webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';

export interface Authority {
  readonly certificate: x509.X509Certificate;
  readonly signingKey: webcrypto.CryptoKey;
}

export interface Certificate {
  readonly certificatePem: string;
  /** PKCS#8. */
  readonly privateKeyPem: string;
}

export interface Validity {
  /** Unix seconds of the moment of issue; the certificate is valid from some minutes before, for clocks that disagree. */
  readonly now: number;
  readonly validSeconds: number;
}

export interface CertificateRequest extends Validity {
  /** For a client, the user name that Kubernetes reads from it. */
  readonly commonName: string;
  /** For a client, the groups. */
  readonly organizations?: readonly string[];
  /** DNS names and addresses that a server answers to; without any the certificate is a client's. */
  readonly hosts?: readonly string[];
  /** Default: servers and clients. */
  readonly usages?: readonly x509.ExtendedKeyUsage[];
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const backdatedSeconds = 300;

export async function createAuthority({ commonName, now, validSeconds }: CertificateRequest): Promise<Authority> {
  const keys = await generateSigningKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity({ now, validSeconds }),
    name: [{ CN: [commonName] }],
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate, signingKey: keys.privateKey };
}

/** A certificate with a new key. */
export async function issueCertificate(authority: Authority, request: CertificateRequest): Promise<Certificate> {
  const { commonName, organizations = [], hosts = [] } = request;
  const { usages = [x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth] } = request;
  const keys = await generateSigningKeys();
  const names = hosts.map((value) => ({ type: isIP(value) ? ('ip' as const) : ('dns' as const), value }));
  const certificate = await x509.X509CertificateGenerator.create({
    ...validity(request),
    subject: [...organizations.map((name) => ({ O: [name] })), { CN: [commonName] }],
    issuer: authority.certificate.subjectName,
    publicKey: keys.publicKey,
    signingKey: authority.signingKey,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([...usages]),
      await x509.AuthorityKeyIdentifierExtension.create(authority.certificate.publicKey),
      ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
    ],
  });
  return { certificatePem: certificatePem(certificate), privateKeyPem: await privateKeyPem(keys.privateKey) };
}

export function generateSigningKeys(): Promise<webcrypto.CryptoKeyPair> {
  return crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>;
}

/** @throws Error for what is not a PKCS#8 key of ours */
export async function importSigningKey(pem: string): Promise<webcrypto.CryptoKey> {
  const data = x509.PemConverter.decodeFirst(pem);
  return crypto.subtle.importKey('pkcs8', data, algorithm, true, ['sign']) as Promise<webcrypto.CryptoKey>;
}

export async function privateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  return pem('PRIVATE KEY', await crypto.subtle.exportKey('pkcs8', key));
}

export async function publicKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  return pem('PUBLIC KEY', await crypto.subtle.exportKey('spki', key));
}

export function certificatePem(certificate: x509.X509Certificate): string {
  return withNewline(certificate.toString('pem'));
}

function validity({ now, validSeconds }: Validity) {
  return {
    serialNumber: randomBytes(16).toString('hex'),
    notBefore: new Date((now - backdatedSeconds) * 1000),
    notAfter: new Date((now + validSeconds) * 1000),
  };
}

function pem(tag: string, data: ArrayBuffer): string {
  return withNewline(x509.PemConverter.encode(data, tag));
}

function withNewline(text: string): string {
  return `${text.trimEnd()}\n`;
}

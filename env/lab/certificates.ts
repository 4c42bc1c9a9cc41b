/** A certificate authority of the lab's own. Its key never leaves the process; what it signs is valid for a week. */
import 'reflect-metadata';
import { randomBytes, type webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

export interface Certificate {
  readonly certificatePem: string;
  /** PKCS#8. */
  readonly privateKeyPem: string;
}

export interface CertificateRequest {
  /** For a client, the user name that Kubernetes reads from it. */
  readonly commonName: string;
  /** For a client, the groups. */
  readonly organizations?: readonly string[];
  /** What a server answers to; without any the certificate is a client's. */
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
}

export interface CertificateAuthority {
  readonly certificatePem: string;
  /** A certificate for TLS servers and clients with a new key. */
  issue(request: CertificateRequest): Promise<Certificate>;
}

const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const validMilliseconds = 7 * 24 * 3_600_000;
/** Clocks of two processes on one machine agree, but some verifiers refuse a certificate of the current second. */
const backdatedMilliseconds = 60_000;

export async function createCertificateAuthority(commonName: string): Promise<CertificateAuthority> {
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity(),
    name: [{ CN: [commonName] }],
    keys,
    signingAlgorithm: keyAlgorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return {
    certificatePem: withNewline(certificate.toString('pem')),
    issue: (request) => issue(request, certificate, keys.privateKey),
  };
}

/** An ECDSA key with which the API server signs the tokens of service accounts. */
export async function createSigningKey(): Promise<{ privateKeyPem: string; publicKeyPem: string }> {
  const keys = await generateKeys();
  return {
    privateKeyPem: await privateKeyPem(keys.privateKey),
    publicKeyPem: pem('PUBLIC KEY', await crypto.subtle.exportKey('spki', keys.publicKey)),
  };
}

async function issue(
  { commonName, organizations = [], dnsNames = [], ipAddresses = [] }: CertificateRequest,
  issuer: x509.X509Certificate,
  signingKey: webcrypto.CryptoKey,
): Promise<Certificate> {
  const keys = await generateKeys();
  const alternativeNames: x509.JsonGeneralNames = [
    ...dnsNames.map((value) => ({ type: 'dns' as const, value })),
    ...ipAddresses.map((value) => ({ type: 'ip' as const, value })),
  ];
  const certificate = await x509.X509CertificateGenerator.create({
    ...validity(),
    subject: [...organizations.map((name) => ({ O: [name] })), { CN: [commonName] }],
    issuer: issuer.subjectName,
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: keyAlgorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      ...(alternativeNames.length > 0 ? [new x509.SubjectAlternativeNameExtension(alternativeNames)] : []),
    ],
  });
  return {
    certificatePem: withNewline(certificate.toString('pem')),
    privateKeyPem: await privateKeyPem(keys.privateKey),
  };
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return crypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>;
}

function validity() {
  const now = Date.now();
  return {
    serialNumber: randomBytes(16).toString('hex'),
    notBefore: new Date(now - backdatedMilliseconds),
    notAfter: new Date(now + validMilliseconds),
  };
}

async function privateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  return pem('PRIVATE KEY', await crypto.subtle.exportKey('pkcs8', key));
}

function pem(tag: string, data: ArrayBuffer): string {
  return withNewline(x509.PemConverter.encode(data, tag));
}

function withNewline(text: string): string {
  return `${text.trimEnd()}\n`;
}

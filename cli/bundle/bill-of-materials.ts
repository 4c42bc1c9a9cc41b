/**
 * The software bill of materials of an image, in CycloneDX: what npm says of the packages that are really in it, the Debian
 * packages below them, and Node.js with the libraries it was built with. Pure.
 */
import { createHash } from 'node:crypto';
import type { DebianPackage } from './debian-packages.ts';

interface Component {
  readonly 'bom-ref': string;
  readonly type: string;
  readonly name: string;
  readonly version: string;
  readonly [field: string]: unknown;
}

/** The part of `npm sbom --sbom-format cyclonedx` that is read here. */
export interface NpmBill {
  readonly specVersion: string;
  readonly metadata: { readonly component: Component; readonly [field: string]: unknown };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
  readonly [field: string]: unknown;
}

/** What npm knows of a lock file, and what of that is in the image. */
export interface NpmPart {
  readonly bill: NpmBill;
  /** As `name@version`. */
  readonly packages: readonly string[];
}

export interface ImageContent {
  /** Name of the image. */
  readonly name: string;
  /** The first is Duoloop's own. */
  readonly npm: readonly [NpmPart, ...NpmPart[]];
  /** Package URLs of what came by other ways. */
  readonly libraries?: readonly string[];
  /** None for a bundle that is in no image yet. */
  readonly system?: {
    readonly debian: readonly DebianPackage[];
    /** `process.versions` of the Node.js in the image. */
    readonly nodeVersions: Readonly<Record<string, string | undefined>>;
  };
  readonly created: Date;
}

/** What `process.versions` has beside libraries: interfaces and data. */
const notLibraries = ['node', 'modules', 'napi', 'unicode', 'tz', 'cldr'];

/** @throws Error when npm does not know one of the packages: the lock file and what is installed differ */
export function billOfMaterials({ name, npm, libraries = [], system, created }: ImageContent): NpmBill {
  const parts = npm.map(partOfImage);
  const [{ bill: own }] = npm;
  const components = [
    ...parts.flatMap((part) => part.components),
    ...libraries.map(libraryComponent),
    ...(system ? [nodeComponent(system.nodeVersions), ...system.debian.map(debianComponent)] : []),
  ];
  return {
    ...own,
    serialNumber: serialNumber(JSON.stringify([name, components])),
    metadata: {
      ...own.metadata,
      timestamp: created.toISOString(),
      lifecycles: [{ phase: 'build' }],
      // npm takes the name of the checkout's folder.
      component: { ...own.metadata.component, type: system ? 'container' : 'application', name },
    },
    components: uniqueBy(components, refOf),
    dependencies: uniqueBy(
      parts.flatMap((part) => part.dependencies),
      ({ ref }) => ref,
    ),
  };
}

function partOfImage({ bill, packages }: NpmPart, index: number): Pick<NpmBill, 'components' | 'dependencies'> {
  const known = new Set(bill.components.map(refOf));
  const unknown = packages.filter((reference) => !known.has(reference));
  if (unknown.length > 0) throw new Error(`not in package-lock.json: ${unknown.join(', ')}; run npm ci`);
  const inside = new Set(packages);
  const isRoot = (ref: string) => index === 0 && ref === refOf(bill.metadata.component);
  return {
    components: bill.components.filter((component) => inside.has(refOf(component))),
    dependencies: bill.dependencies
      .filter(({ ref }) => isRoot(ref) || inside.has(ref))
      .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((other) => inside.has(other)) })),
  };
}

function uniqueBy<Item>(items: readonly Item[], key: (item: Item) => string): Item[] {
  return [...new Map(items.map((item) => [key(item), item])).values()];
}

/** @param purl such as `pkg:pypi/tensorflow-cpu@2.15.1` */
function libraryComponent(purl: string): Component {
  const [, name, version] = /^pkg:[^/]+\/([^@]+)@([^?]+)/.exec(purl) ?? [];
  if (name === undefined) throw new Error(`${purl} is no package URL with a version`);
  return { 'bom-ref': purl, type: 'library', name, version, purl };
}

function refOf(component: Component): string {
  return component['bom-ref'];
}

function nodeComponent(versions: Readonly<Record<string, string | undefined>>): Component {
  const { node = 'unknown' } = versions;
  const libraries = Object.entries(versions).filter(([library, version]) => version && !notLibraries.includes(library));
  return {
    'bom-ref': `node@${node}`,
    type: 'platform',
    name: 'node',
    version: node,
    // What the scanners of known vulnerabilities look Node.js up by.
    cpe: `cpe:2.3:a:nodejs:node.js:${node}:*:*:*:*:*:*:*`,
    purl: `pkg:generic/node@${node}`,
    licenses: [{ license: { id: 'MIT' } }],
    components: libraries.map(([library, version = 'unknown']) => ({
      'bom-ref': `node@${node}/${library}`,
      type: 'library',
      name: library,
      version,
      purl: `pkg:generic/${library}@${encodeURIComponent(version)}`,
    })),
  };
}

function debianComponent({ name, version, architecture, distribution, source }: DebianPackage): Component {
  const query = new URLSearchParams({ arch: architecture, distro: distribution, ...(source && { upstream: source }) });
  const [vendor] = distribution.split('-');
  const purl = `pkg:deb/${vendor}/${name}@${encodeURIComponent(version)}?${query}`;
  return {
    'bom-ref': purl,
    type: 'library',
    name,
    version,
    purl,
    // Debian's copyright files are not all machine-readable; the image has them.
    licenses: [{ license: { name: `see /usr/share/doc/${name}/copyright` } }],
  };
}

/** A UUID (version 8 of RFC 9562) of the content, so that the same image has the same bill. */
function serialNumber(content: string): string {
  const hex = createHash('sha256').update(content).digest('hex');
  return `urn:uuid:${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

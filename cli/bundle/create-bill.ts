/** Asks npm, the image's root folder and this Node.js for what is in an image, and gives its bill of materials. */
import { runTool } from '../../policies/actor-critic/run-tool.ts';
import { billOfMaterials, type NpmPart } from './bill-of-materials.ts';
import { debianPackages } from './debian-packages.ts';

export const billName = 'sbom.cdx.json';

export interface BillOptions {
  /** Of the image. */
  readonly name: string;
  /** Folders with a package-lock.json, Duoloop's own first, and what of it is in the image, as `name@version`. */
  readonly parts: readonly { readonly folder: string; readonly packages: readonly string[] }[];
  /** Package URLs of what came by other ways. */
  readonly libraries?: readonly string[];
  /** Folder that becomes the image's root, with the Node.js that this runs on. */
  readonly imageRoot?: string;
  /** Unix seconds, as SOURCE_DATE_EPOCH has them; now without. */
  readonly createdEpoch?: string;
}

/** CycloneDX JSON. @throws Error when npm or a folder do not give what they should */
export async function createBill({ name, parts, libraries, imageRoot, createdEpoch }: BillOptions): Promise<string> {
  const [own, ...others] = await Promise.all(
    parts.map(async ({ folder, packages }): Promise<NpmPart> => {
      // All of them: with --omit=dev npm 11 leaves out tsx, yaml and pure-rand, which development packages need as well.
      const text = await runTool('npm', ['sbom', '--sbom-format=cyclonedx', '--package-lock-only'], { cwd: folder });
      return { bill: JSON.parse(text), packages };
    }),
  );
  const debian = imageRoot === undefined ? undefined : await debianPackages(imageRoot);
  const bill = billOfMaterials({
    name,
    npm: [own, ...others],
    libraries,
    created: createdEpoch ? new Date(Number(createdEpoch) * 1000) : new Date(),
    system: debian && { debian, nodeVersions: process.versions },
  });
  return `${JSON.stringify(bill, null, 1)}\n`;
}

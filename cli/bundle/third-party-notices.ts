/** The licences that the bundle's packages ask to be passed on, as one text. */
import type { BundledPackage } from './bundled-packages.ts';

const rule = '-'.repeat(80);

/** Packages with the same licence text share it, which leaves a fifth of the length. */
export function thirdPartyNotices(packages: readonly BundledPackage[]): string {
  const sections = new Map<string, string[]>();
  for (const { name, version, license, homepage, texts } of packages) {
    const text = texts.join('\n\n') || `(The package has no licence file; its manifest says ${license}.)`;
    const title = [`${name} ${version}`, license, homepage].filter(Boolean).join(', ');
    sections.set(text, [...(sections.get(text) ?? []), title]);
  }
  const parts = [...sections].map(([text, titles]) => `${rule}\n${titles.join('\n')}\n\n${text}\n`);
  return `Duoloop's image contains code of these packages.\n\n${parts.join('\n')}`;
}

/** Which Debian packages an image's files come from, as its root tells scanners in var/lib/dpkg/status.d. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** Of the system: `debian-13`. */
  readonly distribution: string;
  /** The source package, where its name is another. */
  readonly source?: string;
}

/** Ordered by name. @param root the image's root folder @throws Error when it is no such root, or says nothing of its packages */
export async function debianPackages(root: string): Promise<DebianPackage[]> {
  const release = keysOf(await readFile(join(root, 'etc/os-release'), 'utf8'), /^(\w+)="?([^"\n]*)"?$/gm);
  const distribution = `${release.get('ID')}-${release.get('VERSION_ID')}`;
  const folder = join(root, 'var/lib/dpkg/status.d');
  const files = (await readdir(folder)).filter((file) => !file.endsWith('.md5sums')).sort();
  if (files.length === 0) throw new Error(`${folder} is empty`);
  return Promise.all(
    files.map(async (file) => {
      const fields = keysOf(await readFile(join(folder, file), 'utf8'), /^([\w-]+): (.*)$/gm);
      const required = (field: string): string => {
        const value = fields.get(field);
        if (value === undefined) throw new Error(`${join(folder, file)} has no ${field}`);
        return value;
      };
      // `Source: gcc-14 (14.2.0-19)`: the version is left to the binary package.
      const source = fields.get('Source')?.split(' ')[0];
      return {
        name: required('Package'),
        version: required('Version'),
        architecture: required('Architecture'),
        distribution,
        ...(source !== undefined && { source }),
      };
    }),
  );
}

function keysOf(text: string, line: RegExp): Map<string, string> {
  return new Map([...text.matchAll(line)].map(([, key, value]) => [key, value]));
}

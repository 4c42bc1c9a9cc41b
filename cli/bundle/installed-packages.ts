/** What npm has installed, by the lock file that it leaves in node_modules. */
interface InstalledLock {
  readonly packages: Readonly<Record<string, { readonly version: string; readonly name?: string }>>;
}

/** As `name@version`, each once; the name is the real one where a package was installed under another. */
export function installedPackages({ packages }: InstalledLock): string[] {
  const references = Object.entries(packages).map(([path, { version, name }]) => {
    return `${name ?? path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)}@${version}`;
  });
  return [...new Set(references)];
}

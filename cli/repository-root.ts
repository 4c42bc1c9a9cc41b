import { fileURLToPath } from 'node:url';

/** Ends in a slash. */
export const repositoryRoot = fileURLToPath(new URL('../', import.meta.url));

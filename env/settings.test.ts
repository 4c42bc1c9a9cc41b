import { describe, expect, test } from 'vitest';
import { parseSettings } from './settings.ts';

describe('settings', () => {
  test('are complete in an empty environment', () => {
    const settings = parseSettings({});
    expect(settings).toMatchObject({ tensorBackend: 'auto', debug: false, continuousIntegration: false });
    expect(settings.cacheFolder).toMatch(/[\\/]\.cache[\\/]duoloop$/);
  });

  test.each([
    ['1', true],
    ['true', true],
    ['0', false],
    ['false', false],
    ['', false],
  ])('CI=%s is %s', (value, expected) => {
    expect(parseSettings({ CI: value }).continuousIntegration).toBe(expected);
  });

  test('a relative XDG_CACHE_HOME is ignored, as its specification says', () => {
    expect(parseSettings({ XDG_CACHE_HOME: '/var/cache' }).cacheFolder).toBe('/var/cache/duoloop');
    expect(parseSettings({ XDG_CACHE_HOME: 'cache' })).toEqual(parseSettings({}));
  });

  test('an unknown backend is refused by its variable and value', () => {
    expect(() => parseSettings({ DUOLOOP_BACKEND: 'gpu' })).toThrow(/DUOLOOP_BACKEND="gpu".*native/);
  });

  test('the folder for programs that is ours comes before the one of envtest', () => {
    const { binaryFolders, searchPath } = parseSettings({
      KUBEBUILDER_ASSETS: '/opt/envtest',
      DUOLOOP_BIN_DIR: '/opt/own',
      PATH: '/usr/bin::/bin',
    });
    expect(binaryFolders).toEqual(['/opt/own', '/opt/envtest']);
    expect(searchPath).toEqual(['/usr/bin', '/bin']);
    expect(parseSettings({ DUOLOOP_BIN_DIR: '' }).binaryFolders).toEqual([]);
  });
});

import { describe, expect, test, vi } from 'vitest';
import { settings } from '../../env/settings.ts';
import { findNativePackages } from './native-location.ts';
import { activateTensorBackend, loadTensorBackend, tensorBackendNames } from './tensor-backend.ts';

const rows = 64;
const inner = 48;
const columns = 33;
const left = Float32Array.from({ length: rows * inner }, (_, i) => Math.sin(i * 0.37));
const right = Float32Array.from({ length: inner * columns }, (_, i) => Math.cos(i * 0.11));

/** The product in double precision, from the definition. */
function product(): number[] {
  return Array.from({ length: rows * columns }, (_, index) => {
    const row = Math.floor(index / columns);
    const column = index % columns;
    let sum = 0;
    for (let k = 0; k < inner; k++) sum += left[row * inner + k] * right[k * columns + column];
    return sum;
  });
}

const nativeIsOptional = findNativePackages().length === 0 && !settings().continuousIntegration;

describe.each(tensorBackendNames)('the %s backend', (name) => {
  test.skipIf(name === 'native' && nativeIsOptional)('multiplies, transposed or not, and prints nothing', async () => {
    const written = [vi.spyOn(process.stdout, 'write'), vi.spyOn(process.stderr, 'write'), vi.spyOn(console, 'warn')];
    const tf = await activateTensorBackend(name);
    expect(tf.getBackend()).toBe(name === 'native' ? 'tensorflow' : name);
    const a = tf.tensor2d(left, [rows, inner]);
    const b = tf.tensor2d(right, [inner, columns]);
    const plain = tf.matMul(a, b).dataSync();
    const transposed = tf.matMul(tf.transpose(a), tf.transpose(b), true, true).dataSync();
    for (const [i, expected] of product().entries()) {
      expect(plain[i]).toBeCloseTo(expected, 4);
      expect(transposed[i]).toBeCloseTo(expected, 4);
    }
    for (const stream of written) expect(stream).not.toHaveBeenCalled();
    vi.restoreAllMocks();
  });
});

test('a preferred backend is used as asked, without a reason, and is named in one line', async () => {
  const lines: string[] = [];
  const backend = await loadTensorBackend({ prefer: 'cpu', log: (line) => lines.push(line) });
  expect(backend).toMatchObject({ name: 'cpu', reason: undefined });
  expect(lines).toEqual(['tensor backend: cpu']);
});

test('without a native package, wasm is used and the reason says what to do', async () => {
  vi.resetModules();
  vi.doMock('./native-location.ts', () => ({ findNativePackages: () => [] }));
  const { loadTensorBackend: load } = await import('./tensor-backend.ts');
  const backend = await load({ prefer: 'auto' });
  expect(backend.name).toBe('wasm');
  expect(backend.reason).toContain('npm run setup:native');
});

test('a broken native package falls back, and the reason says how to mend it', async () => {
  vi.resetModules();
  vi.doMock('./native-location.ts', () => ({ findNativePackages: () => ['/nonexistent/tfjs-node'] }));
  const { loadTensorBackend: load } = await import('./tensor-backend.ts');
  const backend = await load({ prefer: 'native' });
  expect(backend.name).toBe('wasm');
  expect(backend.reason).toContain('--force');
});

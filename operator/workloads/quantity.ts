/** Kubernetes resource quantities: `100m`, `1.5`, `512Mi`, `1e3`. */

const multipliers: Readonly<Record<string, number>> = {
  '': 1,
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

// Digits that the point alone parts: `\d+\.?\d*` takes time in the square of a long row of digits.
const pattern = /^([+-]?(?:\d+(?:\.\d*)?|\.\d+))(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)$/;

/** Cores or bytes; undefined for what is not a quantity, or one beyond what a number can say. */
export function parseQuantity(quantity: string | number): number | undefined {
  const amount = typeof quantity === 'number' ? quantity : amountOf(quantity);
  return Number.isFinite(amount) ? amount : undefined;
}

function amountOf(quantity: string): number | undefined {
  const match = pattern.exec(quantity);
  if (match === null) return undefined;
  const [, number, exponent, suffix] = match;
  // The multiplication of 100 and 0.001 is off in the last place; a division is not.
  if (suffix === 'm') return Number(number) / 1000;
  return exponent === undefined ? Number(number) * multipliers[suffix ?? ''] : Number(number + exponent);
}

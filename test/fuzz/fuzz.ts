/** A fuzz test: what a parser does with any input whatever is to return, or to throw what it says that it throws. */
import fc from 'fast-check';
import { expect, test } from 'vitest';

/** Of each parser. */
export const fuzzCases = 10_000;

export interface FuzzedParser<Input, Output> {
  readonly name: string;
  readonly input: fc.Arbitrary<Input>;
  parse(input: Input): Output | Promise<Output>;
  /** What it documents to throw; nothing when left out. */
  readonly throws?: (error: unknown) => boolean;
  /** Asserts what holds of everything that is returned. */
  check?(output: Output, input: Input): void | Promise<void>;
  /** How many inputs are parsed by one `parse`; 1 when left out. */
  readonly batch?: number;
}

/** Names of what all objects inherit: a parser that adds to them has been made to pollute a prototype. */
const inherited = [Object.prototype, Array.prototype, Function.prototype, String.prototype].map(
  (prototype) => [prototype, Reflect.ownKeys(prototype).length] as const,
);

function refuseNewPropertiesOfAll(): void {
  for (const [prototype, names] of inherited) {
    if (Reflect.ownKeys(prototype).length !== names) throw new Error('a prototype was polluted');
  }
}

/**
 * Declares the test. A failure shows seed and path, and the smallest input that fast-check found. A parser that hangs
 * meets the test's time limit.
 */
export function fuzz<Input, Output>({
  name,
  input,
  parse,
  throws,
  check,
  batch = 1,
}: FuzzedParser<Input, Output>): void {
  test(name, async () => {
    let returned = 0;
    let refused = 0;
    const outcomeOf = async (given: Input): Promise<{ output: Output } | undefined> => {
      try {
        return { output: await parse(given) };
      } catch (error) {
        if (throws?.(error) === true) return undefined;
        throw error;
      }
    };
    await fc.assert(
      fc.asyncProperty(input, async (given) => {
        const outcome = await outcomeOf(given);
        refuseNewPropertiesOfAll();
        if (outcome === undefined) refused++;
        else {
          returned++;
          await check?.(outcome.output, given);
        }
      }),
      { numRuns: Math.ceil(fuzzCases / batch) },
    );
    // Of input that is all refused, or all taken, nothing would be learnt about the other half.
    expect(returned).toBeGreaterThan(0);
    if (throws !== undefined) expect(refused).toBeGreaterThan(0);
  }, 60_000);
}

/** For `throws`: an error of the class, and none that merely happened on the way, such as a TypeError. */
export function errorOf(...classes: readonly (new (...parameters: never[]) => Error)[]): (error: unknown) => boolean {
  return (error) => classes.some((each) => error instanceof each);
}

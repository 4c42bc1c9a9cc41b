/** Argument and result types of PromQL's functions, as in prometheus/promql/parser/functions.go (v3). */

export type PromqlType = 'scalar' | 'instant vector' | 'range vector' | 'string';

export interface FunctionSignature {
  readonly parameters: readonly PromqlType[];
  /** Fewest and most arguments; further ones have the type of the last parameter. */
  readonly minimumArguments: number;
  readonly maximumArguments: number;
  readonly result: PromqlType;
}

const typeOfLetter: Readonly<Record<string, PromqlType>> = {
  s: 'scalar',
  v: 'instant vector',
  r: 'range vector',
  t: 'string',
};

/**
 * Functions by parameters and result: a letter for each parameter (s scalar, v instant vector, r range vector, t string),
 * `?` after one that may be left out, `*` after one that may be there any number of times.
 */
const families: readonly (readonly [parameters: string, result: string, names: string])[] = [
  [
    'v',
    'v',
    `abs absent acos acosh asin asinh atan atanh ceil cos cosh deg exp floor histogram_avg histogram_count histogram_sum
     histogram_stddev histogram_stdvar ln log10 log2 rad sgn sin sinh sort sort_desc sqrt start_timestamp tan tanh timestamp`,
  ],
  ['v?', 'v', 'days_in_month day_of_month day_of_week day_of_year hour minute month year'],
  [
    'r',
    'v',
    `absent_over_time avg_over_time changes count_over_time delta deriv first_over_time idelta increase irate last_over_time
     mad_over_time max_over_time min_over_time present_over_time rate resets stddev_over_time stdvar_over_time sum_over_time
     ts_of_first_over_time ts_of_last_over_time ts_of_max_over_time ts_of_min_over_time`,
  ],
  ['', 's', 'end pi range start step time'],
  ['ss', 's', 'max_of min_of'],
  ['v', 's', 'scalar'],
  ['s', 'v', 'vector'],
  ['vs?', 'v', 'round'],
  ['vs', 'v', 'clamp_max clamp_min'],
  ['vss', 'v', 'clamp'],
  ['rs', 'v', 'predict_linear'],
  ['rss', 'v', 'double_exponential_smoothing'],
  ['sr', 'v', 'quantile_over_time'],
  ['sv', 'v', 'histogram_quantile'],
  ['ssv', 'v', 'histogram_fraction'],
  ['vts*', 'v', 'histogram_quantiles'],
  ['vv?', 'v', 'info'],
  ['vtttt', 'v', 'label_replace'],
  ['vttt*', 'v', 'label_join'],
  ['vt*', 'v', 'sort_by_label sort_by_label_desc'],
];

/** Undefined for a function that is not in the table: newer than it. */
export function signatureOf(name: string): FunctionSignature | undefined {
  return signatures.get(name);
}

const signatures: ReadonlyMap<string, FunctionSignature> = new Map(
  families.flatMap(([letters, result, names]) => {
    const parameters = [...letters.replace(/[?*]/g, '')].map((letter) => typeOfLetter[letter]);
    const open = /[?*]$/.exec(letters)?.[0];
    const signature: FunctionSignature = {
      parameters,
      minimumArguments: open === undefined ? parameters.length : parameters.length - 1,
      maximumArguments: open === '*' ? Number.POSITIVE_INFINITY : parameters.length,
      result: typeOfLetter[result],
    };
    return names.split(/\s+/).map((name) => [name, signature] as const);
  }),
);

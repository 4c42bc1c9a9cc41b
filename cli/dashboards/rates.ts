/** PromQL that most panels are made of. */

/** A second, summed up by labels. */
export function rate(series: string, ...by: string[]): string {
  return `sum by (${by.join(', ')}) (rate(${series}[$__rate_interval]))`;
}

/** @param histogram its name, without `_bucket` */
export function quantile(share: number, histogram: string, ...by: string[]): string {
  return `histogram_quantile(${share}, ${rate(`${histogram}_bucket`, 'le', ...by)})`;
}

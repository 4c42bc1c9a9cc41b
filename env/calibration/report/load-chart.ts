/** The extracted trace over time, with what is interpolated and where its parts meet. */
import { axisStyle, type Chart, chartColors, policyStyle } from '../../report/chart-svg.ts';
import { formatDuration } from '../../report/number-format.ts';
import type { ExtractedTrace } from '../extract-trace.ts';

const buckets = 900;

export function loadChart({ trace, filled, seamSecond }: ExtractedTrace): Chart {
  const end = trace.seconds[trace.seconds.length - 1];
  const hours = end >= 7200;
  const unit = hours ? 3600 : 60;
  return {
    id: 'load',
    title: 'Load of the trace',
    description: `Requests/s over ${formatDuration(end)}; ${filled.length} stretches are interpolated.`,
    width: 1080,
    height: 260,
    option: {
      grid: { left: 60, right: 20, top: 16, height: 180 },
      xAxis: axisStyle({
        type: 'value',
        min: 0,
        max: end / unit,
        axisLabel: { color: chartColors.muted, fontSize: 11, showMaxLabel: false },
        name: hours ? 'hours' : 'minutes',
        nameLocation: 'middle',
        nameGap: 26,
      }),
      yAxis: axisStyle({ type: 'value', name: '', min: 0 }),
      series: [
        {
          type: 'line',
          step: 'end',
          symbol: 'none',
          data: extremes(trace.seconds, trace.rps).map(([second, rps]) => [second / unit, rps]),
          lineStyle: { color: policyStyle(0).color, width: 1.2 },
          markLine: {
            symbol: 'none',
            silent: true,
            label: { color: chartColors.muted, fontSize: 11 },
            data: [
              ...(seamSecond === undefined
                ? []
                : [
                    {
                      xAxis: seamSecond / unit,
                      label: { formatter: 'from the day before' },
                      lineStyle: { color: chartColors.muted },
                    },
                  ]),
              ...filled.slice(0, 40).map(({ fromSecond }) => ({
                xAxis: fromSecond / unit,
                label: { show: false },
                lineStyle: { color: chartColors.violation, type: 'dotted' },
              })),
            ],
          },
        },
      ],
    },
  };
}

/** The lowest and the highest of each of so many stretches: a chart has fewer pixels than a week has steps. */
function extremes(seconds: readonly number[], rps: readonly number[]): [number, number][] {
  if (rps.length <= 2 * buckets) return rps.map((value, i) => [seconds[i], value]);
  const chosen: number[] = [];
  for (let bucket = 0; bucket < buckets; bucket++) {
    const from = Math.floor((bucket * rps.length) / buckets);
    const to = Math.floor(((bucket + 1) * rps.length) / buckets);
    let [low, high] = [from, from];
    for (let i = from; i < to; i++) {
      if (rps[i] < rps[low]) low = i;
      if (rps[i] > rps[high]) high = i;
    }
    chosen.push(...(low === high ? [low] : [Math.min(low, high), Math.max(low, high)]));
  }
  return chosen.map((i) => [seconds[i], rps[i]]);
}

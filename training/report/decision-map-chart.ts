/** What the policy does over load and group size, as a heat map. */
import { axisStyle, type Chart, chartColors } from '../../env/report/chart-svg.ts';
import { formatShort, formatSigned } from '../../env/report/number-format.ts';

const width = 1080;
const left = 66;
const right = 20;
const rowHeight = 26;
/** Narrower cells cannot hold "+1.2". */
const leastCellWidthForText = 34;

export interface DecisionMapInput {
  id: string;
  title: string;
  description: string;
  /** Requests/s, per column. */
  loads: readonly number[];
  /** Group sizes, per row. */
  replicas: readonly number[];
  /** Pods; `values[row][column]`. */
  values: readonly (readonly number[])[];
  /** The value that gets the full colour, either sign. */
  strongest: number;
}

/** Up is amber and down is blue, fading to nothing at 0, so that both themes and colour-blind readers can tell. */
export function decisionMapChart({
  id,
  title,
  description,
  loads,
  replicas,
  values,
  strongest,
}: DecisionMapInput): Chart {
  const cellWidth = (width - left - right) / loads.length;
  const height = replicas.length * rowHeight + 74;
  const cells = replicas.flatMap((_, row) => loads.map((__, column) => [column, row, values[row][column]]));
  return {
    id,
    title,
    description,
    width,
    height,
    option: {
      grid: { left, right, top: 12, bottom: 62 },
      xAxis: axisStyle({
        type: 'category',
        data: loads.map(formatShort),
        name: 'offered load, requests/s',
        nameLocation: 'middle',
        nameGap: 32,
        splitLine: { show: false },
      }),
      yAxis: axisStyle({
        type: 'category',
        data: replicas.map(String),
        name: 'group size, replicas',
        nameLocation: 'middle',
        nameGap: 38,
        splitLine: { show: false },
        axisLabel: { color: chartColors.muted, fontSize: 11, interval: 0 },
      }),
      series: [
        {
          type: 'custom',
          silent: true,
          data: cells,
          renderItem: (_: unknown, api: { value(i: number): number; coord(at: number[]): number[] }) => {
            const move = api.value(2);
            const [x, y] = api.coord([api.value(0), api.value(1)]);
            const share = Math.min(1, Math.abs(move) / strongest);
            return {
              type: 'group',
              children: [
                {
                  type: 'rect',
                  shape: {
                    x: x - cellWidth / 2 + 0.5,
                    y: y - rowHeight / 2 + 0.5,
                    width: cellWidth - 1,
                    height: rowHeight - 1,
                  },
                  style: { fill: move > 0 ? 'var(--policy-4)' : 'var(--policy-1)', opacity: 0.65 * share },
                },
                ...(cellWidth >= leastCellWidthForText ? [cellText(x, y, move)] : []),
              ],
            };
          },
        },
      ],
    },
  };
}

function cellText(x: number, y: number, move: number): Record<string, unknown> {
  return {
    type: 'text',
    style: {
      text: formatSigned(move, 1),
      x,
      y,
      align: 'center',
      verticalAlign: 'middle',
      fontSize: 11,
      fill: chartColors.ink,
    },
  };
}

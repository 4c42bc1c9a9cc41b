/** Charts as pictures that stand alone: in a notebook or an `<img>`, where no page defines colours. */
import { type Chart, renderChart } from './chart-svg.ts';
import { lightColors } from './theme.ts';

/**
 * An `<svg>` document in the light theme on an opaque ground, so that a dark viewer does not hide its text.
 * @throws Error when the chart names a colour that the theme does not have
 */
export function renderPicture(chart: Chart): string {
  const svg = renderChart(chart).replace(/var\((--[\w-]+)\)/g, (_, variable: string) => {
    const color = lightColors[variable];
    if (color === undefined) throw new Error(`chart ${chart.id} names the colour ${variable}, which no theme has`);
    return color;
  });
  const afterTexts = svg.indexOf('</desc>') + '</desc>'.length;
  const ground = `<rect width="${chart.width}" height="${chart.height}" fill="${lightColors['--surface']}"/>`;
  return svg.slice(0, afterTexts) + ground + svg.slice(afterTexts);
}

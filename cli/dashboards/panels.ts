/** The panels and variables that the dashboards are made of, in the look that they share. */
import {
  AxisPlacement,
  BigValueColorMode,
  BigValueGraphMode,
  GraphDrawStyle,
  LegendDisplayMode,
  LegendPlacement,
  LineInterpolation,
  ReduceDataOptionsBuilder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  type DataTransformerConfig,
  QueryVariableBuilder,
  type Threshold,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatPanelBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TablePanelBuilder } from '@grafana/grafana-foundation-sdk/table';
import { PanelBuilder as TimeseriesPanelBuilder } from '@grafana/grafana-foundation-sdk/timeseries';

/** Chosen by whoever looks. */
export const datasource = { type: 'prometheus', uid: `\${datasource}` };

/** What a panel shows: PromQL by what it is called in the legend, in which `{{label}}` is replaced. */
export type Queries = Readonly<Record<string, string>>;

export interface PanelOptions {
  readonly title: string;
  /** What it means, and from when on it is a concern. */
  readonly description: string;
  /** Grafana's name of the unit; of plain numbers when left out. */
  readonly unit?: string;
  readonly decimals?: number;
  readonly queries: Queries;
  /** Of 24 columns. */
  readonly width: number;
  readonly height?: number;
}

export interface GraphOptions extends PanelOptions {
  readonly stacked?: boolean;
  /** For what holds until it changes: sizes, ranks, thresholds. */
  readonly steps?: boolean;
  readonly minimum?: number;
  /** Drawn dashed, by a pattern of names in the legend: what others are compared with. */
  readonly dashed?: string;
  /** Variable for each value of which the panel is drawn. */
  readonly repeat?: string;
}

export function graph(options: GraphOptions): TimeseriesPanelBuilder {
  const panel = new TimeseriesPanelBuilder()
    .title(options.title)
    .description(options.description)
    .datasource(datasource)
    .span(options.width)
    .height(options.height ?? 8)
    .targets(targetsOf(options.queries))
    .unit(options.unit ?? 'short')
    .drawStyle(GraphDrawStyle.Line)
    .lineInterpolation(options.steps ? LineInterpolation.StepAfter : LineInterpolation.Linear)
    .fillOpacity(options.stacked ? 30 : 0)
    .axisPlacement(AxisPlacement.Left)
    .legend(
      new VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .calcs([]),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi));
  if (options.decimals !== undefined) panel.decimals(options.decimals);
  if (options.minimum !== undefined) panel.min(options.minimum);
  if (options.stacked) panel.stacking(new StackingConfigBuilder().mode(StackingMode.Normal));
  if (options.repeat !== undefined) panel.repeat(options.repeat).repeatDirection('h').maxPerRow(2);
  if (options.dashed !== undefined) {
    panel.overrideByRegexp(options.dashed, [{ id: 'custom.lineStyle', value: { fill: 'dash', dash: [8, 6] } }]);
  }
  return panel;
}

export interface NumberOptions extends PanelOptions {
  /** Colours from a value on; the first has none. Grey when left out. */
  readonly colours?: readonly Threshold[];
  readonly sparkline?: boolean;
  /** Shown instead of nothing. */
  readonly nothing?: string;
}

/** The last value, large. */
export function number(options: NumberOptions): StatPanelBuilder {
  const panel = new StatPanelBuilder()
    .title(options.title)
    .description(options.description)
    .datasource(datasource)
    .span(options.width)
    .height(options.height ?? 4)
    .targets(targetsOf(options.queries))
    .unit(options.unit ?? 'short')
    .colorMode(options.colours === undefined ? BigValueColorMode.None : BigValueColorMode.Value)
    .graphMode(options.sparkline ? BigValueGraphMode.Area : BigValueGraphMode.None)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .noValue(options.nothing ?? '–');
  if (options.decimals !== undefined) panel.decimals(options.decimals);
  if (options.colours !== undefined) {
    panel.thresholds(new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps([...options.colours]));
  }
  return panel;
}

/** Red from 1 on: a count of what should not be. */
export const badFromOne: readonly Threshold[] = [
  { value: null, color: 'green' },
  { value: 1, color: 'red' },
];
/** Red below 1: a count of what has to be there. */
export const goodFromOne: readonly Threshold[] = [
  { value: null, color: 'red' },
  { value: 1, color: 'green' },
];

export interface TableOptions extends Omit<PanelOptions, 'queries'> {
  readonly query: string;
  /** Labels that are shown, in their order, each by its heading. */
  readonly columns: Readonly<Record<string, string>>;
  /** Heading of the value; hidden when left out. */
  readonly value?: string;
  readonly link?: { readonly column: string; readonly title: string; readonly url: string };
}

/** One row for each series there is now. */
export function table(options: TableOptions): TablePanelBuilder {
  const labels = Object.keys(options.columns);
  const organise: DataTransformerConfig = {
    id: 'organize',
    options: {
      excludeByName: { Time: true, ...(options.value === undefined && { Value: true }) },
      indexByName: Object.fromEntries(labels.map((label, index) => [label, index])),
      renameByName: { ...options.columns, ...(options.value !== undefined && { Value: options.value }) },
    },
  };
  const panel = new TablePanelBuilder()
    .title(options.title)
    .description(options.description)
    .datasource(datasource)
    .span(options.width)
    .height(options.height ?? 8)
    .unit(options.unit ?? 'short')
    .targets([
      new DataqueryBuilder()
        .refId('A')
        .expr(options.query)
        .instant()
        .format(PromQueryFormat.Table)
        .datasource(datasource),
    ])
    .withTransformation(organise);
  if (options.link !== undefined) {
    const { column, title, url } = options.link;
    panel.overrideByName(column, [{ id: 'links', value: [{ title, url }] }]);
  }
  return panel;
}

/** @param all whether several or all may be chosen */
export function labelVariable(name: string, label: string, query: string, all: boolean): QueryVariableBuilder {
  return new QueryVariableBuilder(name)
    .label(label)
    .datasource(datasource)
    .query(query)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc)
    .multi(all)
    .includeAll(all);
}

function targetsOf(queries: Queries): DataqueryBuilder[] {
  return Object.entries(queries).map(([legend, expr], index) =>
    new DataqueryBuilder()
      .refId(String.fromCharCode('A'.charCodeAt(0) + index))
      .expr(expr)
      .legendFormat(legend)
      .range()
      .datasource(datasource),
  );
}

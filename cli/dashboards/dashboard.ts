/** A dashboard as rows of panels, with what all of them share: the data source, links to each other, alerts as annotations. */
import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  AnnotationQueryBuilder,
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  type Panel,
  RowBuilder,
  type VariableModel,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { datasource } from './panels.ts';

export interface DashboardOptions {
  /** Name of the file, and by which others link to it. */
  readonly uid: DashboardUid;
  readonly title: string;
  readonly description: string;
  readonly variables: readonly Builder<VariableModel>[];
  readonly rows: Readonly<Record<string, readonly Builder<Panel>[]>>;
  /** Alerts that are drawn into its graphs: matchers of ALERTS. */
  readonly alerts: string;
  /** What it shows at first. */
  readonly from?: string;
}

export type DashboardUid = 'duoloop-operator' | 'duoloop-loop' | 'duoloop-agent' | 'duoloop-training';

/** Address of another dashboard, with the data source and the time that are looked at now. */
export function linkTo(uid: DashboardUid, variables: Readonly<Record<string, string>> = {}): string {
  const chosen = Object.entries(variables).map(([name, value]) => `var-${name}=${value}`);
  return `/d/${uid}?${['$' + '{datasource:queryparam}', '$' + '{__url_time_range}', ...chosen].join('&')}`;
}

export function dashboard({ uid, title, description, variables, rows, alerts, from }: DashboardOptions): Dashboard {
  const builder = new DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags(['duoloop'])
    .timezone('browser')
    .refresh('30s')
    .time({ from: from ?? 'now-3h', to: 'now' })
    .tooltip(DashboardCursorSync.Crosshair)
    .variables([new DatasourceVariableBuilder('datasource').label('Prometheus').type('prometheus'), ...variables])
    .link(
      new DashboardLinkBuilder('Duoloop')
        .type(DashboardLinkType.Dashboards)
        .tags(['duoloop'])
        .asDropdown(true)
        .includeVars(true)
        .keepTime(true),
    )
    .annotation(
      new AnnotationQueryBuilder()
        .name('Alerts')
        .datasource(datasource)
        .enable(true)
        .iconColor('red')
        .expr(`ALERTS{alertstate="firing", ${alerts}}`)
        .titleFormat('{{alertname}}'),
    );
  for (const [heading, panels] of Object.entries(rows)) {
    builder.withRow(new RowBuilder(heading));
    for (const panel of panels) builder.withPanel(panel);
  }
  const built = builder.build();
  // Numbered here: an id that Grafana gives would be another one after each import, and links to panels would break.
  built.panels?.forEach((panel, index) => {
    panel.id = index + 1;
  });
  return built;
}

/**
 * The stages of a loop in the Distributed topology: operators that talk by writing each other's resources. A message keeps
 * its `time` as its identity from end to end. The reactive side is Monitoring → Decision → Execution, the deliberative one
 * MonitoringD → DecisionD → ExecutionD; the ClosedLoop owns all six, named `<loop>-monitoring`, `<loop>-decision-d` ….
 */
import { z } from 'zod';
import { withCelRules } from './constraint.ts';
import { boundedRecord, type CustomResource, objectName, type ResourceDefinition, timestamp } from './resource.ts';

const metricName = z.string().max(63);
const base = {
  closedLoop: withCelRules(objectName.describe('The ClosedLoop whose stage this is. Fixed.'), {
    rule: 'self == oldSelf',
    message: 'is fixed: a stage belongs to its closed loop',
  }),
  managedBy: z
    .string()
    .max(253)
    .optional()
    .describe("The controller that handles this stage; Duoloop's own when left out."),
  time: timestamp.optional().describe('Identity of the message that is in the stage now; absent before the first.'),
};

export const monitoringSpecSchema = z.strictObject({
  ...base,
  data: boundedRecord(metricName, z.number(), 16)
    .optional()
    .describe('Measured values by metric name; a metric without one is missing.'),
  incomplete: z
    .array(metricName)
    .max(16)
    .optional()
    .describe('Metrics whose value leaves out a part of the target: they may ask for more, never for less.'),
  settled: z
    .array(metricName)
    .max(16)
    .optional()
    .describe('Metrics whose value was decided on before and has not been measured anew.'),
});
export const decisionSpecSchema = z.strictObject({
  ...base,
  message: z.string().max(1024).optional().describe('Breaches: "High cpu,Low memory", "No Event".'),
});
export const executionSpecSchema = z.strictObject({
  ...base,
  action: z.string().max(128).optional().describe('"React to cpu", "No action".'),
});
export const monitoringDSpecSchema = z.strictObject({
  ...base,
  data: z
    .strictObject({ metric: metricName.describe('Name of the metric.') })
    .optional()
    .describe('The metric reacted to.'),
});
export const decisionDSpecSchema = z.strictObject({
  ...base,
  data: boundedRecord(metricName, z.array(z.number()).max(10), 16)
    .optional()
    .describe('Per metric its last 10 reactions, Unix seconds, oldest first.'),
});
export const executionDSpecSchema = z.strictObject({
  ...base,
  action: z.string().max(128).optional().describe('"Increase rank", "No action".'),
  metric: metricName.optional().describe('Whose rank is raised.'),
});

export const stageStatusSchema = z.strictObject({
  time: timestamp.optional().describe('The stage is done with the message of this time.'),
  message: z.string().max(1024).optional().describe('What became of it.'),
  underWay: z
    .strictObject({
      time: timestamp.describe('Of the message.'),
      from: z.int().describe('Size of the target before.'),
    })
    .optional()
    .describe(
      'Execution only: the message being carried out and the size before, by which a new leader sees whether it was.',
    ),
});

export type StageKind = 'Monitoring' | 'Decision' | 'Execution' | 'MonitoringD' | 'DecisionD' | 'ExecutionD';
export type Stage<Spec> = CustomResource<Spec, z.infer<typeof stageStatusSchema>>;
export type MonitoringSpec = z.infer<typeof monitoringSpecSchema>;
export type DecisionSpec = z.infer<typeof decisionSpecSchema>;
export type ExecutionSpec = z.infer<typeof executionSpecSchema>;
export type MonitoringDSpec = z.infer<typeof monitoringDSpecSchema>;
export type DecisionDSpec = z.infer<typeof decisionDSpecSchema>;
export type ExecutionDSpec = z.infer<typeof executionDSpecSchema>;

function stage(kind: StageKind, plural: string, description: string, spec: z.ZodType): ResourceDefinition {
  return {
    kind,
    plural,
    singular: kind.toLowerCase(),
    shortNames: [],
    description,
    spec,
    status: stageStatusSchema,
    printerColumns: [
      { name: 'Loop', type: 'string', jsonPath: '.spec.closedLoop' },
      { name: 'Time', type: 'string', jsonPath: '.spec.time' },
      { name: 'Done', type: 'string', jsonPath: '.status.time' },
    ],
  };
}

export const stageDefinitions: readonly ResourceDefinition[] = [
  stage('Monitoring', 'monitorings', 'Measured values of a closed loop', monitoringSpecSchema),
  stage('Decision', 'decisions', 'Breaches of a closed loop', decisionSpecSchema),
  stage('Execution', 'executions', 'The reaction of a closed loop', executionSpecSchema),
  stage('MonitoringD', 'monitoringds', 'The reaction that the deliberative side heard of', monitoringDSpecSchema),
  stage('DecisionD', 'decisionds', 'The last reactions of every metric', decisionDSpecSchema),
  stage('ExecutionD', 'executionds', 'The rank change that the deliberative side asks for', executionDSpecSchema),
];

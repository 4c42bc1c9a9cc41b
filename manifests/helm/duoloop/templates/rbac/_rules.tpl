{{/*
What each account does in the namespaces that it serves, and no more: test/installation holds these rules against the
requests that the real processes make.
*/}}
{{- define "duoloop.operatorRules" -}}
- apiGroups: [duoloop.dev]
  resources: [scalinggroups, closedloops, deliberativeloops]
  verbs: [get, list, watch]
- apiGroups: [duoloop.dev]
  resources: [scalinggroups/status, closedloops/status, deliberativeloops/status]
  verbs: [patch]
# The stages of a Distributed loop are its own: it makes them, and they go with the loop.
- apiGroups: [duoloop.dev]
  resources: [monitorings, monitoringds, decisions, decisionds, executions, executionds]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [duoloop.dev]
  resources:
    - monitorings/status
    - monitoringds/status
    - decisions/status
    - decisionds/status
    - executions/status
    - executionds/status
  verbs: [patch]
# Workloads change by their scale alone: nothing else of a Deployment can be written.
- apiGroups: [apps]
  resources: [deployments, statefulsets]
  verbs: [get, list, watch]
- apiGroups: [apps]
  resources: [deployments/scale, statefulsets/scale]
  verbs: [get, patch]
- apiGroups: [duoloop.dev]
  resources: [scalinggroups/scale]
  verbs: [get, patch]
{{- range .Values.rbac.extraScaleTargets }}
- apiGroups: [{{ .apiGroup | quote }}]
  resources: [{{ .resource }}]
  verbs: [get]
- apiGroups: [{{ .apiGroup | quote }}]
  resources: [{{ .resource }}/scale]
  verbs: [get, patch]
{{- end }}
- apiGroups: [""]
  resources: [pods]
  verbs: [list]
{{- if .Values.rbac.podResize }}
- apiGroups: [""]
  resources: [pods/resize]
  verbs: [patch]
{{- end }}
- apiGroups: [metrics.k8s.io]
  resources: [pods]
  verbs: [list]
# To keep off workloads that something else scales.
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [list, watch]
- apiGroups: [keda.sh]
  resources: [scaledobjects]
  verbs: [list, watch]
# Listed for the reason why a StatefulSet gets no pods.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [list, create, patch]
{{- end -}}

{{/* Cluster-scoped; nothing of it where only some namespaces are served. */}}
{{- define "duoloop.operatorClusterRules" -}}
# One that is being deleted is left alone.
- apiGroups: [""]
  resources: [namespaces]
  verbs: [list, watch]
# Who pushes, and whether he may.
- apiGroups: [authentication.k8s.io]
  resources: [tokenreviews]
  verbs: [create]
- apiGroups: [authorization.k8s.io]
  resources: [subjectaccessreviews]
  verbs: [create]
{{- if include "duoloop.webhookEnabled" . }}
# Fills its certificate into the one that the chart makes. No right to make others.
- apiGroups: [admissionregistration.k8s.io]
  resources: [validatingwebhookconfigurations]
  resourceNames: [duoloop]
  verbs: [get, patch]
{{- end }}
{{- end -}}

{{/* In the release's own namespace. */}}
{{- define "duoloop.operatorOwnRules" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [duoloop-operator]
  verbs: [get, update, patch]
# Kubernetes cannot limit this one by name.
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
# This one only: that is what a Role's namespaces are.
- apiGroups: [""]
  resources: [namespaces]
  verbs: [get]
{{- if include "duoloop.webhookEnabled" . }}
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [duoloop-webhook]
  verbs: [get, update]
- apiGroups: [""]
  resources: [secrets]
  verbs: [create]
{{- end }}
{{- end -}}

{{/* It reads what it decides by, writes what it proposes, and tells of it. */}}
{{- define "duoloop.agentRules" -}}
- apiGroups: [duoloop.dev]
  resources: [deliberativeloops]
  verbs: [get, list]
- apiGroups: [duoloop.dev]
  resources: [closedloops, scalinggroups]
  verbs: [list]
- apiGroups: [duoloop.dev]
  resources: [deliberativeloops/status]
  verbs: [patch]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end -}}

{{/*
A role and its binding to a service account. Call with a dict: root, component, name, rules, and namespace where it is a
Role of that namespace instead of a ClusterRole.
*/}}
{{- define "duoloop.grant" -}}
{{- $kind := ternary "Role" "ClusterRole" (hasKey . "namespace") -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}
metadata:
  name: {{ .name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "duoloop.labels" (list .root .component) | nindent 4 }}
rules:
  {{- .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}Binding
metadata:
  name: {{ .name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "duoloop.labels" (list .root .component) | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ $kind }}
  name: {{ .name }}
subjects:
  - kind: ServiceAccount
    name: duoloop-{{ .component }}
    namespace: {{ .root.Release.Namespace }}
{{- end -}}

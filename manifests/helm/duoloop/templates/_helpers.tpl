{{/* Labels of an object. Call with (list $ "operator"); an empty component for what belongs to both. */}}
{{- define "duoloop.labels" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
helm.sh/chart: {{ $root.Chart.Name }}-{{ $root.Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: duoloop
{{- with $component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
app.kubernetes.io/part-of: duoloop
{{- end -}}

{{/* Call with the component's name. */}}
{{- define "duoloop.selectorLabels" -}}
app.kubernetes.io/name: duoloop
app.kubernetes.io/component: {{ . }}
{{- end -}}

{{- define "duoloop.image" -}}
{{- $image := .Values.image -}}
{{- with $image.registry }}{{ trimSuffix "/" . }}/{{ end -}}
{{- $image.repository -}}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag | default .Chart.AppVersion }}{{ end -}}
{{- end -}}

{{/* "true" where the release serves some namespaces only. */}}
{{- define "duoloop.namespaced" -}}
{{- if .Values.watchNamespaces }}true{{ end -}}
{{- end -}}

{{/* Of an operator or agent: which namespaces it serves. Its own is named by the pod, so that Kustomize can move it. */}}
{{- define "duoloop.watchNamespaceArgs" -}}
{{- range .Values.watchNamespaces }}
- --watch-namespace={{ if eq . $.Release.Namespace }}$(POD_NAMESPACE){{ else }}{{ . }}{{ end }}
{{- end }}
{{- end -}}

{{- define "duoloop.prometheusArgs" -}}
{{- if .Values.prometheus.url }}
- --prometheus=$(PROMETHEUS_URL)
{{- end }}
{{- if .Values.prometheus.tokenSecret.name }}
- {{ printf "--prometheus-token-file=/etc/duoloop/prometheus-token/%s" .Values.prometheus.tokenSecret.key | quote }}
{{- end }}
{{- with .Values.prometheus.namespaceLabel }}
- --prometheus-namespace-label={{ . }}
{{- end }}
{{- end -}}

{{- define "duoloop.environment" -}}
# Nothing but /tmp can be written to.
- name: HOME
  value: /tmp
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
{{- with .Values.prometheus.url }}
- name: PROMETHEUS_URL
  value: {{ . | quote }}
{{- end }}
{{- if .Values.prometheus.caSecret.name }}
- name: NODE_EXTRA_CA_CERTS
  value: {{ printf "/etc/duoloop/prometheus-ca/%s" .Values.prometheus.caSecret.key | quote }}
{{- end }}
{{- end -}}

{{- define "duoloop.volumeMounts" -}}
- name: tmp
  mountPath: /tmp
{{- if .Values.prometheus.tokenSecret.name }}
- name: prometheus-token
  mountPath: /etc/duoloop/prometheus-token
  readOnly: true
{{- end }}
{{- if .Values.prometheus.caSecret.name }}
- name: prometheus-ca
  mountPath: /etc/duoloop/prometheus-ca
  readOnly: true
{{- end }}
{{- end -}}

{{- define "duoloop.volumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- with .Values.prometheus.tokenSecret }}
{{- if .name }}
- name: prometheus-token
  secret:
    secretName: {{ .name }}
    items: [{ key: {{ .key | quote }}, path: {{ .key | quote }} }]
{{- end }}
{{- end }}
{{- with .Values.prometheus.caSecret }}
{{- if .name }}
- name: prometheus-ca
  secret:
    secretName: {{ .name }}
    items: [{ key: {{ .key | quote }}, path: {{ .key | quote }} }]
{{- end }}
{{- end }}
{{- end -}}

{{- define "duoloop.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Where pods go. Call with (list $ "operator" .Values.operator). */}}
{{- define "duoloop.scheduling" -}}
{{- $component := index . 1 -}}
{{- $values := index . 2 -}}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
{{- with $values.topologySpreadConstraints }}
  {{- toYaml . | nindent 2 }}
{{- else }}
  {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "duoloop.selectorLabels" $component | nindent 8 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* Pod disruption budgets never stand in the way of a drain: one pod at a time may always go. */}}
{{- define "duoloop.disruptionBudget" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: duoloop-{{ $component }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "duoloop.labels" (list $root $component) | nindent 4 }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "duoloop.selectorLabels" $component | nindent 6 }}
{{- end -}}

{{/* "true" where the operator serves the webhook. Its registration is cluster-scoped. */}}
{{- define "duoloop.webhookEnabled" -}}
{{- if and .Values.webhook.enabled (not (include "duoloop.namespaced" .)) }}true{{ end -}}
{{- end -}}

{{/* What operator and agent both need: names, the API server, Prometheus. */}}
{{- define "duoloop.egress" -}}
{{- $egress := .Values.networkPolicy.egress -}}
- ports: [{ port: 53, protocol: UDP }, { port: 53, protocol: TCP }]
- to:
    {{- range $egress.apiServer.cidrs }}
    - ipBlock:
        cidr: {{ . | quote }}
    {{- end }}
  ports:
    {{- range $egress.apiServer.ports }}
    - port: {{ . }}
    {{- end }}
{{- with .Values.prometheus.url }}
{{- $address := urlParse . }}
{{- $port := regexFind ":[0-9]+$" $address.host | trimPrefix ":" }}
# Behind a Service a pod may listen on another port than the address names: then say so in `extra`.
- ports:
    - port: {{ $port | default (ternary "443" "80" (eq $address.scheme "https")) }}
{{- end }}
{{- with $egress.extra }}
{{ toYaml . }}
{{- end }}
{{- end -}}

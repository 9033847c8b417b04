{{/* The labels of every object beside those that it has in deploy/. */}}
{{- define "capra.labels" -}}
app.kubernetes.io/name: capra
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* The objects of files/<file> as {"objects": […]}, in the release's namespace and with its labels.
Arguments: the root context, the file. */}}
{{- define "capra.objects" -}}
{{- $root := index . 0 -}}
{{- $file := index . 1 -}}
{{- $objects := list -}}
{{- range $text := regexSplit "(?m)^---\n" ($root.Files.Get (printf "files/%s" $file)) -1 -}}
{{- if trim $text -}}
{{- $object := fromYaml $text -}}
{{- if not $object.kind -}}{{- fail (printf "files/%s: %v" $file $object) -}}{{- end -}}
{{- $_ := set $object.metadata "labels" (merge (fromYaml (include "capra.labels" $root)) ($object.metadata.labels | default dict)) -}}
{{- if $object.metadata.namespace -}}
{{- $_ := set $object.metadata "namespace" $root.Release.Namespace -}}
{{- end -}}
{{- range $object.subjects -}}
{{- $_ := set . "namespace" $root.Release.Namespace -}}
{{- end -}}
{{- $objects = append $objects $object -}}
{{- end -}}
{{- end -}}
{{- dict "objects" $objects | toYaml -}}
{{- end -}}

{{/* The only object of a file, as YAML. */}}
{{- define "capra.object" -}}
{{- $found := (include "capra.objects" . | fromYaml).objects -}}
{{- if ne (len $found) 1 -}}{{- fail (printf "files/%s: must have one object" (index . 1)) -}}{{- end -}}
{{- first $found | toYaml -}}
{{- end -}}

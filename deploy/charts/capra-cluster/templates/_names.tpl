{{- define "cluster.name" -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "cluster.k0sVersion" -}}
{{- printf "%s+%s" .Values.version .Values.k0s.release -}}
{{- end -}}

{{- define "cluster.cleanUp" -}}
{{- .Values.cleanUp | default (ternary "Default" "" (eq .Values.distribution "kubeadm")) -}}
{{- end -}}

{{- define "cluster.hosted" -}}
{{- if and (eq .Values.distribution "k0s") .Values.k0s.hosted -}}true{{- end -}}
{{- end -}}

{{/* The Secret with the key for the hosts. */}}
{{- define "cluster.keySecret" -}}
{{- if and .Values.sshKey.secret .Values.sshKey.privateKey -}}
{{- fail "sshKey: has both secret and privateKey; keep one" -}}
{{- end -}}
{{- if and .Values.hosts (not .Values.sshKey.secret) (not .Values.sshKey.privateKey) -}}
{{- fail "sshKey: needs secret (a Secret with the private key in `value`) or privateKey (--set-file sshKey.privateKey=FILE)" -}}
{{- end -}}
{{- .Values.sshKey.secret | default (printf "%s-ssh-key" (include "cluster.name" .)) -}}
{{- end -}}

{{/* Only the Cluster is deleted by `helm uninstall`. Cluster API then deletes what it consists of, in its own order; a
cleanup needs the templates, the pool's entries and the key until it is done. */}}
{{- define "cluster.metadata" -}}
{{- $root := index . 0 -}}
name: {{ index . 1 }}
namespace: {{ $root.Release.Namespace }}
annotations:
  helm.sh/resource-policy: keep
{{- end -}}

{{/* The image with its tag. */}}
{{- define "capra.image" -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default (printf "v%s" .Chart.AppVersion)) -}}
{{- end -}}

{{/* The controller's arguments as a list. */}}
{{- define "capra.args" -}}
{{- $flags := deepCopy .Values.controller -}}
{{- with .Values.namespace }}{{- $_ := set $flags "namespace" . -}}{{- end -}}
{{- range $name, $value := $flags }}
{{- $flag := printf "--%s" (kebabcase $name) }}
- {{ eq (toString $value) "true" | ternary $flag (printf "%s=%s" $flag (toString $value)) | quote }}
{{- end }}
{{- end -}}

{{/* Its environment beside that of deploy/deployment.yaml, as a list. */}}
{{- define "capra.environment" -}}
{{- range $name, $value := .Values.environment }}
- {name: {{ $name }}, value: {{ toString $value | quote }}}
{{- end }}
{{- with .Values.proxy.http }}
- {name: HTTP_PROXY, value: {{ . | quote }}}
{{- end }}
{{- with .Values.proxy.https }}
- {name: HTTPS_PROXY, value: {{ . | quote }}}
{{- end }}
{{- if or .Values.proxy.http .Values.proxy.https .Values.proxy.noProxy }}
- {name: NO_PROXY, value: {{ printf "$(KUBERNETES_SERVICE_HOST),localhost,127.0.0.1,%s" .Values.proxy.noProxy | trimSuffix "," | quote }}}
{{- end }}
{{- if include "capra.authorities" . }}
- {name: SSL_CERT_FILE, value: /etc/capra/ca/ca.crt}
{{- end }}
{{- end -}}

{{/* The ConfigMap with certificate authorities; empty for none. */}}
{{- define "capra.authorities" -}}
{{- with .Values.certificateAuthorities -}}
{{- if and .pem .configMap -}}{{- fail "certificateAuthorities: has both pem and configMap; keep one" -}}{{- end -}}
{{- .configMap | default (ternary "capra-ca" "" (not (empty .pem))) -}}
{{- end -}}
{{- end -}}

{{/* The port of an address such as :8443; empty where there is none. */}}
{{- define "capra.port" -}}
{{- regexFind ":[0-9]+$" . | trimPrefix ":" -}}
{{- end -}}

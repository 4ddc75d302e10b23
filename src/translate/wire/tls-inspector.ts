// Distinguishes TLS from plaintext by the first bytes, where one port accepts both.
import { create } from '@bufbuild/protobuf';
import { type ListenerFilter, ListenerFilterSchema } from '#gen/envoy/config/listener/v3/listener_components_pb.js';
import { TlsInspectorSchema } from '#gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js';
import { any } from './any.ts';

export function tlsInspector(): ListenerFilter {
  return create(ListenerFilterSchema, {
    name: 'envoy.filters.listener.tls_inspector',
    configType: { case: 'typedConfig', value: any(TlsInspectorSchema, {}) },
  });
}

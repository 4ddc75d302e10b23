// Distinguishes HTTP from other protocols by the first bytes, on ports that are only for HTTP: Envoy's codecs would wait for the end of a
// line.
import { create } from '@bufbuild/protobuf';
import { type ListenerFilter, ListenerFilterSchema } from '#gen/envoy/config/listener/v3/listener_components_pb.js';
import { HttpInspectorSchema } from '#gen/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.js';
import { any } from './any.ts';
import { constant } from './constant.ts';

/** What it reports for HTTP: for a filter chain's `application_protocols`. */
export const foundHttp = ['http/1.0', 'http/1.1', 'h2c'];

export const httpInspector = constant(
  (): ListenerFilter =>
    create(ListenerFilterSchema, {
      name: 'envoy.filters.listener.http_inspector',
      configType: { case: 'typedConfig', value: any(HttpInspectorSchema, {}) },
    }),
);

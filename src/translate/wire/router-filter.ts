// The last filter of every HTTP chain. It adds no x-envoy-* headers: applications see what they would see without Envoy.
import { create } from '@bufbuild/protobuf';
import { RouterSchema } from '#gen/envoy/extensions/filters/http/router/v3/router_pb.js';
import {
  type HttpFilter,
  HttpFilterSchema,
} from '#gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { any } from './any.ts';
import { constant } from './constant.ts';

export const routerFilter = constant(
  (): HttpFilter =>
    create(HttpFilterSchema, {
      name: 'envoy.filters.http.router',
      configType: { case: 'typedConfig', value: any(RouterSchema, { suppressEnvoyHeaders: true }) },
    }),
);

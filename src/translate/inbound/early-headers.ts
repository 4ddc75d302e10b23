// Header mutation before everything else, filters included: no caller may say who it is. Remove first: an empty
// %DOWNSTREAM_PEER_URI_SAN% adds nothing, so that a forged header would otherwise pass on plaintext. Callers' `x-envoy-*` go
// too: retries and timeouts are the documents' to decide.
import { create } from '@bufbuild/protobuf';
import {
  type HeaderMutation,
  HeaderMutationSchema,
} from '#gen/envoy/config/common/mutation_rules/v3/mutation_rules_pb.js';
import { HeaderValueOption_HeaderAppendAction } from '#gen/envoy/config/core/v3/base_pb.js';
import { type TypedExtensionConfig, TypedExtensionConfigSchema } from '#gen/envoy/config/core/v3/extension_pb.js';
import { HeaderMutationSchema as EarlyHeaderMutationSchema } from '#gen/envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation_pb.js';
import { ownHeaderPrefix, peerIdHeader, subjectDnHeader } from '../names.ts';
import { any } from '../wire/any.ts';
import { onlyProbeHeaders } from './bare-probe.ts';

/** With the peer's id also when the application is not to see it: the deny filter looks at it. A probe has no peer. */
export function earlyHeaders(of: 'caller' | 'probe'): TypedExtensionConfig {
  const removals = [removeAll(ownHeaderPrefix), removeAll('x-envoy-'), removeAll(subjectDnHeader)];
  return create(TypedExtensionConfigSchema, {
    name: 'envoy.http.early_header_mutation.header_mutation',
    typedConfig: any(EarlyHeaderMutationSchema, {
      mutations: [...removals, of === 'caller' ? setPeerId() : onlyProbeHeaders()],
    }),
  });
}

function removeAll(prefix: string): HeaderMutation {
  return create(HeaderMutationSchema, {
    action: {
      case: 'removeOnMatch',
      value: { keyMatcher: { matchPattern: { case: 'prefix', value: prefix }, ignoreCase: true } },
    },
  });
}

function setPeerId(): HeaderMutation {
  return create(HeaderMutationSchema, {
    action: {
      case: 'append',
      value: {
        header: { key: peerIdHeader, value: '%DOWNSTREAM_PEER_URI_SAN%' },
        appendAction: HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD,
      },
    },
  });
}

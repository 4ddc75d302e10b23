// Header mutation before everything else, including filters: no caller may state its own identity. Remove first: an empty
// %DOWNSTREAM_PEER_URI_SAN% adds nothing, so that a forged header would otherwise pass on plaintext. In every spelling that an application
// may accept for the header; other headers with underscores pass.
import { create } from '@bufbuild/protobuf';
import {
  type HeaderMutation,
  HeaderMutationSchema,
} from '#gen/envoy/config/common/mutation_rules/v3/mutation_rules_pb.js';
import { HeaderValueOption_HeaderAppendAction } from '#gen/envoy/config/core/v3/base_pb.js';
import type { TypedExtensionConfig } from '#gen/envoy/config/core/v3/extension_pb.js';
import { framingHeaders, ownHeaders, peerIdHeader } from '../names.ts';
import { otherOverrides } from '../override-headers.ts';
import { constant, remembered } from '../wire/constant.ts';
import { earlyHeaders } from '../wire/early-headers.ts';
import { otherSpellings, otherSpellingsApart, removeAll, spellings } from '../wire/header-spellings.ts';
import { onlyProbeHeaders } from './bare-probe.ts';

/**
 * `stripped`: other headers that carry identity; names, or prefixes that end in "*". `credential`: a header that is looked at later, and
 * only in this spelling. The peer's id is set even if the application should not see it: the deny filter looks at it.
 */
export const callerEarlyHeaders = remembered(
  (stripped: readonly string[], credential?: string): TypedExtensionConfig =>
    earlyHeaders([
      ...callersOwn(...stripped),
      ...(credential === undefined ? [] : otherSpellingsApart(credential).map(removeAll)),
      setPeerId(),
    ]),
);

/** What no caller may send, anywhere in its request. */
export const callersOwn = remembered((...stripped: readonly string[]): readonly HeaderMutation[] => [
  ...forgeries(),
  ...stripped.map((name) => removeAll(spellings(name))),
]);

/** A probe has no peer. */
export const probeEarlyHeaders = constant(
  (): TypedExtensionConfig => earlyHeaders([...forgeries(), onlyProbeHeaders()]),
);

const forgeries = constant((): readonly HeaderMutation[] =>
  [...ownHeaders.map(spellings), ...framingHeaders.map(otherSpellings), ...otherOverrides].map(removeAll),
);

const setPeerId = constant(
  (): HeaderMutation =>
    create(HeaderMutationSchema, {
      action: {
        case: 'append',
        value: {
          header: { key: peerIdHeader, value: '%DOWNSTREAM_PEER_URI_SAN%' },
          appendAction: HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD,
        },
      },
    }),
);

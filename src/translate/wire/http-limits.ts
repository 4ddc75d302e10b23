// Limits for HTTP on either side of a sidecar, the same on all listeners and clusters: a request that one sidecar accepts is accepted by
// the next one as well.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type Http1ProtocolOptions,
  Http1ProtocolOptionsSchema,
  type Http2ProtocolOptionsSchema,
} from '#gen/envoy/config/core/v3/protocol_pb.js';
import type { HttpConnectionManagerSchema } from '#gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { PreserveCaseFormatterConfigSchema } from '#gen/envoy/extensions/http/header_formatters/preserve_case/v3/preserve_case_pb.js';
import { StringMatcherSchema } from '#gen/envoy/type/matcher/v3/string_pb.js';
import type { PortIr } from '../../policy/ir.ts';
import { any } from './any.ts';
import { constant } from './constant.ts';
import { duration } from './duration.ts';

/** For a request and for an answer; HTTP/2 counts the parts of a split cookie. Envoy's default is 100. */
export const maxHeaders = 1000;
/** All names and values together, in KiB. Envoy's default is 60. */
export const maxHeadersKb = 256;

/**
 * A connection is shared: an invalid message ends only its own stream, as RFC 9113 §8.1.1 says; by default Envoy ends the connection, with
 * everybody's calls. The same for empty DATA frames, which some libraries send: Envoy accepts one in a row.
 */
export const http2Codec = {
  overrideStreamErrorOnInvalidHttpMessage: true,
  maxConsecutiveInboundFramesWithEmptyPayload: 10_000,
} satisfies MessageInitShape<typeof Http2ProtocolOptionsSchema>;

/**
 * For one connection between sidecars. Set on both sides: the caller's does not know it before it has sent the first calls, and calls above
 * it are refused.
 */
export const maxStreamsBetweenSidecars = 1000;
/** What every HTTP/2 server should allow (RFC 9113 §6.5.2); further calls use further connections. */
export const maxStreamsToApplication = 100;

/**
 * How much of one inbound connection is read before the next one's turn, as recommended in Envoy's edge guide; its default is 1 MiB. This
 * amount is processed at once: with streams that are opened and reset, that would be over 30,000, and everybody else would wait.
 */
export const turnBytes = 32 * 1024;
/**
 * Resets per connection by the client, as a burst and per second; beyond it the connection is closed. Higher for clients that are known to
 * share one: a caller that declares the dependency, with everybody's calls in its application. All others get Envoy's default, set
 * explicitly so that no version changes it.
 */
export const resets = {
  sharedConnection: { streamResetBurst: 10_000n, streamResetRate: 1000n },
  anybody: { streamResetBurst: 1000n, streamResetRate: 33n },
} satisfies Readonly<Record<string, MessageInitShape<typeof Http2ProtocolOptionsSchema>>>;

/**
 * For connections that do not begin like HTTP: for the headers, and then the arrival of the answer (Envoy's default for that is a second).
 */
export const notWaitedFor = {
  requestHeadersTimeout: duration(500),
  delayedCloseTimeout: duration(100),
} satisfies MessageInitShape<typeof HttpConnectionManagerSchema>;

/** The part of a connection manager about what callers may send that is the same for many services. */
export function httpIntake(upgrades: readonly 'websocket'[]) {
  return {
    maxRequestHeadersKb: maxHeadersKb,
    // If a client asks before it sends a body, the application answers, which may not want it.
    proxy100Continue: true,
    upgradeConfigs: upgrades.map((upgradeType) => ({ upgradeType })),
  } satisfies MessageInitShape<typeof HttpConnectionManagerSchema>;
}

/** The service's own part. */
export function http1Intake(service: PortIr): Http1ProtocolOptions {
  return create(Http1ProtocolOptionsSchema, {
    // nginx's default proxy_pass, and probes. Such a request may have no host.
    acceptHttp10: true,
    defaultHostForHttp10: service.name,
    // An offer may be declined by ignoring it (RFC 9110 §7.8); refusing the request would break real clients.
    ignoreHttp11Upgrade: [anyOtherUpgrade()],
    ...http1Codec(service),
  });
}

const anyOtherUpgrade = constant(() =>
  create(StringMatcherSchema, { matchPattern: { case: 'safeRegex', value: { regex: anythingBut('websocket') } } }),
);

/** Must be set on both sides of a connection manager. Trailers pass as they do over HTTP/2: checksums, the status of gRPC-Web. */
export function http1Codec({ keepsHeaderCase }: PortIr): MessageInitShape<typeof Http1ProtocolOptionsSchema> {
  if (!keepsHeaderCase) return { enableTrailers: true };
  return {
    enableTrailers: true,
    headerKeyFormat: {
      headerFormat: {
        case: 'statefulFormatter',
        value: {
          name: 'envoy.http.stateful_header_formatters.preserve_case',
          typedConfig: preserveCase(),
        },
      },
    },
  };
}

const preserveCase = constant(() => any(PreserveCaseFormatterConfigSchema, {}));

/** A regular expression without lookahead: what differs from the word at some letter, ends within it, or continues after it. */
function anythingBut(word: string): string {
  const rest = [...word].reduceRight(
    (after, letter) => `(?:${letter}${after}|${allBut(letter)}${printable}*)?`,
    `${printable}+`,
  );
  return `(?i)${rest}`;
}

const printable = '[ -~]';

function allBut(letter: string): string {
  const [before, after] = [-1, 1].map((step) => String.fromCharCode(letter.charCodeAt(0) + step));
  // Of either case, so that no spelling of the word is taken for another.
  const upper = letter.toUpperCase();
  const [upperBefore, upperAfter] = [-1, 1].map((step) => String.fromCharCode(upper.charCodeAt(0) + step));
  return `[ -${upperBefore}${upperAfter}-${before}${after}-~]`;
}

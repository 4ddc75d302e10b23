// What HTTP on either side of the wall may be, the same on all listeners and clusters: a request that one sidecar takes, the next one
// takes as well.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Http1ProtocolOptionsSchema, Http2ProtocolOptionsSchema } from '#gen/envoy/config/core/v3/protocol_pb.js';
import type { HttpConnectionManagerSchema } from '#gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { PreserveCaseFormatterConfigSchema } from '#gen/envoy/extensions/http/header_formatters/preserve_case/v3/preserve_case_pb.js';
import type { PortIr } from '../../policy/ir.ts';
import { any } from './any.ts';
import { duration } from './duration.ts';

/** Of a request and of an answer; HTTP/2 counts the parts of a split cookie. Envoy's default is 100. */
export const maxHeaders = 1000;
/** All names and values together, in KiB. Envoy's default is 60. */
export const maxHeadersKb = 256;

/**
 * A connection is shared: a message that is no valid one ends its own stream, as RFC 9113 §8.1.1 says; Envoy's default ends the
 * connection, with everybody's calls. Frames of data without data, which some libraries send, likewise: Envoy takes one in a row.
 */
export const http2Codec = {
  overrideStreamErrorOnInvalidHttpMessage: true,
  maxConsecutiveInboundFramesWithEmptyPayload: 10_000,
} satisfies MessageInitShape<typeof Http2ProtocolOptionsSchema>;

/**
 * Of one connection between sidecars. Said on both sides: the caller's does not know it before it has sent the first calls, and what is
 * above it is refused.
 */
export const maxStreamsBetweenSidecars = 1000;
/** What every server of HTTP/2 ought to take (RFC 9113 §6.5.2); more calls go over more connections. */
export const maxStreamsToApplication = 100;

/**
 * What is read of one inbound connection before the next one's turn, and what Envoy's edge guide advises; its default is 1 MiB. Within it
 * everything is worked off at once: of streams that are opened and reset that is over 30,000, and all others wait.
 */
export const turnBytes = 32 * 1024;
/**
 * Streams of one connection that who opened them may reset, at once and in a second; what is above it ends the connection. By who is known
 * to share one: a caller that declares the dependency, with everybody's calls in his application. All others get what Envoy gives
 * by default, said so that no version changes it.
 */
export const resets = {
  sharedConnection: { streamResetBurst: 10_000n, streamResetRate: 1000n },
  anybody: { streamResetBurst: 1000n, streamResetRate: 33n },
} satisfies Readonly<Record<string, MessageInitShape<typeof Http2ProtocolOptionsSchema>>>;

/** Of who does not begin as HTTP does: his headers, and then the arrival of the answer (Envoy's default for that is a second). */
export const notWaitedFor = {
  requestHeadersTimeout: duration(500),
  delayedCloseTimeout: duration(100),
} satisfies MessageInitShape<typeof HttpConnectionManagerSchema>;

/** The part of a connection manager that is about what callers may send. */
export function httpIntake(service: PortIr, upgrades: readonly 'websocket'[]) {
  return {
    maxRequestHeadersKb: maxHeadersKb,
    // Who asks before he sends a body is answered by the application, which may not want it.
    proxy100Continue: true,
    upgradeConfigs: upgrades.map((upgradeType) => ({ upgradeType })),
    httpProtocolOptions: {
      // nginx's proxy_pass as it is shipped, probes. Such a request may be without a host.
      acceptHttp10: true,
      defaultHostForHttp10: service.name,
      // An offer that may be declined (RFC 9110 §7.8) by not taking it; refusing the request fails real clients.
      ignoreHttp11Upgrade: [{ matchPattern: { case: 'safeRegex', value: { regex: anythingBut('websocket') } } }],
      ...http1Codec(service),
    },
  } satisfies MessageInitShape<typeof HttpConnectionManagerSchema>;
}

/** Both sides of a connection manager's work have to say it. Trailers pass as they do over HTTP/2: checksums, the status of gRPC-Web. */
export function http1Codec({ keepsHeaderCase }: PortIr): MessageInitShape<typeof Http1ProtocolOptionsSchema> {
  if (!keepsHeaderCase) return { enableTrailers: true };
  return {
    enableTrailers: true,
    headerKeyFormat: {
      headerFormat: {
        case: 'statefulFormatter',
        value: {
          name: 'envoy.http.stateful_header_formatters.preserve_case',
          typedConfig: any(PreserveCaseFormatterConfigSchema, {}),
        },
      },
    },
  };
}

/** A regular expression without lookahead: what leaves the word at some letter, ends within it, or goes on after it. */
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

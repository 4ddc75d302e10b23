// HTTP: paths that a rule would not recognise, and headers in which callers state their identity.
import { isMessage, type Message } from '@bufbuild/protobuf';
import type { HeaderMutation } from '#gen/envoy/config/common/mutation_rules/v3/mutation_rules_pb.js';
import { HeaderValueOption_HeaderAppendAction, TrafficDirection } from '#gen/envoy/config/core/v3/base_pb.js';
import { ListenerSchema } from '#gen/envoy/config/listener/v3/listener_pb.js';
import { RouteSchema, VirtualHostSchema } from '#gen/envoy/config/route/v3/route_components_pb.js';
import { RouteConfigurationSchema } from '#gen/envoy/config/route/v3/route_pb.js';
import {
  HttpConnectionManager_ForwardClientCertDetails,
  HttpConnectionManager_PathWithEscapedSlashesAction,
  HttpConnectionManagerSchema,
} from '#gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { HeaderMutationSchema as EarlySchema } from '#gen/envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation_pb.js';
import { framingHeaders, ownHeaderPrefix, ownHeaders, peerIdHeader, subjectDnHeader } from '../names.ts';
import { otherOverrides } from '../override-headers.ts';
import { unpacked } from '../wire/any.ts';
import { otherSpellings, spellings } from '../wire/header-spellings.ts';
import { extensionRegistry } from './registry.ts';
import { about, type Rule, type Wrong } from './rule.ts';

const paths = about([HttpConnectionManagerSchema], (message, ancestors) => {
  if (!isInbound(ancestors)) return [];
  const slashes = message.pathWithEscapedSlashesAction;
  const wrong: Wrong[] = [];
  if (message.normalizePath !== true || !message.mergeSlashes) {
    wrong.push(['http-path', 'normalize_path and merge_slashes: another spelling must not escape a rule']);
  }
  if (
    slashes !== HttpConnectionManager_PathWithEscapedSlashesAction.REJECT_REQUEST &&
    slashes !== HttpConnectionManager_PathWithEscapedSlashesAction.KEEP_UNCHANGED
  ) {
    wrong.push(['http-escaped-slashes', 'escaped slashes are rejected or kept, never decoded']);
  }
  const webSocket = message.upgradeConfigs.every(
    ({ upgradeType, filters }) => upgradeType.toLowerCase() === 'websocket' && filters.length === 0,
  );
  if (!webSocket || message.http2ProtocolOptions?.allowConnect === true) {
    wrong.push([
      'http-upgrade',
      'nothing but WebSockets, and through the same filters: no rule sees what goes through',
    ]);
  }
  return wrong;
});

const identity = about([HttpConnectionManagerSchema], (message, ancestors) => {
  const xfcc = message.forwardClientCertDetails;
  const wrong: Wrong[] = [];
  if (
    xfcc !== HttpConnectionManager_ForwardClientCertDetails.SANITIZE &&
    xfcc !== HttpConnectionManager_ForwardClientCertDetails.SANITIZE_SET
  ) {
    wrong.push(['http-xfcc', "a caller's own x-forwarded-client-cert must not pass"]);
  }
  if (!isInbound(ancestors)) return wrong;
  const removed = new Set(
    message.earlyHeaderMutationExtensions.flatMap(({ typedConfig }) => {
      const early = typedConfig && unpacked(typedConfig, extensionRegistry);
      return early !== undefined && isMessage(early, EarlySchema) ? early.mutations.map(removedRegex) : [];
    }),
  );
  for (const [name, regex] of forgeable) {
    if (removed.has(regex)) continue;
    wrong.push([
      'http-forged-header',
      `${name} is removed in every spelling before anything looks at it: by an early mutation, remove_on_match with safe_regex "${regex}"`,
    ]);
  }
  return wrong;
});

const forgeable: readonly (readonly [string, string])[] = [
  ...ownHeaders.map((name) => [name, spellings(name)] as const),
  ...framingHeaders.map((name) => [name, otherSpellings(name)] as const),
  ...otherOverrides.map((regex) => ['another spelling of a header that means another request', regex] as const),
];

function removedRegex({ action }: HeaderMutation): string | undefined {
  const pattern = action.case === 'removeOnMatch' ? action.value.keyMatcher?.matchPattern : undefined;
  return pattern?.case === 'safeRegex' ? pattern.value.regex : undefined;
}

/** An empty value adds nothing, so that what a caller sent would stay: remove first. */
const removeFirst = about([EarlySchema], (message) => {
  const wrong: Wrong[] = [];
  message.mutations.forEach(({ action }, index) => {
    if (action.case !== 'append') return;
    const key = (action.value.header?.key ?? '').toLowerCase();
    if (!message.mutations.slice(0, index).some((before) => removes(before, key))) {
      wrong.push(['http-add-without-remove', `${key} is set without being removed first`]);
    }
  });
  return wrong;
});

function removes(mutation: HeaderMutation, key: string): boolean {
  const { action } = mutation;
  if (action.case === 'remove') return action.value.toLowerCase() === key;
  const regex = removedRegex(mutation);
  if (regex !== undefined) return key.startsWith(ownHeaderPrefix) && regex === spellings(`${ownHeaderPrefix}*`);
  if (action.case !== 'removeOnMatch') return false;
  const pattern = action.value.keyMatcher?.matchPattern;
  return pattern?.case === 'prefix' && key.startsWith(pattern.value.toLowerCase());
}

/**
 * Route-level headers are set after authorization looked at them: never the one that it looks at, and never appended to what a caller sent.
 */
const routeHeaders = about([RouteSchema, VirtualHostSchema, RouteConfigurationSchema], (message) =>
  message.requestHeadersToAdd.flatMap(({ header, appendAction }): Wrong[] => {
    const key = (header?.key ?? '').toLowerCase();
    if (key === peerIdHeader || key === 'x-forwarded-client-cert') {
      return [['http-add-without-remove', `a route must not add ${key}`]];
    }
    const overwrites = appendAction === HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD;
    return !overwrites && (key.startsWith(ownHeaderPrefix) || key === subjectDnHeader)
      ? [['http-add-without-remove', `${key} is overwritten, never joined`]]
      : [];
  }),
);

function isInbound(ancestors: readonly Message[]): boolean {
  const [listener] = ancestors;
  return !(
    listener !== undefined &&
    isMessage(listener, ListenerSchema) &&
    listener.trafficDirection === TrafficDirection.OUTBOUND
  );
}

export const httpRules: readonly Rule[] = [paths, identity, removeFirst, routeHeaders];

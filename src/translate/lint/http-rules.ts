// HTTP: paths that a rule would not recognise, and headers in which callers say who they are.
import { isMessage, type Message } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import type { HeaderMutation } from '#gen/envoy/config/common/mutation_rules/v3/mutation_rules_pb.js';
import { HeaderValueOption_HeaderAppendAction, TrafficDirection } from '#gen/envoy/config/core/v3/base_pb.js';
import { HttpProtocolOptions_HeadersWithUnderscoresAction } from '#gen/envoy/config/core/v3/protocol_pb.js';
import { ListenerSchema } from '#gen/envoy/config/listener/v3/listener_pb.js';
import { RouteSchema, VirtualHostSchema } from '#gen/envoy/config/route/v3/route_components_pb.js';
import { RouteConfigurationSchema } from '#gen/envoy/config/route/v3/route_pb.js';
import {
  HttpConnectionManager_ForwardClientCertDetails,
  HttpConnectionManager_PathWithEscapedSlashesAction,
  HttpConnectionManagerSchema,
} from '#gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { HeaderMutationSchema as EarlySchema } from '#gen/envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation_pb.js';
import { ownHeaderPrefix, peerIdHeader, subjectDnHeader } from '../names.ts';
import { extensionRegistry } from './registry.ts';
import type { Rule, Wrong } from './rule.ts';

const paths: Rule = (message, ancestors) => {
  if (!isMessage(message, HttpConnectionManagerSchema) || !isInbound(ancestors)) return [];
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
  if (message.upgradeConfigs.length > 0 || message.http2ProtocolOptions?.allowConnect === true) {
    wrong.push(['http-upgrade', 'upgrades are off: no rule sees what goes through one']);
  }
  return wrong;
};

const identity: Rule = (message, ancestors) => {
  if (!isMessage(message, HttpConnectionManagerSchema)) return [];
  const xfcc = message.forwardClientCertDetails;
  const wrong: Wrong[] = [];
  if (
    xfcc !== HttpConnectionManager_ForwardClientCertDetails.SANITIZE &&
    xfcc !== HttpConnectionManager_ForwardClientCertDetails.SANITIZE_SET
  ) {
    wrong.push(['http-xfcc', "a caller's own x-forwarded-client-cert must not pass"]);
  }
  if (!isInbound(ancestors)) return wrong;
  const underscores = message.commonHttpProtocolOptions?.headersWithUnderscoresAction;
  if (underscores !== HttpProtocolOptions_HeadersWithUnderscoresAction.REJECT_REQUEST) {
    wrong.push(['http-underscores', 'headers with underscores are rejected: applications take them for dashes']);
  }
  for (const forged of [ownHeaderPrefix, subjectDnHeader]) {
    if (
      !removesEarly(
        message.earlyHeaderMutationExtensions.map(({ typedConfig }) => typedConfig),
        forged,
      )
    ) {
      wrong.push(['http-forged-header', `${forged}* is removed before anything looks at it`]);
    }
  }
  return wrong;
};

function removesEarly(configs: readonly (Parameters<typeof anyUnpack>[0] | undefined)[], header: string): boolean {
  return configs.some((config) => {
    const early = config && anyUnpack(config, extensionRegistry);
    return early !== undefined && isMessage(early, EarlySchema) && early.mutations.some((one) => removes(one, header));
  });
}

/** An empty value adds nothing, so that what a caller sent would stay: remove first. */
const removeFirst: Rule = (message) => {
  if (!isMessage(message, EarlySchema)) return [];
  const wrong: Wrong[] = [];
  message.mutations.forEach(({ action }, index) => {
    if (action.case !== 'append') return;
    const key = (action.value.header?.key ?? '').toLowerCase();
    if (!message.mutations.slice(0, index).some((before) => removes(before, key))) {
      wrong.push(['http-add-without-remove', `${key} is set without being removed first`]);
    }
  });
  return wrong;
};

function removes({ action }: HeaderMutation, key: string): boolean {
  if (action.case === 'remove') return action.value.toLowerCase() === key;
  if (action.case !== 'removeOnMatch') return false;
  const pattern = action.value.keyMatcher?.matchPattern;
  return pattern?.case === 'prefix' && key.startsWith(pattern.value.toLowerCase());
}

/**
 * Route-level headers are set after authorization looked at them: never the one that it looks at, and never joined to what a
 * caller sent.
 */
const routeHeaders: Rule = (message) => {
  if (
    !isMessage(message, RouteSchema) &&
    !isMessage(message, VirtualHostSchema) &&
    !isMessage(message, RouteConfigurationSchema)
  ) {
    return [];
  }
  return message.requestHeadersToAdd.flatMap(({ header, appendAction }): Wrong[] => {
    const key = (header?.key ?? '').toLowerCase();
    if (key === peerIdHeader || key === 'x-forwarded-client-cert') {
      return [['http-add-without-remove', `a route must not add ${key}`]];
    }
    const overwrites = appendAction === HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD;
    return !overwrites && (key.startsWith(ownHeaderPrefix) || key === subjectDnHeader)
      ? [['http-add-without-remove', `${key} is overwritten, never joined`]]
      : [];
  });
};

function isInbound(ancestors: readonly Message[]): boolean {
  const [listener] = ancestors;
  return !(
    listener !== undefined &&
    isMessage(listener, ListenerSchema) &&
    listener.trafficDirection === TrafficDirection.OUTBOUND
  );
}

export const httpRules: readonly Rule[] = [paths, identity, removeFirst, routeHeaders];

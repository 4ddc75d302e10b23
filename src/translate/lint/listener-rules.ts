// Listeners: who can reach them, and what must be in every inbound chain.
import { isMessage, type Message, toBinary } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { TrafficDirection } from '#gen/envoy/config/core/v3/base_pb.js';
import {
  type FilterChain,
  FilterChainMatchSchema,
  FilterChainSchema,
} from '#gen/envoy/config/listener/v3/listener_components_pb.js';
import { type Listener, ListenerSchema } from '#gen/envoy/config/listener/v3/listener_pb.js';
import { HttpConnectionManagerSchema } from '#gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { filterNamed, inboundFilters } from '../filters/inbound-filters.ts';
import { unpacked } from '../wire/any.ts';
import { extensionRegistry } from './registry.ts';
import { about, type Rule, type Wrong } from './rule.ts';

/** The default is true: then two sidecars on one port would start without an error and share its traffic. */
const reusePort = about([ListenerSchema], (message) =>
  message.enableReusePort !== false ? [['listener-reuse-port', 'enable_reuse_port must be false']] : [],
);

const direction = about([ListenerSchema], (message) => {
  switch (message.trafficDirection) {
    case TrafficDirection.INBOUND:
      return [];
    case TrafficDirection.OUTBOUND:
      return isLoopback(message) || isDependencySocket(message)
        ? []
        : [
            [
              'listener-not-loopback',
              'an outbound listener lends its SVID to whoever reaches it: loopback, or a socket of mode 0600, 0660 or 0666, only',
            ],
          ];
    default:
      return [['listener-direction', 'a listener is inbound or outbound']];
  }
});

function isLoopback({ address, additionalAddresses }: Listener): boolean {
  return [address, ...additionalAddresses.map((more) => more.address)].every(
    (one) =>
      one?.address.case === 'socketAddress' &&
      (/^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(one.address.value.address) || one.address.value.address === '::1'),
  );
}

/** As dependencies have it: only a socket may be replaced, and its mode is explicit. */
function isDependencySocket({ address, additionalAddresses }: Listener): boolean {
  if (address?.address.case !== 'pipe' || additionalAddresses.length > 0) return false;
  const { path, mode } = address.address.value;
  return socketPath.test(path) && Buffer.byteLength(path) <= 107 && socketModes.includes(mode);
}

const socketPath = /^(?:\/(?!\.{1,2}\/)[A-Za-z0-9._@~+-]+)+\.sock$/;
const socketModes = [0o600, 0o660, 0o666];

const chainMatches = about([ListenerSchema], (message) => {
  const matches = message.filterChains.map(({ filterChainMatch }) =>
    filterChainMatch === undefined
      ? ''
      : Buffer.from(toBinary(FilterChainMatchSchema, filterChainMatch)).toString('hex'),
  );
  return new Set(matches).size < matches.length
    ? [['listener-same-match', 'two filter chains match the same connections']]
    : [];
});

/** The filters that every service must have, in their order; except for the chain that serves only the health path. */
const authorized = about([FilterChainSchema], (message, ancestors) => {
  if (!isInbound(ancestors)) return [];
  if (message.name === 'health' && message.transportSocket === undefined) return [];
  const { kind, names } = discoveredIn(message);
  const found = names.map(filterNamed);
  const wrong: Wrong[] = [];
  // Those that not every service has may be between them, each in its slot.
  const always = inboundFilters.filter(
    ({ appliesTo, messages }) => appliesTo === 'all' && messages[kind] !== undefined,
  );
  const others = found.filter((filter) => filter === undefined || filter.appliesTo === 'all');
  always.forEach((filter, index) => {
    if (others[index] !== filter) {
      wrong.push(['chain-unauthorized', `filter ${index} of an inbound chain is ${filter.name}`]);
    }
  });
  const places = found.flatMap((filter) => (filter === undefined ? [] : [inboundFilters.indexOf(filter)]));
  if (places.some((place, index) => place <= (places[index - 1] ?? -1))) {
    const order = inboundFilters.map(({ name }) => name).join(', ');
    wrong.push(['chain-order', `filters of an inbound chain stand once, and in this order: ${order}`]);
  }
  return wrong;
});

function isInbound(ancestors: readonly Message[]): boolean {
  const [listener] = ancestors;
  return (
    listener !== undefined &&
    isMessage(listener, ListenerSchema) &&
    listener.trafficDirection !== TrafficDirection.OUTBOUND
  );
}

/** Of the connection manager if there is one, otherwise of the chain. */
function discoveredIn({ filters }: FilterChain): { readonly kind: 'http' | 'tcp'; readonly names: readonly string[] } {
  for (const { configType } of filters) {
    const names = configType.case === 'typedConfig' ? managersFilters(configType.value) : undefined;
    if (names !== undefined) return { kind: 'http', names };
  }
  return { kind: 'tcp', names: filters.filter(discovered).map(({ name }) => name) };
}

/** Chains share their filters: the same bytes are read once. */
const known = new WeakMap<Uint8Array, { readonly typeUrl: string; readonly names: readonly string[] | undefined }>();

/** Undefined for another filter. */
function managersFilters(any: Any): readonly string[] | undefined {
  const { typeUrl, value } = any;
  const there = known.get(value);
  if (there?.typeUrl === typeUrl) return there.names;
  const config = unpacked(any, extensionRegistry);
  const names = isMessage(config, HttpConnectionManagerSchema)
    ? config.httpFilters.filter(discovered).map(({ name }) => name)
    : undefined;
  known.set(value, { typeUrl, names });
  return names;
}

function discovered({ configType }: { readonly configType: { readonly case?: string | undefined } }): boolean {
  return configType.case === 'configDiscovery';
}

export const listenerRules: readonly Rule[] = [reusePort, direction, chainMatches, authorized];

// Ways around enforcement that only a raw resource can open: a listener without chains, one in another network's loopback, a tunnel, a
// dependency in plaintext, and an identity header with arbitrary content.
import { isMessage, type Message } from '@bufbuild/protobuf';
import { ClusterSchema } from '#gen/envoy/config/cluster/v3/cluster_pb.js';
import {
  AddressSchema,
  type SocketAddress,
  SocketAddress_Protocol,
  SocketAddressSchema,
} from '#gen/envoy/config/core/v3/address_pb.js';
import {
  HeaderValueOption_HeaderAppendAction,
  HeaderValueOptionSchema,
  type TransportSocket,
} from '#gen/envoy/config/core/v3/base_pb.js';
import { ListenerSchema } from '#gen/envoy/config/listener/v3/listener_pb.js';
import { RouteActionSchema } from '#gen/envoy/config/route/v3/route_components_pb.js';
import { UpstreamTlsContextSchema } from '#gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import { peerNameValues } from '../inbound/peer-names.ts';
import {
  outboundPrefix,
  ownHeaderPrefix,
  peerCellHeader,
  peerIdHeader,
  peerServiceHeader,
  subjectDnHeader,
  xfccHeader,
} from '../names.ts';
import type { Rule } from './rule.ts';

/** UDP has no filter chains: whoever sends is let through, with the proxy's identity if that leads to a dependency. */
const onlyTcp: Rule = (message) => {
  if (!isMessage(message, ListenerSchema)) return [];
  const { address, additionalAddresses, udpListenerConfig } = message;
  const udp = [address, ...additionalAddresses.map((more) => more.address)].some(
    (one) => socketOf(one)?.protocol === SocketAddress_Protocol.UDP,
  );
  return udp || udpListenerConfig !== undefined
    ? [['raw-listener', 'a listener of UDP has no chains, and no authorization stands in it']]
    : [];
};

function socketOf(address: Message | undefined): SocketAddress | undefined {
  if (address === undefined || !isMessage(address, AddressSchema)) return undefined;
  return address.address.case === 'socketAddress' ? address.address.value : undefined;
}

/** Loopback in another namespace belongs to somebody else. */
const ownNetwork: Rule = (message) =>
  isMessage(message, SocketAddressSchema) && message.networkNamespaceFilepath !== ''
    ? [['raw-host-data', 'no other network namespace is entered: network_namespace_filepath names one']]
    : [];

const noTunnel: Rule = (message) =>
  isMessage(message, RouteActionSchema) &&
  message.upgradeConfigs.some(
    ({ upgradeType, connectConfig }) => upgradeType.toLowerCase() !== 'websocket' || connectConfig !== undefined,
  )
    ? [['http-upgrade', 'nothing but WebSockets: no rule sees what goes through']]
    : [];

/** A patch may remove a dependency, but never the TLS to it. What is validated there is checked by tls-rules. */
const dependencyTls: Rule = (message) => {
  if (!isMessage(message, ClusterSchema) || !message.name.startsWith(outboundPrefix)) return [];
  const { transportSocket, transportSocketMatches, transportSocketMatcher } = message;
  return isTls(transportSocket) && transportSocketMatches.length === 0 && transportSocketMatcher === undefined
    ? []
    : [['tls-plaintext', 'a dependency is called over TLS, and over nothing else']];
};

function isTls(socket: TransportSocket | undefined): boolean {
  const { configType } = socket ?? {};
  return (
    configType?.case === 'typedConfig' && configType.value.typeUrl.endsWith(`/${UpstreamTlsContextSchema.typeName}`)
  );
}

/** What is said about a caller comes from the certificate: no constant, and nothing from the request. */
const saidByTheWall: Rule = (message) => {
  if (!isMessage(message, HeaderValueOptionSchema)) return [];
  const { key = '', value = '' } = message.header ?? {};
  const meant = key.toLowerCase().replace(/[^a-z0-9]/g, '-');
  if (!meant.startsWith(ownHeaderPrefix) && meant !== subjectDnHeader && meant !== xfccHeader) return [];
  // Translate's own are constants, one for each cell.
  const own = key === subjectDnHeader ? !value.includes('%') : ownValues.get(key) === value;
  const overwrites = message.appendAction === HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD;
  return own && overwrites
    ? []
    : [['http-forged-header', `${key} says who a caller is: only the wall sets it, from the certificate`]];
};

const ownValues: ReadonlyMap<string, string> = new Map([
  [peerIdHeader, '%DOWNSTREAM_PEER_URI_SAN%'],
  [peerCellHeader, peerNameValues.cell],
  [peerServiceHeader, peerNameValues.service],
]);

export const rawDoorRules: readonly Rule[] = [onlyTcp, ownNetwork, noTunnel, dependencyTls, saidByTheWall];

// What translate takes besides the IR, and what it gives: the contract between control and the dialects.
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import type { IpPort } from '../lib/host-port.ts';
import type { Origin } from '../model/origin.ts';
import type { SpiffeId } from '../model/spiffe-id.ts';
import type { EndpointIr, MeshIr, PortKey, ServiceKey } from '../policy/ir.ts';

/** Where a proxy listens and where its application is: as registered by the proxy, verified by the registry. */
export interface ProxyShape {
  readonly spiffeId: SpiffeId;
  /** Absent for an identity that is a Workload and no Service: it is given its secrets, and raw resources. */
  readonly service?: ServiceKey;
  /** Where it listens, a port of its service each. */
  readonly ports?: readonly PortShape[];
  /** Its host has the loopback address of IPv6, too. */
  readonly loopback6?: true;
  /** It has no ADS: what its resources refer to, it asks for over the service of the type. */
  readonly singleServices?: SingleServices;
}

export interface PortShape {
  /** As in the service's document. */
  readonly name: string;
  /** Inbound listener's address. */
  readonly inbound: IpPort;
  /** The application behind it, on the same host. Absent: where the document says. */
  readonly application?: IpPort | { readonly path: string };
}

/** Of which variant the single-type services are. */
export type SingleServices = 'delta' | 'sotw';

/** Trust material, by SDS. PEM. */
export interface Bundles {
  /** Roots of the mesh's trust domain, one or more, concatenated. */
  readonly roots: string;
  /**
   * For each legacy authority, trust anchors for the default validator that cannot vouch for URI SANs of the mesh's trust
   * domain (name-constrained), concatenated.
   */
  readonly legacyAnchors: ReadonlyMap<string, string>;
}

/** Live endpoints of the ports whose endpoints are their sidecars'. */
export type LiveEndpoints = ReadonlyMap<PortKey, readonly EndpointIr[]>;

/** Everything that all proxies' resources are made from. */
export interface TranslationInputs {
  readonly mesh: MeshIr;
  readonly endpoints: LiveEndpoints;
  readonly bundles: Bundles;
}

/** One xDS resource before encoding. */
export interface TranslatedResource<D extends DescMessage = DescMessage> {
  readonly typeUrl: string;
  readonly name: string;
  readonly schema: D;
  readonly message: MessageShape<D>;
  /** The documents that made it; worked out when it is asked for. */
  readonly madeBy: () => readonly Origin[];
  /** Pinned by an operator, for tests. Default: a hash of the content. */
  readonly version?: string;
}

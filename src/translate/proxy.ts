// The inputs of translate besides the IR, and its results: the contract between control and translate.
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import type { IpPort } from '../lib/host-port.ts';
import type { Redacted } from '../lib/redacted.ts';
import type { Origin } from '../model/origin.ts';
import type { SpiffeId, TrustDomain } from '../model/spiffe-id.ts';
import type { EndpointIr, MeshIr, PortKey, ServiceKey } from '../policy/ir.ts';

/** Where a proxy listens and where its application is: as registered by the proxy, verified by the registry. */
export interface ProxyShape {
  readonly spiffeId: SpiffeId;
  /** Absent for an identity that has a Workload but no Service: it is given its secrets, and raw resources. */
  readonly service?: ServiceKey;
  /** Where it listens, for each port of its service. */
  readonly ports?: readonly PortShape[];
  /** Its host also has the IPv6 loopback address. */
  readonly loopback6?: true;
  /** Its own certificate comes from the helper beside it, and is not among its resources. */
  readonly secrets?: 'local';
  /** It has no ADS: its resources must refer to others through the single-type services. */
  readonly singleServices?: SingleServices;
}

export interface PortShape {
  /** As in the service's document. */
  readonly name: string;
  /** Inbound listener's address. */
  readonly inbound: IpPort;
  /** The application behind it, on the same host. Absent: as in the document. */
  readonly application?: IpPort | { readonly path: string };
}

/** The variant of the single-type services. */
export type SingleServices = 'delta' | 'sotw';

/** What is no document's: trust material (PEM), and tokens. */
export interface Bundles {
  /** Roots of the mesh's trust domain, one or more, concatenated. */
  readonly roots: string;
  /**
   * For each legacy authority, trust anchors for the default validator that cannot vouch for URI SANs of the mesh's trust
   * domain (name-constrained), concatenated.
   */
  readonly legacyAnchors: ReadonlyMap<string, string>;
  /** Roots of foreign trust domains, concatenated. One that is not there (yet) vouches for nobody. Absent: none. */
  readonly foreign?: ReadonlyMap<TrustDomain, string>;
  /** Tokens that applications expect of their callers, by service and the name in its document. Those that are missing are not there. */
  readonly credentials?: ReadonlyMap<string, Redacted<string>>;
}

/** Live endpoints of the ports that use their sidecars' addresses. */
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
  /** The documents that made it; computed on request. */
  readonly madeBy: () => readonly Origin[];
  /** Pinned by an operator, for tests. Default: a hash of the content. */
  readonly version?: string;
}

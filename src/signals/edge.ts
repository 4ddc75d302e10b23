// An edge of the graph of calls, as one of its ends reports it: who calls whose port. Pure.

/** As the proxy of the called service saw it. */
export interface InboundEdge {
  readonly side: 'inbound';
  readonly service: string;
  /** Of the service, with a name of its own. */
  readonly port?: string;
  /** How the caller connected; all but `mtls` are anonymous. */
  readonly caller: 'plaintext' | 'one-way-tls' | 'legacy' | 'mtls';
  /** SPIFFE ID; only for `mtls`. Absent there: callers for whom there was no place of their own. */
  readonly principal?: string;
  /** Of an anonymous caller: the issuer of the token that it sent, by its name in the Mesh. */
  readonly token?: string;
  /** Of an anonymous caller: the subject of its legacy certificate, otherwise its address. Absent: those without a place of their own. */
  readonly peer?: string;
}

/** As the proxy of the calling service saw it. */
export interface OutboundEdge {
  readonly side: 'outbound';
  /** Which calls. */
  readonly service: string;
  /** Key of the port that is called. Absent: those without a place of their own. */
  readonly target?: string;
}

/** Everybody who made a TLS connection to the service: what Envoy counts for a listener. `tls` of its signals are key exchange groups. */
export interface ListenerEdge {
  readonly side: 'listener';
  readonly service: string;
}

/** All calls to a dependency, as Envoy counted them on the caller's side; `tls` of its signals is empty. */
export interface CountedEdge {
  readonly side: 'counted';
  /** Which calls. */
  readonly service: string;
  /** Key of the port that is called. Absent: those without a place of their own. */
  readonly target?: string;
}

/** TLS connections to a dependency, counted on the caller's side. `tls` of its signals are key exchange groups. */
export interface ConnectionsEdge {
  readonly side: 'connections';
  readonly service: string;
  readonly target?: string;
}

export type Edge = InboundEdge | OutboundEdge | ListenerEdge | CountedEdge | ConnectionsEdge;

/** Of edges that a calling service reports: what their keys begin with. */
const words = { outbound: 'out', counted: 'counted', connections: 'connections' } as const;

/** A text that is equal for equal edges; the same in every process. */
export function edgeKey(edge: Edge): string {
  if (edge.side === 'listener') return JSON.stringify(['listener']);
  if (edge.side !== 'inbound') return JSON.stringify([words[edge.side], edge.target ?? null]);
  const { port = null, caller, principal = null, token = null, peer = null } = edge;
  return JSON.stringify([port, caller, principal, token, peer]);
}

/** Reads what `edgeKey` made of an edge that is reported by that service. */
export function readEdge(service: string, key: string): Edge | undefined {
  const parts = listIn(key);
  const texts = parts.map((part) => (typeof part === 'string' ? part : undefined));
  for (const side of ['outbound', 'counted', 'connections'] as const) {
    if (parts[0] !== words[side] || parts.length !== 2) continue;
    return { side, service, ...(texts[1] === undefined ? {} : { target: texts[1] }) };
  }
  if (parts[0] === 'listener' && parts.length === 1) return { side: 'listener', service };
  const [port, caller, principal, token, peer] = texts;
  const known = callers.find((one) => one === caller);
  if (known === undefined) return undefined;
  return {
    ...{ side: 'inbound', service, caller: known },
    ...(port === undefined ? {} : { port }),
    ...(principal === undefined ? {} : { principal }),
    ...(token === undefined ? {} : { token }),
    ...(peer === undefined ? {} : { peer }),
  };
}

/** The edge that stands for all that have no place of their own. */
export function crowdOf(edge: Edge): Edge {
  const { service } = edge;
  if (edge.side === 'listener') return edge;
  return edge.side === 'inbound' ? { side: 'inbound', service, caller: edge.caller } : { side: edge.side, service };
}

const callers = ['plaintext', 'one-way-tls', 'legacy', 'mtls'] as const;

function listIn(text: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

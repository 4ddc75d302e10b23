// The name of one proxy, Envoy's `node.id`: the SPIFFE ID that its certificate proves, and which of that identity's instances it is.

/** `<SPIFFE ID>~<instance>`. */
export type NodeId = string & { readonly __brand: 'NodeId' };

/** Occurs in no SPIFFE ID and in no instance: a name can be parsed in only one way. */
const separator = '~';

/** Lower-case letters, digits and "-", at most 64. */
export function isInstance(text: string): boolean {
  return /^[a-z0-9-]{1,64}$/.test(text);
}

/** `instance` must be valid (`isInstance`); it is not checked here. */
export function nodeId(spiffeId: string, instance: string): NodeId {
  return `${spiffeId}${separator}${instance}` as NodeId;
}

/** The SPIFFE ID in it. */
export function identityOf(node: NodeId): string {
  return node.slice(0, node.lastIndexOf(separator));
}

/** Undefined if it is not such a name. Whether the identity is valid, and proved, is checked by the caller. */
export function readNodeId(text: string): { readonly identity: string; readonly instance: string } | undefined {
  const cut = text.lastIndexOf(separator);
  const instance = text.slice(cut + separator.length);
  return cut < 0 || !isInstance(instance) ? undefined : { identity: text.slice(0, cut), instance };
}

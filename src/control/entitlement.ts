// What the documents in force grant to whom: evidence its identity, an identity on a host its certificates. Operators' identities are not
// granted by documents, but earned by a join token. Every host that joins or renews, and every SVID that is pushed, goes through
// policy/identities.ts.
import type { NodeRegistry } from '../identity/attestor/node-registry.ts';
import { followedCell } from '../identity/follower.ts';
import type { IssuancePolicy } from '../identity/issuance-policy.ts';
import { isOperator } from '../identity/operator.ts';
import { CellwallError } from '../lib/errors.ts';
import { type Evidence, tokenEvidence, tokenKey, valueFor } from '../model/evidence.ts';
import { parseSpiffeId, type SpiffeId, type TrustDomain } from '../model/spiffe-id.ts';
import { type Earned, earnedIdentity, onlyByToken, workloadOf } from '../policy/identities.ts';
import type { MeshIr } from '../policy/ir.ts';
import { whyNoIdentity } from '../policy/why-no-identity.ts';

export interface Entitlement {
  /** Whether one would be issued: a document names it, or it is an operator's. */
  knows(id: SpiffeId): boolean;
  /** The identity that evidence earns. Throws `permission_denied` if it earns none. */
  identify(evidence: Evidence): SpiffeId;
  /** Why evidence earns nothing, for operators: what of which selector did not match. */
  whyNot(evidence: Evidence): readonly string[];
  /** Whether a join token earns it. */
  takesToken(id: SpiffeId): boolean;
  /** What this host's certificates for that identity may contain. Undefined: none. */
  policy(id: SpiffeId, nodeKey: string | undefined): Promise<IssuancePolicy | undefined>;
}

export interface EntitlementDeps {
  readonly trustDomain: TrustDomain;
  readonly mesh: () => MeshIr | undefined;
  readonly nodes: Pick<NodeRegistry, 'find'>;
}

const noDocuments: Earned = {
  kind: 'nothing',
  reason: 'there are no documents in force, which would give an identity',
  hint: 'apply a Mesh, and a Service or a Workload',
};

/** As long as there are no documents, only operators are known. */
export function createEntitlement({ trustDomain, mesh, nodes }: EntitlementDeps): Entitlement {
  /** A cell's own control plane, if the cell's document says that it has one. */
  const followerPolicy = (id: SpiffeId): IssuancePolicy | undefined => {
    const cell = followedCell(id, trustDomain);
    const now = mesh();
    if (cell === undefined || now?.cells.get(cell)?.controlPlane === undefined) return undefined;
    return { lifetimeMs: now.svidLifetimeMs, dnsNames: [] };
  };
  const earned = (evidence: Evidence): Earned => {
    const asked =
      evidence.attestor === 'join-token' ? parseSpiffeId(valueFor(evidence.values, tokenKey) ?? '') : undefined;
    if (asked !== undefined && isOperator(asked, trustDomain)) return { kind: 'earned', spiffeId: asked };
    if (asked !== undefined && followerPolicy(asked) !== undefined) return { kind: 'earned', spiffeId: asked };
    const now = mesh();
    return now === undefined ? noDocuments : earnedIdentity(now.identities, evidence);
  };
  const earns = (evidence: Evidence, id: SpiffeId): boolean => {
    const is = earned(evidence);
    return is.kind === 'earned' && is.spiffeId === id;
  };
  const named = (id: SpiffeId) => {
    const now = mesh();
    return now === undefined ? undefined : workloadOf(now.identities, id);
  };
  /** By something else than a join token, which its document may have taken before, and takes no longer: such evidence may end. */
  const provedOtherwise = async (nodeKey: string | undefined): Promise<boolean> => {
    if (nodeKey === undefined) return false;
    try {
      const host = await nodes.find(nodeKey);
      return host !== undefined && host.evidence.attestor !== 'join-token';
    } catch (reason) {
      // Hosts with join tokens, whose evidence does not end, go on while the store is unavailable.
      if (CellwallError.from(reason).code === 'unavailable') return false;
      throw reason;
    }
  };
  return {
    knows: (id) => named(id) !== undefined || isOperator(id, trustDomain) || followerPolicy(id) !== undefined,
    identify(evidence) {
      const is = earned(evidence);
      if (is.kind === 'earned') return is.spiffeId;
      throw new CellwallError('permission_denied', is.reason, { hint: is.hint });
    },
    whyNot(evidence) {
      const now = mesh();
      return now === undefined || earned(evidence).kind === 'earned' ? [] : whyNoIdentity(now.identities, evidence);
    },
    takesToken: (id) => earns(tokenEvidence(id), id),
    async policy(id, nodeKey) {
      const follower = followerPolicy(id);
      if (follower !== undefined) return follower;
      const workload = named(id);
      if (workload === undefined) return undefined;
      if (onlyByToken(workload)) return (await provedOtherwise(nodeKey)) ? undefined : workload;
      const host = nodeKey === undefined ? undefined : await nodes.find(nodeKey);
      if (host === undefined || !earns(host.evidence, id)) return undefined;
      const { notAfter } = host.evidence;
      return notAfter === undefined ? workload : { ...workload, notAfter };
    },
  };
}

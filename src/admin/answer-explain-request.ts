// Why a call was refused, by the id that its caller was given: what the proxy logged, and what the documents in force say of the
// same call now.
import { CellwallError } from '../lib/errors.ts';
import type { Refusal } from '../observe/refusals.ts';
import type { MeshIr, ServiceKey } from '../policy/ir.ts';
import { answerExplain } from './answer-explain.ts';
import type { ExplainQuery, Explanation } from './wire.ts';

/** `refusals` are those of the id, newest first. Throws `not_found` without any. */
export function answerExplainRequest(mesh: MeshIr, refusals: readonly Refusal[], id: string): Explanation {
  const [newest] = refusals;
  if (newest === undefined) {
    throw new CellwallError('not_found', `no refusal is kept with the request id ${JSON.stringify(id)}`, {
      hint: 'the last ten thousand are, since the control plane started; a request that was allowed is not among them',
    });
  }
  const answer = answerExplain(mesh, questionOf(mesh, newest));
  const changed = answer.decision === 'allowed' || (newest.policy !== undefined && newest.policy !== answer.rule);
  return {
    ...answer,
    notes: [
      ...ambiguous(refusals),
      ...answer.notes,
      ...(changed && !newest.policy?.startsWith('cellwall/')
        ? ['the proxy decided otherwise: documents changed since, or rules look at what is not logged (matchingCell)']
        : []),
      ...guards.filter(([name]) => name === newest.policy).map(([, why]) => why),
    ],
    recorded: refusals.map(({ requestId, at, node, policy, method, path }) => ({
      requestId,
      at,
      node,
      ...(policy === undefined ? {} : { policy }),
      ...(method === undefined ? {} : { method }),
      path,
    })),
  };
}

/** An id may come from a caller, who may have taken another's: nobody's record is pushed out by it, and that there are others is told. */
function ambiguous(refusals: readonly Refusal[]): readonly string[] {
  const calls = new Set(refusals.map(({ service, caller, principal }) => `${principal ?? caller} -> ${service}`));
  if (calls.size < 2) return [];
  const shown = [...calls].slice(0, 10).join(', ');
  return [`several callers used this id, which a caller can choose; explained is the newest of: ${shown}`];
}

/** What no document asks for, and no question to `explain` holds (docs/authorization-semantics.md). */
const guards: readonly (readonly [policy: string, why: string])[] = [
  [
    'cellwall/guard/overrides',
    'the proxy refused a header that frameworks take for another request (X-HTTP-Method-Override, X-Original-URL and their kind)',
  ],
  [
    'cellwall/guard/upgrade',
    'the request asked for a WebSocket, and the service does not take any: `upgrades: [websocket]` in its document lets those through that a rule allows',
  ],
  ['cellwall/guard/several-identities', "the proxy refused a caller's certificate with several URI names"],
];

function questionOf(mesh: MeshIr, { service, caller, principal, method, path }: Refusal): ExplainQuery {
  const asked = { caller: principal ?? (caller === 'mtls' ? 'anonymous' : caller), target: service };
  const isGrpc = mesh.services.get(service as ServiceKey)?.protocol === 'grpc' && method === 'POST';
  if (isGrpc && path.startsWith('/')) return { ...asked, grpc: path.slice(1) };
  return { ...asked, ...(method === undefined ? {} : { method }), ...(path === '' ? {} : { path }) };
}

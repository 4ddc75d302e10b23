// A question in text form (a service's name, a SPIFFE ID, "anonymous") put to policy, and its answer as the admin API gives it. The command
// line uses it as well, offline.

import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import { didYouMean } from '../model/did-you-mean.ts';
import { parseSpiffeId, type SpiffeId } from '../model/spiffe-id.ts';
import { explain } from '../policy/decide/explain.ts';
import type { Caller, Token } from '../policy/decide/request.ts';
import type { MeshIr, ServiceKey } from '../policy/ir.ts';
import { serviceNamed } from '../policy/service-named.ts';
import type { ExplainQuery, Explanation } from './wire.ts';
import { writtenToken } from './written-token.ts';

/**
 * Throws `not_found` for a caller, target or port that no document names, `invalid_argument` for one that cannot be parsed, or if the
 * target has several ports and none is named.
 */
export function answerExplain(mesh: MeshIr, query: ExplainQuery): Explanation {
  const { caller, target, port, method, path, grpc, cellId } = query;
  const found = explain(mesh, {
    ...targetOf(mesh, target, port),
    caller: callerOf(mesh, caller),
    ...(method === undefined ? {} : { method: method.toUpperCase() }),
    ...defined({ path, grpc, cellId }),
  });
  const { decision, remedy } = found;
  return {
    decision: decision.outcome,
    stage: decision.stage,
    reason: decision.reason,
    caller: found.caller,
    target: found.target,
    ...defined({ port: found.port }),
    protocol: found.protocol,
    mtls: found.mtls,
    document: found.document,
    source: found.source,
    chain: [...found.chain],
    notes: [...found.notes],
    ...(found.undecidable.length === 0 ? {} : { undecidable: [...found.undecidable] }),
    ...defined({ callerService: found.callerService, path: decision.path }),
    ...(decision.rule === undefined ? {} : { rule: decision.rule.id }),
    ...defined({ remedy }),
  };
}

/** The identity of the service that `ref` names: `cell/name`, or `name` for one in no cell. */
export function serviceIdentity(mesh: MeshIr, ref: string): SpiffeId | undefined {
  return serviceNamed(mesh, ref)?.spiffeId;
}

function callerOf(mesh: MeshIr, text: string): Caller {
  switch (text) {
    case 'anonymous':
    case 'plaintext':
      return { kind: 'anonymous', via: 'plaintext' };
    case 'one-way-tls':
    case 'legacy':
      return { kind: 'anonymous', via: text };
    default:
      if (text.startsWith('jwt:')) return { kind: 'anonymous', via: 'one-way-tls', token: writtenToken(mesh, text) };
      return { kind: 'id', ...namedCaller(mesh, text) };
  }
}

/** Neither a service's name nor a SPIFFE ID has a "+". */
function namedCaller(mesh: MeshIr, text: string): { readonly id: SpiffeId; readonly token?: Token } {
  const [who = '', ...token] = text.split('+jwt:');
  const id = who.startsWith('spiffe:') ? spiffeId(who) : known(mesh, who).spiffeId;
  return token.length === 0 ? { id } : { id, token: writtenToken(mesh, `jwt:${token.join('+jwt:')}`) };
}

/** `service:port` names the port as well; an identity stands for all of them. */
function targetOf(
  mesh: MeshIr,
  text: string,
  named: string | undefined,
): { readonly target: ServiceKey; readonly port?: string } {
  if (text.startsWith('spiffe:')) {
    const target = mesh.serviceOf.get(spiffeId(text));
    if (target === undefined)
      throw new CellwallError('not_found', `no service has the identity ${JSON.stringify(text)}`);
    return { target, ...defined({ port: named }) };
  }
  const [service = '', ...rest] = text.split(':');
  const port = rest.length > 0 ? rest.join(':') : named;
  if (named !== undefined && port !== named) {
    throw new CellwallError('invalid_argument', `two ports are named: ${port} and ${named}`, {
      hint: 'give it once: service:port, or --port',
    });
  }
  return { target: known(mesh, service).key, ...defined({ port }) };
}

function spiffeId(text: string): SpiffeId {
  const id = parseSpiffeId(text);
  if (id === undefined) throw new CellwallError('invalid_argument', `not a SPIFFE ID: ${JSON.stringify(text)}`);
  return id;
}

function known(mesh: MeshIr, ref: string): { readonly key: ServiceKey; readonly spiffeId: SpiffeId } {
  const service = serviceNamed(mesh, ref);
  if (service !== undefined) return service;
  const keys = [...mesh.services.keys()];
  const inCells = keys.filter((key) => key.endsWith(`/${ref}`)).slice(0, 5);
  const slip = didYouMean(ref, keys);
  const near = inCells.length > 0 || slip === undefined ? inCells : [slip];
  throw new CellwallError('not_found', `no service ${JSON.stringify(ref)}`, {
    hint:
      near.length > 0
        ? `did you mean ${near.join(' or ')}?`
        : `known: ${[...mesh.services.keys()].slice(0, 20).join(', ') || 'none'}`,
  });
}

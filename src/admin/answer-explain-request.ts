// Why a call was denied, or got no answer, found by the id in the denial, or by one that its caller sent: what the proxy logged, and what
// the documents in force say about the same call now.

import { failedAnswerWords } from '../doctor/failed-answer-words.ts';
import { ownAnswerWords } from '../doctor/own-answer-words.ts';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import { callOf, type Denied, type FoundRefusals, type Refusal } from '../observe/refusals.ts';
import type { MeshIr } from '../policy/ir.ts';
import { filterOfPolicy, guards, isOwnPolicy } from '../policy/own-policies.ts';
import { answerExplain } from './answer-explain.ts';
import { answerFailed } from './answer-failed.ts';
import { answerOwn } from './answer-own.ts';
import { questionOf } from './question-of.ts';
import type { Explanation } from './wire.ts';

/** `found` is what is kept for the id. Throws `not_found` if nothing is. */
export function answerExplainRequest(mesh: MeshIr, found: FoundRefusals, id: string): Explanation {
  const [explained] = found.refusals;
  if (explained === undefined) {
    throw new CellwallError('not_found', `no denied or failed call is kept with the request id ${JSON.stringify(id)}`, {
      hint:
        'use the id in the answer to the call, available half a second later; only the latest are kept (about ' +
        '1 MiB per service), and none from before the control plane was started',
    });
  }
  const answer = answerOf(mesh, explained);
  return {
    ...answer,
    notes: [...ambiguous(found), ...answer.notes],
    recorded: found.refusals.slice(0, maxShown).map(recordedOf),
  };
}

function answerOf(mesh: MeshIr, explained: Refusal): Explanation {
  switch (explained.kind) {
    case 'own':
      return answerOwn(mesh, explained);
    case 'failed':
      return answerFailed(mesh, explained);
    case 'denied':
      return answerDenied(mesh, explained);
    default:
      return explained satisfies never;
  }
}

function answerDenied(mesh: MeshIr, denied: Denied): Explanation {
  const answer = answerExplain(mesh, questionOf(mesh, denied));
  const { policy } = denied;
  const changed = answer.decision === 'allowed' || (policy !== undefined && policy !== answer.rule);
  return {
    ...answer,
    notes: [
      ...answer.notes,
      ...(changed && (policy === undefined || !isOwnPolicy(policy))
        ? [
            'the proxy decided differently: documents have changed since, or rules look at something that is not logged (matchingCell)',
          ]
        : []),
      ...(policy === undefined ? [] : whyOf(policy)),
    ],
  };
}

function recordedOf(refusal: Refusal): NonNullable<Explanation['recorded']>[number] {
  const { requestId, tracedAs = '', at, node, method, path } = refusal;
  const told = {
    requestId: requestId === '' ? tracedAs : requestId,
    at,
    node,
    ...defined({ method }),
    path,
  };
  if (refusal.kind === 'denied') {
    return { ...told, side: 'service', ...defined({ policy: refusal.policy }) };
  }
  const status = refusal.status >= 400 ? { status: refusal.status } : {};
  return refusal.kind === 'own'
    ? { ...told, side: 'caller', why: ownAnswerWords(refusal.details, refusal.target).why, ...status }
    : { ...told, side: 'service', why: failedAnswerWords(refusal.details, refusal.service).why, ...status };
}

const maxShown = 10;

/** What a caller sends, and what a proxy of another service reports, may be forged: the answer says so. */
function ambiguous({ by, refusals }: FoundRefusals): readonly string[] {
  const [explained, ...others] = refusals.slice(0, maxShown).map(callOf);
  const rest = others.join(', ');
  if (by === 'proxy') {
    return others.length === 0
      ? []
      : [
          `other proxies reported this id later, which a genuine proxy would not; the first is explained, ${explained}; ${rest}`,
        ];
  }
  const chosen = refusals.every(({ kind }) => kind === 'failed')
    ? 'callers choose this id: calls that fail after the rules allowed them have no other'
    : 'a caller chose this id; only the one in the answer is unique';
  return others.length === 0
    ? [chosen]
    : [`${chosen}; the newest call is explained, ${explained}; others with it: ${rest}`];
}

/** Denials that no document asks for, and that no question to `explain` covers (docs/authorization-semantics.md). */
const why: Readonly<Record<string, string>> = {
  [guards.overrides]:
    'the proxy refused a header by which frameworks treat the request as another (X-HTTP-Method-Override, X-Original-URL and the like)',
  [guards.methodInQuery]:
    'the proxy refused a query by which frameworks treat the method as another ("_method=DELETE"); the record contains no queries',
  [guards.upgrade]:
    'the request asked for a WebSocket, which the service does not accept: with `upgrades: [websocket]` ' +
    'in its document, those that a rule allows pass',
  [guards.banned]: 'the caller, or its host, is banned: "cellwall ban list"',
  [guards.severalIdentities]: "the proxy refused a caller's certificate with several URI names",
};

function whyOf(policy: string): readonly string[] {
  const filter = filterOfPolicy(policy);
  if (filter !== undefined) return [`the proxy's filter "${filter}" refused the call; no rule decided it`];
  const known = Object.hasOwn(why, policy) ? why[policy] : undefined;
  return known === undefined ? [] : [known];
}

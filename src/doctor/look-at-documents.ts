// What the documents have to do with it: edits that are not in force, a missing dependency, what policy decides. Pure.
import { defined } from '../lib/defined.ts';
import { defaultPort } from '../lib/port-name.ts';
import type { Suspicion } from './cause.ts';
import type { Facts, PolicyFacts } from './facts.ts';

/** A call that succeeded so lately says more than a question about GET / that nobody asked. */
const latelyMs = 3_600_000;

export function lookAtDocuments(facts: Facts): readonly Suspicion[] {
  const { documents, call } = facts;
  const found: Suspicion[] = documents.refused.map(({ place, message }) => ({
    weight: 'note',
    cause: { kind: 'documents-refused', place, message },
  }));
  if (documents.needsDependency && documents.listen === undefined) {
    const document = documents.callerDocument ?? call.caller;
    const port = call.port === defaultPort ? '' : `, port: ${call.port}`;
    const entry = `{service: ${facts.service.who}${port}, listen: PORT}`;
    found.push({ weight: 'breaks', cause: { kind: 'not-a-dependency', document, target: call.target, entry } });
  }
  return [...found, ...lookAtPolicy(facts)];
}

function lookAtPolicy(facts: Facts): readonly Suspicion[] {
  const { policy, answers, call } = facts;
  const pending: readonly Suspicion[] =
    policy.pending.length === 0 ? [] : [{ weight: 'note', cause: { kind: 'not-enforced-yet', nodes: policy.pending } }];
  if (policy.outcome === 'denied') return [{ weight: weightOf(facts), cause: causeOf(policy, facts) }, ...pending];
  const [seen] = answers;
  // What decided was what was in force then.
  return seen?.kind === 'denied' && isAbout(seen, call.operation)
    ? [{ weight: 'seen', cause: { kind: 'denied-before', seen } }, ...pending]
    : pending;
}

function causeOf({ stage, reason, decidedBy, rule, wantsToken }: PolicyFacts, { call }: Facts): Suspicion['cause'] {
  const about = { operation: call.operation, protocol: call.protocol };
  switch (stage) {
    case 'handshake':
      return call.anonymous === undefined
        ? { kind: 'denied', ...about, reason, decidedBy }
        : { kind: 'plaintext-caller', target: call.target, via: call.anonymous };
    case 'banned':
      return { kind: 'banned', reason };
    case 'path':
      return { kind: 'path-refused', reason };
    default:
      return wantsToken === undefined
        ? { kind: 'denied', ...about, reason, decidedBy, ...defined({ rule }) }
        : { kind: 'token-missing', why: wantsToken };
  }
}

/**
 * A denial of something that nobody asked about, while calls succeed, is not why a call fails; nor is the lack of a token that the question
 * could not have, or what a raw patch may decide differently.
 */
function weightOf({ policy, call, traffic, answers, now }: Facts): Suspicion['weight'] {
  const works = traffic.allowedAt !== undefined && traffic.allowedAt > now - latelyMs;
  if (policy.undecidable) return 'note';
  if (answers[0]?.kind === 'denied') return 'breaks';
  const unasked = call.operation.from === 'any';
  if (unasked && policy.otherOperations) return 'note';
  return works && (unasked || policy.wantsToken !== undefined) ? 'note' : 'breaks';
}

export function isAbout(
  seen: { readonly method?: string; readonly path: string },
  { from, method, path }: Facts['call']['operation'],
): boolean {
  if (from === 'any') return true;
  return (method === undefined || seen.method === method) && (path === undefined || seen.path === path);
}

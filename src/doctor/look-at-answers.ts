// What was seen of calls that failed: answers of either sidecar in place of the service, handshakes that failed before it, and what answers
// at endpoints that it names itself. Pure.
import type { AnswerKind, AnswerWords } from './answer-words.ts';
import type { Suspicion } from './cause.ts';
import type { EndpointFact, Facts, SeenAnswer } from './facts.ts';
import { failedAnswerWords } from './failed-answer-words.ts';
import { isAbout } from './look-at-documents.ts';
import { ownAnswerWords } from './own-answer-words.ts';

/** Of each kind the latest. */
const maxKinds = 5;
const maxHandshakes = 3;

export function lookAtAnswers(facts: Facts): readonly Suspicion[] {
  return [...lookAtEndpoints(facts.endpoints), ...answered(facts), ...lookAtHandshakes(facts)];
}

function answered({ answers, call, documents }: Facts): readonly Suspicion[] {
  const about = answers.filter((seen) => isAbout(seen, call.operation));
  const kinds = new Set<AnswerKind>();
  const found: Suspicion[] = [];
  for (const seen of about) {
    const words = wordsOf(seen, call.target);
    if (words === undefined || kinds.has(words.kind) || kinds.size >= maxKinds) continue;
    kinds.add(words.kind);
    const advice = withPlace(words, documents);
    const side = seen.kind === 'own' ? 'caller' : 'service';
    found.push({
      weight: 'seen',
      cause: { kind: 'answered', side, node: seen.node, words: { ...words, advice }, seen },
    });
  }
  return found;
}

/** With the place of the document that it says to change. */
function withPlace({ advice, edits }: AnswerWords, { callerDocument, serviceDocument }: Facts['documents']): string {
  const place = edits === undefined ? undefined : edits === 'caller' ? callerDocument : serviceDocument;
  return place === undefined ? advice : `${advice} (${place})`;
}

/** Undefined for a denial: policy says why. */
function wordsOf({ kind, details = '' }: SeenAnswer, target: string): AnswerWords | undefined {
  if (kind === 'denied') return undefined;
  return kind === 'own' ? ownAnswerWords(details, target) : failedAnswerWords(details, target);
}

function lookAtEndpoints(endpoints: readonly EndpointFact[]): readonly Suspicion[] {
  const fine = endpoints.some(({ state }) => state === 'fine');
  return endpoints.flatMap((endpoint): Suspicion[] => {
    const name = endpoint.answer === undefined ? undefined : endpointNames[endpoint.answer];
    if (endpoint.state === 'fine' || name === undefined) return [];
    // What the control plane cannot reach, its callers perhaps can.
    const weight = endpoint.answer === 'nothing' || endpoint.answer === 'own-tls' || fine ? 'note' : 'breaks';
    return [{ weight, cause: { kind: 'endpoint', name, endpoint } }];
  });
}

/** By what answered a probe. */
const endpointNames: Readonly<Record<string, AnswerKind>> = {
  plaintext: 'endpoint-plaintext',
  silent: 'endpoint-plaintext',
  nothing: 'endpoint-refuses',
  tls: 'endpoint-not-trusted',
  'other-mtls': 'endpoint-not-trusted',
  'own-tls': 'endpoint-not-trusted',
};

/**
 * Whose they were is not known: an address is that of a host. Where the caller has a sidecar, that says what it saw; where it has none,
 * they may be its own.
 */
function lookAtHandshakes({ handshakes, call, caller }: Facts): readonly Suspicion[] {
  const mayBeIts = caller.proxies.length === 0 && call.anonymous !== 'plaintext';
  return handshakes.slice(0, maxHandshakes).map((handshake) => ({
    weight: mayBeIts && handshake.caller ? 'seen' : 'note',
    cause: { kind: 'handshake-failed', handshake },
  }));
}

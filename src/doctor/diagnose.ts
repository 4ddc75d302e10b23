// From what is known of a call to what is wrong with it, the likeliest cause first, each with what to do. Pure: the same facts give the
// same diagnosis. Order: what breaks calls now and accounts for what was seen; what was seen lately; what else breaks them; what to know.
import { type Cause, nameOf, type Suspicion, type Weight } from './cause.ts';
import { causeWords, seenText, utc } from './cause-words.ts';
import { checkedOf } from './checked.ts';
import { explains, explainsDenial } from './explains.ts';
import type { Facts, SeenAnswer } from './facts.ts';
import { type DiagnosisVerdict, type Finding, verdictOf } from './finding.ts';
import { lookAtAnswers } from './look-at-answers.ts';
import { lookAtApplication } from './look-at-application.ts';
import { isAbout, lookAtDocuments } from './look-at-documents.ts';
import { lookAtProxies } from './look-at-proxies.ts';
import { withoutRepeats } from './without-repeats.ts';

export interface Diagnosis {
  readonly verdict: DiagnosisVerdict;
  readonly findings: readonly Finding[];
  /** What is in order, one sentence each. */
  readonly checked: readonly string[];
}

export function diagnose(facts: Facts): Diagnosis {
  // In the order in which a call meets them.
  const all = [
    ...lookAtDocuments(facts),
    ...lookAtProxies(facts),
    ...lookAtApplication(facts),
    ...lookAtAnswers(facts),
  ];
  const weighs = (weight: Weight): readonly Suspicion[] => all.filter((one) => one.weight === weight);
  const [breaks, seen, notes] = [weighs('breaks'), weighs('seen'), weighs('note')];
  const accounted = (one: Suspicion): boolean => breaks.some(({ cause }) => explains(cause, one.cause));
  const latest = latestOf(facts);
  const first = breaks.filter(({ cause }) => accountsForLatest(cause, latest, seen));
  const ordered = [
    ...first,
    ...seen.filter((one) => !accounted(one)),
    ...breaks.filter((one) => !first.includes(one)),
    ...notes,
  ];
  const findings = ordered.map((one) => findingOf(one, facts, all));
  const verdict = verdictOf(findings, facts.unseen);
  return { verdict, findings: withoutRepeats(findings), checked: checkedOf(facts) };
}

function latestOf({ answers, call }: Facts): SeenAnswer | undefined {
  return answers.find((seen) => isAbout(seen, call.operation));
}

/** Without anything that was seen, what breaks calls now is all there is to say. */
function accountsForLatest(cause: Cause, latest: SeenAnswer | undefined, seen: readonly Suspicion[]): boolean {
  if (latest === undefined) {
    return seen.length === 0 || seen.some((one) => explains(cause, one.cause));
  }
  if (latest.kind === 'denied') return explainsDenial(cause);
  const answer = seen.find((one) => one.cause.kind === 'answered' && one.cause.seen === latest);
  return answer !== undefined && explains(cause, answer.cause);
}

function findingOf({ cause, weight }: Suspicion, facts: Facts, all: readonly Suspicion[]): Finding {
  return {
    cause: nameOf(cause),
    weight,
    ...causeWords(cause),
    ...('side' in cause ? { side: cause.side } : {}),
    ...('node' in cause ? { node: cause.node } : {}),
    // What was seen has a cause that breaks calls, or none that is known.
    evidence: weight === 'note' ? [] : evidenceOf(cause, facts, all),
  };
}

const maxEvidence = 3;

function evidenceOf(cause: Cause, { answers, call, traffic }: Facts, all: readonly Suspicion[]): readonly string[] {
  if (cause.kind === 'answered') {
    const { allowedAt = 0 } = traffic;
    const since =
      allowedAt > cause.seen.at
        ? [`calls got through since, last at ${utc(allowedAt)}: it may be over, or concern some calls alone`]
        : [];
    return [seenText(cause.seen), ...since];
  }
  const denials = explainsDenial(cause)
    ? answers.filter((one) => one.kind === 'denied' && isAbout(one, call.operation)).map(seenText)
    : [];
  const others = all.flatMap((one) => {
    if (!explains(cause, one.cause)) return [];
    if (one.cause.kind === 'answered') return [seenText(one.cause.seen)];
    return one.cause.kind === 'handshake-failed' ? [causeWords(one.cause).what] : [];
  });
  return [...denials, ...others].slice(0, maxEvidence);
}

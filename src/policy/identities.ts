// Which identity evidence earns, and which Workload an identity belongs to: used for everything that joins, renews, is pushed an SVID, or
// is named anywhere. Pure. Documents in which two Workloads could match are refused (resolve/check-identities.ts).
import { type Evidence, matches, type Selector, tokenKey, valueFor } from '../model/evidence.ts';
import { decodeIdentity, renderIdentity, startsAlike, withValues } from '../model/identity-template.ts';
import type { SpiffeId } from '../model/spiffe-id.ts';
import type { IdentitiesIr, TemplateWorkloadIr, WorkloadIr } from './ir.ts';

/** A Workload with one identity, or one whose template makes one from the attested values. */
export type AnyWorkloadIr = WorkloadIr | TemplateWorkloadIr;

/** What evidence earns: an identity, or nothing, with the reason to tell whoever presented it. */
export type Earned =
  | { readonly kind: 'earned'; readonly spiffeId: SpiffeId }
  | { readonly kind: 'nothing'; readonly reason: string; readonly hint: string };

/** The identity of the Workload whose selectors match; of several, the most specific. */
export function earnedIdentity({ exact, templates }: IdentitiesIr, evidence: Evidence): Earned {
  let best: { readonly workload: AnyWorkloadIr; readonly keys: number } | undefined;
  for (const workload of [...exact.values(), ...templates]) {
    for (const selector of workload.selectors) {
      const keys = Object.keys(selector.match).length;
      if ((best === undefined || keys > best.keys) && matches(selector, evidence)) best = { workload, keys };
    }
  }
  if (best === undefined) return nothing(evidence);
  const { workload } = best;
  const spiffeId = 'spiffeId' in workload ? workload.spiffeId : renderIdentity(workload.template, evidence.values);
  if (spiffeId !== undefined) return { kind: 'earned', spiffeId };
  return {
    kind: 'nothing',
    reason: `the identity of the Workload at ${where(workload)} cannot be made of what was proved`,
    hint: 'a value that its template takes is missing, or the SPIFFE ID would be longer than 2048 bytes',
  };
}

/** What the documents say about an identity; undefined if they give it to nobody. */
export function workloadOf({ exact, templates }: IdentitiesIr, id: SpiffeId): AnyWorkloadIr | undefined {
  return exact.get(id) ?? templates.find((workload) => makes(workload, id));
}

/** Whether some evidence that it accepts earns this ID. */
export function makes({ template, selectors }: TemplateWorkloadIr, id: SpiffeId): boolean {
  const values = decodeIdentity(template, id);
  if (values === undefined) return false;
  return selectors.some(({ match }) => Object.entries(values).every(([key, value]) => agrees(match, key, value)));
}

function agrees(match: Selector['match'], key: string, value: string): boolean {
  const wanted = valueFor(match, key);
  return wanted === undefined || wanted === value;
}

/** Whether an identity begins with `prefix`, which ends in "/". */
export function someBeginsWith({ exact, templates }: IdentitiesIr, prefix: string): boolean {
  if ([...exact.keys()].some((id) => id.startsWith(prefix))) return true;
  return templates.some(({ template, selectors }) => {
    const domain = `spiffe://${template.trustDomain}/`;
    if (!prefix.startsWith(domain)) return false;
    const start = prefix.slice(domain.length, -1).split('/');
    const literals = prefix === domain ? [] : start.map((literal) => ({ literal }));
    return (
      literals.length < template.segments.length &&
      selectors.some(({ match }) => startsAlike(withValues(template, match), literals))
    );
  });
}

/** One identity of each Workload: its own, or one that its template could produce. */
export function examples({ exact, templates }: IdentitiesIr): readonly SpiffeId[] {
  const made = templates.flatMap(({ template, selectors }) => {
    const keys = template.segments.flatMap((segment) => ('key' in segment ? [[segment.key, 'x'] as const] : []));
    return renderIdentity(template, { ...Object.fromEntries(keys), ...selectors[0]?.match }) ?? [];
  });
  return [...exact.keys(), ...made];
}

/** Only a join token can prove this one; it does not expire and is remembered by the identity. */
export function onlyByToken({ selectors }: AnyWorkloadIr): boolean {
  return selectors.every(({ attestor }) => attestor === 'join-token');
}

function nothing({ attestor, values }: Evidence): Earned {
  const id = valueFor(values, tokenKey);
  if (id !== undefined) {
    return {
      kind: 'nothing',
      reason: `no document gives ${id} an identity`,
      hint: 'apply a Service or a Workload for it, with "join-token" among its selectors',
    };
  }
  return {
    kind: 'nothing',
    reason: `no Workload's selectors match what "${attestor}" proved`,
    hint: `apply a Workload that selects some of: ${Object.keys(values).sort().join(', ')}`,
  };
}

function where({ source }: AnyWorkloadIr): string {
  return `${source.file}:${source.line}`;
}

// Why evidence earns no identity, for operators and nobody else: which selectors came closest, and what of each did not match. Pure.
import { clip } from '../lib/clip.ts';
import { type Evidence, type Selector, tokenKey, valueFor } from '../model/evidence.ts';
import { parseSpiffeId } from '../model/spiffe-id.ts';
import { type AnyWorkloadIr, workloadOf } from './identities.ts';
import type { IdentitiesIr } from './ir.ts';

/** Of one value: a certificate's name, say, is as long as its holder likes. */
const longest = 120;

/** A sentence for each selector of that attestor that came closest, at most `most`; for a token, what the documents say of its identity. */
export function whyNoIdentity(identities: IdentitiesIr, evidence: Evidence, most = 5): readonly string[] {
  const id = evidence.attestor === 'join-token' ? parseSpiffeId(valueFor(evidence.values, tokenKey) ?? '') : undefined;
  if (id !== undefined) {
    const workload = workloadOf(identities, id);
    if (workload === undefined) return [`no Service or Workload has the identity ${id}`];
    const names = [...new Set(workload.selectors.map(({ attestor }) => attestor))].sort();
    return [`the Workload at ${place(workload)} has no selector "join-token": it has ${names.join(', ')}`];
  }
  const all: readonly AnyWorkloadIr[] = [...identities.exact.values(), ...identities.templates];
  const tried = all.flatMap((workload) =>
    workload.selectors
      .filter(({ attestor }) => attestor === evidence.attestor)
      .map((selector) => ({ workload, failed: failedOf(selector, workload, evidence) })),
  );
  if (tried.length === 0) return [`no Workload has a selector "${evidence.attestor}"`];
  const closest = tried.toSorted((a, b) => a.failed.length - b.failed.length).slice(0, most);
  const rest = tried.length - closest.length;
  return [
    ...closest.map(
      ({ workload, failed }) => `the selector of ${nameOf(workload)} at ${place(workload)}: ${failed.join('; ')}`,
    ),
    ...(rest === 0 ? [] : [`${rest} more selectors "${evidence.attestor}" match less`]),
  ];
}

function failedOf({ match }: Selector, workload: AnyWorkloadIr, { values }: Evidence): readonly string[] {
  const failed = Object.entries(match).flatMap(([key, wanted]) => {
    const found = valueFor(values, key);
    if (found === wanted) return [];
    return [
      `${key} must be ${quoted(wanted)}, ${found === undefined ? 'and was not proved' : `and is ${quoted(found)}`}`,
    ];
  });
  if (failed.length > 0 || 'spiffeId' in workload) return failed;
  const missing = workload.template.segments.flatMap((segment) =>
    'key' in segment && valueFor(values, segment.key) === undefined ? [segment.key] : [],
  );
  if (missing.length > 0) return [`it matches, but its template takes ${missing.join(', ')}, which was not proved`];
  return ['it matches, but the SPIFFE ID that its template makes of this is too long'];
}

function quoted(value: string): string {
  return JSON.stringify(value.length > longest ? `${clip(value, longest)}…` : value);
}

function nameOf(workload: AnyWorkloadIr): string {
  return 'spiffeId' in workload ? workload.spiffeId : workload.template.text;
}

function place({ source }: AnyWorkloadIr): string {
  return `${source.file}:${source.line}`;
}

// Why a change needs a second word: it makes more of something than the limits, enlarges or deletes much at once, or empties a selector.
// Pure. Small meshes are not bothered: growth counts from a size on, a deletion from a number on.
import type { ParsedDocument } from '../model/parsed-document.ts';
import type { Problem, Source } from '../model/problem.ts';
import type { Judged } from '../store/store.ts';
import { deletedDocuments, deletedEndpoints } from './deleted.ts';
import { emptiedSelectors } from './emptied-selectors.ts';
import type { LimitName, Limits } from './limits.ts';
import { type Measure, measure } from './measure.ts';

/** What confirms them. */
export const limitCodes = ['limit', 'growth', 'mass-deletion', 'selector-emptied'] as const;
export type LimitCode = (typeof limitCodes)[number];

/** Of these, the ones about how much changes at once: a change in several steps is within them. */
export const stepCodes = ['growth', 'mass-deletion'] as const satisfies readonly LimitCode[];

export interface Beyond extends Problem {
  readonly code: LimitCode;
}

/** At most so many are named. */
const maxNamed = 5;
/** Deletions up to these numbers are ordinary work: the policies of a migration that is over, say. */
const few = { documents: 10, endpoints: 5 };

/** Each with the size from which on its growth counts: below, a mesh is being built. */
const sizes: readonly {
  readonly limit: LimitName;
  readonly of: keyof Measure;
  readonly what: string;
  readonly growsFrom?: number;
}[] = [
  { limit: 'documents', of: 'documents', what: 'documents', growsFrom: 50 },
  { limit: 'document-bytes', of: 'largest', what: 'bytes in one document' },
  { limit: 'bytes', of: 'bytes', what: 'bytes of documents', growsFrom: 262_144 },
  { limit: 'rules', of: 'rules', what: 'rules', growsFrom: 200 },
  { limit: 'port-rules', of: 'portRules', what: 'rules at one port', growsFrom: 200 },
  { limit: 'endpoints', of: 'endpoints', what: 'static endpoints', growsFrom: 100 },
  { limit: 'resources', of: 'resources', what: 'ports and dependencies', growsFrom: 200 },
];

/** Empty if it may come into force as it is. `before` is in force; neither has errors. */
export function beyondLimits(before: Judged, after: Judged, limits: Limits): readonly Beyond[] {
  if (before.documents === after.documents) return [];
  const [was, will] = [measure(before), measure(after)];
  const place = placeOf(before.documents, after.documents);
  const found = (code: LimitCode, message: string, hint: string, source: Source = place): Beyond => {
    return { severity: 'error', code, message, hint, source };
  };
  const factor = limits['growth-factor'];
  const tooMuch = sizes.flatMap(({ limit, of, what, growsFrom }): readonly Beyond[] => {
    const [old, now] = [was[of], will[of]];
    if (now <= old) return [];
    if (now > limits[limit]) {
      const message = `${now} ${what}, and the limit is ${limits[limit]}`;
      return [
        found('limit', message, `is that so many? If it is, start the control plane with --limit ${limit}=NUMBER`),
      ];
    }
    const grows = growsFrom !== undefined && old >= growsFrom && factor > 0 && now > old * factor;
    return grows ? [found('growth', `from ${old} to ${now} ${what} at once`, 'was something generated twice?')] : [];
  });
  return [
    ...tooMuch,
    ...deletions(before, after, limits, was, found),
    ...emptiedSelectors(before, after).map(({ what, source }) =>
      found('selector-emptied', what, 'was a field lost? Empty means all here', source),
    ),
  ];
}

function deletions(
  before: Judged,
  after: Judged,
  limits: Limits,
  was: Measure,
  found: (code: LimitCode, message: string, hint: string, source?: Source) => Beyond,
): readonly Beyond[] {
  const most = (what: keyof typeof few): number => Math.max(few[what], (was[what] * limits['deleted-percent']) / 100);
  const documents = deletedDocuments(before, after);
  const endpoints = deletedEndpoints(before.mesh, after.mesh);
  const [first] = documents;
  return [
    ...(first === undefined || documents.length <= most('documents')
      ? []
      : [
          found(
            'mass-deletion',
            `${documents.length} of ${was.documents} documents would be deleted at once: ${named(documents)}`,
            'is a folder missing, or a generator at fault?',
            first.begins,
          ),
        ]),
    ...(endpoints <= most('endpoints')
      ? []
      : [
          found(
            'mass-deletion',
            `${endpoints} of ${was.endpoints} static endpoints would be deleted at once`,
            'was a list emptied?',
          ),
        ]),
  ];
}

function named(documents: readonly ParsedDocument[]): string {
  const keys = documents.slice(0, maxNamed).map(({ key }) => key);
  return [...keys, ...(documents.length > maxNamed ? [`and ${documents.length - maxNamed} more`] : [])].join(', ');
}

/** The first document that is new or changed. */
function placeOf(before: readonly ParsedDocument[], after: readonly ParsedDocument[]): Source {
  const known = new Map(before.map(({ key, text }) => [key, text]));
  const changed = after.find(({ key, text }) => known.get(key) !== text) ?? after[0] ?? before[0];
  return changed?.begins ?? { file: '(documents)', line: 1, column: 1 };
}

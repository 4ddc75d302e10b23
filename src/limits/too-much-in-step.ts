// How much a change enlarges or deletes, by itself or together with those shortly before it. Pure.
import type { ParsedDocument } from '../model/parsed-document.ts';
import type { Judged } from '../store/store.ts';
import { deletedDocuments, deletedEndpoints } from './deleted.ts';
import { firstChanged } from './first-changed.ts';
import type { Limits } from './limits.ts';
import { measure, sizes } from './measure.ts';
import type { Beyond } from './reason.ts';

export interface Step {
  /** What is compared with `after`: what is in force, or what was some time ago. */
  readonly since: Judged;
  /** What is in force: a change that adds nothing to the step is none of its business. */
  readonly before: Judged;
  readonly after: Judged;
  /** As in "10 documents would be deleted at once". */
  readonly when: string;
}

/** At most so many are named. */
const maxNamed = 5;
/** Deletions up to these numbers are ordinary work: the policies of a migration that is over, say. */
const few = { documents: 10, endpoints: 5 };

/** Their codes are `stepCodes`. */
export function tooMuchInStep({ since, before, after, when }: Step, limits: Limits): readonly Beyond[] {
  const [was, now, will] = [measure(since), measure(before), measure(after)];
  const factor = limits['growth-factor'];
  const source = firstChanged(before.documents, after.documents);
  const grown = sizes.filter(({ of, growsFrom }) => {
    const counts = growsFrom !== undefined && was[of] >= growsFrom && factor > 0;
    return counts && will[of] > now[of] && will[of] > was[of] * factor;
  });
  return [
    ...grown.map(({ of, what }): Beyond => {
      const message = `from ${was[of]} to ${will[of]} ${what} ${when}`;
      return { severity: 'error', code: 'growth', message, hint: 'was something generated twice?', source };
    }),
    ...deletions({ since, before, after, when }, limits),
  ];
}

function deletions({ since, before, after, when }: Step, limits: Limits): readonly Beyond[] {
  const was = measure(since);
  const most = (what: keyof typeof few): number => Math.max(few[what], (was[what] * limits['deleted-percent']) / 100);
  const found: Beyond[] = [];
  const [first] = deletedDocuments(before, after);
  const documents = first === undefined ? [] : deletedDocuments(since, after);
  if (first !== undefined && documents.length > most('documents')) {
    const message = `${documents.length} of ${was.documents} documents would be deleted ${when}: ${named(documents)}`;
    const hint = 'is a folder missing, or a generator at fault?';
    found.push({ severity: 'error', code: 'mass-deletion', message, hint, source: first.begins });
  }
  const endpoints = deletedEndpoints(before.mesh, after.mesh) === 0 ? 0 : deletedEndpoints(since.mesh, after.mesh);
  if (endpoints > most('endpoints')) {
    const message = `${endpoints} of ${was.endpoints} static endpoints would be deleted ${when}`;
    const source = firstChanged(before.documents, after.documents);
    found.push({ severity: 'error', code: 'mass-deletion', message, hint: 'was a list emptied?', source });
  }
  return found;
}

function named(documents: readonly ParsedDocument[]): string {
  const keys = documents.slice(0, maxNamed).map(({ key }) => key);
  return [...keys, ...(documents.length > maxNamed ? [`and ${documents.length - maxNamed} more`] : [])].join(', ');
}

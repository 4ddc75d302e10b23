// One pass over the documents of a kind: what it makes of each, and the problems that it finds, are kept as long as the document is the
// same and everything that was looked up for it gives the same answers.
import { differing } from '../../lib/differing.ts';
import { createReader, forgetReader, type Reader } from '../../lib/tracked-map.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import type { Problem } from '../../model/problem.ts';
import { createProblems, type Problems } from './problems.ts';

export interface Made<V> {
  readonly value: V;
  readonly problems: readonly Problem[];
}

export interface Pass<D extends ParsedDocument, V> {
  /** In the order of the documents; the same list if nothing has changed. */
  run(documents: readonly D[]): readonly Made<V>[];
}

/** `made` looks things up as `reader`. */
export type MakeOne<D, V> = (document: D, reader: Reader, problems: Problems) => V;

interface Unit<V> {
  readonly reader: Reader;
  readonly made: Made<V>;
}

/** With more, all are gone through. */
const few = 16;

/** `onMade` is called for each document of which something is made. */
export function createPass<D extends ParsedDocument, V>(
  makeOne: MakeOne<D, V>,
  onMade: (document: D) => void,
): Pass<D, V> {
  const units = new Map<D, Unit<V>>();
  let before: readonly D[] = [];
  let result: readonly Made<V>[] = [];
  const stale = new Set<D>();
  const makeUnit = (document: D): Unit<V> => {
    const reader = createReader(() => void stale.add(document));
    const problems = createProblems();
    const value = makeOne(document, reader, problems);
    onMade(document);
    return { reader, made: { value, problems: problems.all() } };
  };
  const madeOf = (document: D): Made<V> => {
    const unit = units.get(document);
    if (unit === undefined) throw new Error('a document was not looked at');
    return unit.made;
  };
  return {
    run(documents) {
      if (documents === before && stale.size === 0) return result;
      const { before: gone, after: come, start } = differing(before, documents);
      const staying = new Set(come);
      for (const document of gone) {
        const unit = staying.has(document) ? undefined : units.get(document);
        if (unit === undefined) continue;
        forgetReader(unit.reader);
        units.delete(document);
        stale.delete(document);
      }
      for (const document of come) if (!units.has(document)) units.set(document, makeUnit(document));
      const again = [...stale];
      stale.clear();
      for (const document of again) {
        const unit = units.get(document);
        if (unit === undefined) continue;
        forgetReader(unit.reader);
        units.set(document, makeUnit(document));
      }
      before = documents;
      if (again.length > few) result = documents.map(madeOf);
      else if (gone.length + come.length + again.length > 0) {
        const next = result.slice(0, start).concat(come.map(madeOf), result.slice(start + gone.length));
        for (const document of again) next[documents.indexOf(document)] = madeOf(document);
        result = next;
      }
      return result;
    },
  };
}

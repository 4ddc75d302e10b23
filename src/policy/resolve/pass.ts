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
  stale: boolean;
  made: Made<V>;
}

/** `onMade` is called for each document of which something is made. */
export function createPass<D extends ParsedDocument, V>(
  makeOne: MakeOne<D, V>,
  onMade: (document: D) => void,
): Pass<D, V> {
  const units = new Map<D, Unit<V>>();
  let before: readonly D[] = [];
  let result: readonly Made<V>[] = [];
  let stale = false;
  const makeUnit = (document: D): Unit<V> => {
    const reader = createReader(() => {
      unit.stale = true;
      stale = true;
    });
    const problems = createProblems();
    const value = makeOne(document, reader, problems);
    const unit: Unit<V> = { reader, stale: false, made: { value, problems: problems.all() } };
    onMade(document);
    return unit;
  };
  return {
    run(documents) {
      if (documents === before && !stale) return result;
      const { before: gone, after: come } = differing(before, documents);
      const staying = new Set(come);
      for (const document of gone) {
        const unit = staying.has(document) ? undefined : units.get(document);
        if (unit === undefined) continue;
        forgetReader(unit.reader);
        units.delete(document);
      }
      for (const document of come) if (!units.has(document)) units.set(document, makeUnit(document));
      if (stale) {
        for (const [document, { reader, stale: again }] of units) {
          if (!again) continue;
          forgetReader(reader);
          units.set(document, makeUnit(document));
        }
      }
      [before, stale] = [documents, false];
      result = documents.map((document) => {
        const unit = units.get(document);
        if (unit === undefined) throw new Error('a document was not looked at');
        return unit.made;
      });
      return result;
    },
  };
}

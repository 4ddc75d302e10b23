// One pass over the documents of a kind: what it makes of each, and the problems that it finds, are kept as long as the document is the
// same and everything that was looked up for it gives the same answers.
import { differing, spliced } from '../../lib/differing.ts';
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
  /** Of the last run, in the order of the documents; the same list if none has changed. */
  problems(): readonly Problem[];
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
  /** Undefined: to be gathered. */
  let problems: readonly Problem[] | undefined = [];
  const stale = new Set<D>();
  const note = ({ made }: Unit<V>): void => {
    if (made.problems.length > 0) problems = undefined;
  };
  const makeUnit = (document: D): Unit<V> => {
    const reader = createReader(() => void stale.add(document));
    const own = createProblems();
    const value = makeOne(document, reader, own);
    onMade(document);
    const unit = { reader, made: { value, problems: own.all() } };
    note(unit);
    return unit;
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
        const unit = units.get(document);
        if (unit === undefined) continue;
        note(unit);
        if (staying.has(document)) continue;
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
        note(unit);
        forgetReader(unit.reader);
        units.set(document, makeUnit(document));
      }
      before = documents;
      if (again.length > few) result = documents.map(madeOf);
      else if (gone.length + come.length + again.length > 0) {
        result = spliced(result, start, gone.length, come.map(madeOf));
        for (const document of again) result = spliced(result, documents.indexOf(document), 1, [madeOf(document)]);
      }
      return result;
    },
    problems() {
      problems ??= result.flatMap((made) => made.problems);
      return problems;
    },
  };
}

// Offline: turns files into documents, and finds everything wrong with them, by themselves and together.
import { parseDocuments } from '../model/parse.ts';
import type { ParsedDocument } from '../model/parsed-document.ts';
import type { Problem } from '../model/problem.ts';
import type { MeshIr } from '../policy/ir.ts';
import { resolve } from '../policy/resolve/resolve.ts';
import type { NamedText } from './output/problems.ts';

export interface CheckedFiles {
  readonly documents: readonly ParsedDocument[];
  readonly problems: readonly Problem[];
  /** Absent if something is wrong. */
  readonly mesh?: MeshIr;
}

/** `base`: existing documents; those of `files` replace the ones with the same key. */
export function checkFiles(files: readonly NamedText[], base: readonly NamedText[] = []): CheckedFiles {
  const broken: Problem[] = [];
  const read = (texts: readonly NamedText[]): readonly ParsedDocument[] =>
    texts.flatMap(({ file, text }) => {
      const result = parseDocuments(text, file);
      if (result.kind === 'parsed') return result.documents;
      broken.push(...result.problems);
      return [];
    });
  const changed = read(files);
  const keys = new Set(changed.map(({ key }) => key));
  const documents = [...read(base).filter(({ key }) => !keys.has(key)), ...changed];
  // A document that could not be read would leave references of others dangling: these are reported only if all can be read.
  if (broken.length > 0) return { documents, problems: broken };
  const resolution = resolve(documents);
  return resolution.kind === 'resolved'
    ? { documents, problems: resolution.warnings, mesh: resolution.mesh }
    : { documents, problems: resolution.problems };
}

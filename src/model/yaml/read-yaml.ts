// Reads a YAML stream into plain data with positions: YAML 1.2 core schema, strictly, nothing that plain data cannot express.
import { Composer, Document, isScalar, LineCounter } from 'yaml';
import { defined } from '../../lib/defined.ts';
import type { Problem, Source } from '../problem.ts';
import { maxYamlBytes, maxYamlMiB } from './max-yaml.ts';
import { documentRegions, readTokens } from './regions.ts';
import { type Complain, type SourceTree, toTree } from './source-tree.ts';
import { syntaxProblems } from './syntax-problem.ts';

export interface YamlDocument {
  readonly tree: SourceTree;
  readonly text: string;
  /** The offset at which `text` begins. */
  readonly start: number;
  sourceAt(offset: number): Source;
}

export type YamlResult =
  | { readonly kind: 'read'; readonly documents: readonly YamlDocument[] }
  | { readonly kind: 'invalid'; readonly problems: readonly Problem[] };

const maxProblems = 100;

/** The documents in `text` that have content. Never throws. */
export function readYaml(text: string, file: string): YamlResult {
  const lines = new LineCounter();
  const problems: Problem[] = [];
  const sourceAt = (offset: number): Source => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const complain: Complain = (code, message, offset, hint) => {
    if (problems.length >= maxProblems) return;
    problems.push({
      severity: 'error',
      code,
      message,
      source: sourceAt(offset),
      ...defined({ hint }),
    });
  };
  if (text.length > maxYamlBytes || Buffer.byteLength(text) > maxYamlBytes) {
    complain('too-large', `larger than ${maxYamlMiB} MiB`, 0, 'split it into several files');
    return { kind: 'invalid', problems };
  }
  if (!text.isWellFormed()) {
    complain('encoding', 'not Unicode text: a lone surrogate', 0);
    return { kind: 'invalid', problems };
  }
  const { tokens, tooDeepAt } = readTokens(text, lines);
  if (tooDeepAt !== undefined) {
    complain('yaml-depth', 'nested too deeply', tooDeepAt);
    return { kind: 'invalid', problems };
  }
  const composed = [...new Composer({ schema: 'core', resolveKnownTags: false, uniqueKeys: false }).compose(tokens)];
  const trees = new Map<number, SourceTree>();
  for (const document of composed) {
    for (const { message, offset, hint } of syntaxProblems(document.errors, text, tokens))
      complain('yaml-syntax', message, offset, hint);
    for (const { code, message, pos } of document.warnings) {
      if (code === 'TAG_RESOLVE_FAILED') complain('yaml-tag', message, pos[0], 'remove the tag');
    }
    const version = document.directives?.yaml;
    if (version?.explicit === true && version.version !== '1.2') {
      complain('yaml-version', `YAML ${version.version} is not read, only 1.2`, 0, 'remove the %YAML line');
    }
    if (!(document instanceof Document)) continue;
    const { contents, range } = document;
    // An empty document between two `---` reads as a null that was not written.
    if (isScalar(contents) && contents.value === null && contents.source === '') continue;
    trees.set(range[0], toTree(contents, complain));
  }
  const documents: YamlDocument[] = [];
  for (const { id, start, end } of problems.length > 0 ? [] : documentRegions(text, tokens)) {
    const tree = trees.get(id);
    if (tree === undefined) complain('yaml-value', 'not a document', start);
    else documents.push({ tree, text: text.slice(start, end), start, sourceAt });
  }
  return problems.length > 0 ? { kind: 'invalid', problems } : { kind: 'read', documents };
}

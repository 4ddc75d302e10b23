// Text → documents, or every problem in it at once, each with its line and column. The only way into the model.
import type { z } from 'zod';
import { defined } from '../lib/defined.ts';
import { found, quote } from './describe-issue.ts';
import { didYouMean } from './did-you-mean.ts';
import { type Document, documentKey, documentKinds } from './documents/document.ts';
import { isKindName, kindNames } from './documents/kind-names.ts';
import { duplicateDocuments } from './duplicate-documents.ts';
import { type FieldPath, formatPath } from './field-path.ts';
import type { ParsedDocument } from './parsed-document.ts';
import type { Problem, Source } from './problem.ts';
import { schemaProblems } from './schema-problems.ts';
import { readYaml, type YamlDocument } from './yaml/read-yaml.ts';
import { nearest } from './yaml/source-tree.ts';

export type ParseResult =
  | { readonly kind: 'parsed'; readonly documents: readonly ParsedDocument[] }
  | { readonly kind: 'invalid'; readonly problems: readonly Problem[] };

const apiVersion = 'cellwall/v1';

/** The documents of a YAML stream. `file` names it in problems. Never throws. */
export function parseDocuments(text: string, file: string): ParseResult {
  const yaml = readYaml(text, file);
  if (yaml.kind === 'invalid') return yaml;
  const documents: ParsedDocument[] = [];
  const problems: Problem[] = [];
  for (const source of yaml.documents) {
    const result = parseOne(source);
    if (result.kind === 'document') documents.push(result.document);
    else problems.push(...result.problems);
  }
  problems.push(...duplicateDocuments(documents));
  return problems.length > 0 ? { kind: 'invalid', problems } : { kind: 'parsed', documents };
}

function parseOne(
  yaml: YamlDocument,
):
  | { readonly kind: 'document'; readonly document: ParsedDocument }
  | { readonly kind: 'invalid'; problems: Problem[] } {
  const { tree, text, start, sourceAt } = yaml;
  const locate = (path: FieldPath): Source => sourceAt(nearest(tree, path).node.offset);
  const envelope = envelopeProblems(yaml);
  if (envelope.length > 0) return { kind: 'invalid', problems: envelope };
  const schema = schemaFor(tree.value);
  const parsed = schema?.safeParse(tree.value, { error: () => '' });
  if (schema === undefined || parsed === undefined) return { kind: 'invalid', problems: envelope };
  if (!parsed.success) {
    const problems = schemaProblems(schema, tree.value, parsed.error.issues).map(
      ({ code, message, hint, path, at }): Problem => {
        const { node, whole } = nearest(tree, path);
        const source = sourceAt(at === 'key' && whole ? node.keyOffset : node.offset);
        return {
          severity: 'error',
          code,
          message,
          source,
          path: formatPath(path),
          ...defined({ hint }),
        };
      },
    );
    return { kind: 'invalid', problems: problems.toSorted(bySource) };
  }
  const document = parsed.data;
  return {
    kind: 'document',
    document: {
      ...{ key: documentKey(document), document, text, locate },
      ...{ begins: sourceAt(start), source: sourceAt(tree.offset) },
    },
  };
}

/** What must be right before a schema can be chosen: a mapping, its apiVersion and its kind. */
function envelopeProblems({ tree, sourceAt }: YamlDocument): Problem[] {
  const problem = (field: string, code: string, message: string, hint: string): Problem => {
    const { node, whole } = nearest(tree, [field]);
    return { severity: 'error', code, message, hint, source: sourceAt(node.offset), ...(whole ? { path: field } : {}) };
  };
  const known = `known: ${kindNames.join(', ')}`;
  if (typeof tree.value !== 'object' || tree.value === null || Array.isArray(tree.value)) {
    return [
      problem(
        '',
        'wrong-type',
        `expected a document, found ${found(tree.value)}`,
        'a mapping with apiVersion, kind, metadata and spec',
      ),
    ];
  }
  const problems: Problem[] = [];
  const version = tree.children.get('apiVersion')?.value;
  if (version === undefined) {
    problems.push(problem('apiVersion', 'missing-field', '"apiVersion" is missing', `apiVersion: ${apiVersion}`));
  } else if (version !== apiVersion) {
    problems.push(
      problem('apiVersion', 'unknown-api-version', `unknown apiVersion ${found(version)}`, `known: ${apiVersion}`),
    );
  }
  const kind = tree.children.get('kind')?.value;
  if (kind === undefined) {
    problems.push(problem('kind', 'missing-field', '"kind" is missing', known));
  } else if (typeof kind !== 'string' || !isKindName(kind)) {
    const meant = typeof kind === 'string' ? didYouMean(kind, kindNames) : undefined;
    problems.push(
      problem(
        'kind',
        'unknown-kind',
        `unknown kind ${found(kind)}`,
        meant === undefined ? known : `did you mean ${quote(meant)}?`,
      ),
    );
  }
  return problems;
}

function schemaFor(value: unknown): z.ZodType<Document> | undefined {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return undefined;
  return typeof value.kind === 'string' && isKindName(value.kind) ? documentKinds[value.kind].schema : undefined;
}

function bySource(a: Problem, b: Problem): number {
  return a.source.line - b.source.line || a.source.column - b.source.column;
}

// A value as YAML with nothing raw in it that a terminal obeys: texts that have such characters are quoted, and they are escaped.
import { Document, isScalar, visit } from 'yaml';
import { escapeJson, isUnsafe } from '../../lib/escape.ts';

export function safeYaml(value: unknown): string {
  const document = new Document(value, { aliasDuplicateObjects: false });
  visit(document, {
    Scalar(_key, node) {
      if (isScalar(node) && typeof node.value === 'string' && isUnsafe(node.value)) node.type = 'QUOTE_DOUBLE';
    },
  });
  return escapeJson(document.toString());
}

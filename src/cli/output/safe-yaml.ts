// A value as YAML without any raw control characters that a terminal would obey: texts with such characters are quoted and escaped.
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

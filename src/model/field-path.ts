// The path of a field inside a document, and its text: `spec.rules[0].from[1].service`.

/** Names of fields and indexes in lists, from the outside in; empty for the whole document. */
export type FieldPath = readonly (string | number)[];

const plain = /^[A-Za-z_][A-Za-z0-9_-]*$/;

/** The path as people write it; keys that are not plain words are quoted. */
export function formatPath(path: FieldPath): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (!plain.test(part)) text += `[${JSON.stringify(part)}]`;
    else text += text === '' ? part : `.${part}`;
  }
  return text;
}

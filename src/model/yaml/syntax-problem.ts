// What the YAML library found wrong, as text for the author and at the line that has to be changed: the library points to where it noticed,
// which is often the line before, or the end of the file.
import { CST, type YAMLParseError } from 'yaml';

export interface SyntaxProblem {
  readonly message: string;
  readonly offset: number;
  readonly hint?: string;
}

/** One problem for each mistake: consequences of a reported one are left out. */
export function syntaxProblems(
  errors: readonly Pick<YAMLParseError, 'code' | 'message' | 'pos'>[],
  text: string,
  tokens: readonly CST.Token[],
): readonly SyntaxProblem[] {
  if (errors.length === 0) return [];
  const open = unclosed(tokens);
  if (open !== undefined) return [open];
  const seen = new Set<number>();
  return errors
    .filter(({ pos: [offset] }) => !seen.has(offset) && seen.add(offset))
    .map(({ code, message, pos: [offset] }) => explained(code, message.split('\n')[0] ?? message, offset, text));
}

function explained(code: string, message: string, offset: number, text: string): SyntaxProblem {
  const line = lineStart(text, offset);
  switch (code) {
    case 'BLOCK_AS_IMPLICIT_KEY': {
      // `key: value`, followed by a line that is indented as if it belonged to the value.
      const next = nextLine(text, offset);
      if (next === undefined || column(text, next) <= column(text, firstOf(text, line))) break;
      return {
        message: 'this line is indented further than the key above it, which has a value already',
        offset: next,
        hint: `indent it as that key: by ${column(text, firstOf(text, line))}`,
      };
    }
    case 'MULTILINE_IMPLICIT_KEY':
      return { message: 'expected "key: value"', offset, hint: 'is a ":" missing, or the blank after it?' };
    case 'TAB_AS_INDENT':
      return { message: 'a tab indents this line', offset, hint: 'YAML is indented with blanks' };
  }
  // On an empty line, or a comment: the next line is meant.
  const first = /[\n#]/.test(text[firstOf(text, line)] ?? '') ? (nextLine(text, line) ?? offset) : firstOf(text, line);
  return first < offset
    ? { message, offset }
    : { message, offset: first, hint: 'keys of one mapping, and items of one list, begin in the same column' };
}

/** The first quote that is never closed, otherwise the innermost bracket: a quote swallows the brackets after it. */
function unclosed(tokens: readonly CST.Token[]): SyntaxProblem | undefined {
  let quoted: SyntaxProblem | undefined;
  let bracket: SyntaxProblem | undefined;
  const look = (token: CST.Token | null | undefined): void => {
    if (token === null || token === undefined) return;
    if (token.type === 'double-quoted-scalar' || token.type === 'single-quoted-scalar') {
      const quote = token.source.charAt(0);
      if (token.source.length === 1 || !token.source.endsWith(quote)) {
        quoted ??= { message: `this ${quote} is never closed`, offset: token.offset, hint: `add the closing ${quote}` };
      }
    } else if (token.type === 'flow-collection' && !token.end.some(({ type }) => type === closing(token))) {
      const { source, offset } = token.start;
      bracket = {
        message: `this "${source}" is never closed`,
        offset,
        hint: `add "${source === '{' ? '}' : ']'}", or indent what belongs to it further than its key`,
      };
    }
  };
  for (const token of tokens) {
    if (token.type !== 'document') continue;
    CST.visit(token, ({ key, value }) => {
      look(key);
      look(value);
    });
  }
  return quoted ?? bracket;
}

function closing({ start }: CST.FlowCollection): string {
  return start.type === 'flow-map-start' ? 'flow-map-end' : 'flow-seq-end';
}

function lineStart(text: string, offset: number): number {
  return text.lastIndexOf('\n', offset - 1) + 1;
}

/** The first character of a line that is no blank. */
function firstOf(text: string, start: number): number {
  let at = start;
  while (text[at] === ' ') at++;
  return at;
}

/** The first character of the next line that has any. */
function nextLine(text: string, offset: number): number | undefined {
  const rest = /\n[ \t]*(?=[^\s#])/g;
  rest.lastIndex = offset;
  const found = rest.exec(text);
  return found === null ? undefined : found.index + found[0].length;
}

function column(text: string, offset: number): number {
  return offset - lineStart(text, offset);
}

// Where each document of a YAML stream is in its file, so that one can be replaced without touching the others.
import { type CST, Lexer, type LineCounter, Parser } from 'yaml';

/** Offsets into the file's text. Empty documents between `---` have no region. */
export interface Region {
  /** The offset by which the YAML library identifies the document. */
  readonly id: number;
  /** The `---` before the document, or `start` if it has none. */
  readonly markerStart: number;
  /** The document's own text, comments included, without `---` and `...`. */
  readonly start: number;
  readonly end: number;
}

export interface TokenStream {
  readonly tokens: readonly CST.Token[];
  /** Offset at which collections nest deeper than allowed; nothing after it was read. */
  readonly tooDeepAt?: number;
}

/** Deeper nesting than any document needs; keeps hostile input out of the recursive parts of the YAML library. */
const maxStack = 200;

/** The tokens of a stream. Total: any text has tokens, invalid ones are of type `error`. */
export function readTokens(text: string, lines?: LineCounter): TokenStream {
  const tokens: CST.Token[] = [];
  const parser = new Parser(lines?.addNewLine);
  lines?.addNewLine(0);
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) tokens.push(token);
    if (parser.stack.length > maxStack) return { tokens: [], tooDeepAt: parser.offset };
  }
  for (const token of parser.end()) tokens.push(token);
  return { tokens };
}

/** The regions of the documents that have content, in order. For text that parses. */
export function documentRegions(text: string, tokens: readonly CST.Token[] = readTokens(text).tokens): Region[] {
  const regions: Region[] = [];
  let end = text.length;
  for (let index = tokens.length - 1; index >= 0; index--) {
    const token = tokens[index];
    if (token === undefined || !endsDocument(token)) continue;
    if (token.type === 'document' && token.value !== undefined) {
      const marker = token.start.find((item) => item.type === 'doc-start');
      const start = marker === undefined ? firstStart(text, tokens, index) : afterMarker(text, marker.offset + 3);
      regions.push({ id: token.offset, markerStart: marker?.offset ?? start, start, end });
    }
    end = offsetOf(token);
  }
  return regions.reverse();
}

/** Only the first document, or one after `...`, needs no `---`: it begins after what ended the one before. */
function firstStart(text: string, tokens: readonly CST.Token[], index: number): number {
  for (let before = index - 1; before >= 0; before--) {
    const token = tokens[before];
    if (token?.type === 'doc-end') return afterMarker(text, token.offset + 3);
  }
  return text.startsWith('\ufeff') ? 1 : 0;
}

function endsDocument(token: CST.Token): boolean {
  return token.type === 'doc-end' || token.type === 'document' || token.type === 'directive';
}

function offsetOf(token: CST.Token): number {
  if (token.type !== 'document') return token.offset;
  return token.start.find((item) => item.type === 'doc-start')?.offset ?? token.offset;
}

/** Skips the blanks after `---` or `...`, and the end of the line if nothing else is on it. */
function afterMarker(text: string, offset: number): number {
  const blanks = /[ \t]*(\r?\n)?/y;
  blanks.lastIndex = offset;
  return offset + (blanks.exec(text)?.[0].length ?? 0);
}

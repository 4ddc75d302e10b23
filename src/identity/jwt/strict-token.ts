// Reads a signed token (JWS in compact form, RFC 7515 §7.1) so that it has one reading only: what JSON or base64 would leave to each reader
// (a name twice, letters that nobody reads) is refused before any key is asked for. Nothing is verified here.
import { CellwallError } from '../../lib/errors.ts';

export interface TokenParts {
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
}

const [mostBytes, mostDepth] = [16_384, 16];
/** What a header needs. Anything else asks its reader to do something: use a key (`jwk`, `jku`, `x5u`), or know `crit`. */
const headerNames = ['alg', 'kid', 'typ'];

/** Throws `unauthenticated` with the reason, which quotes nothing of it. */
export function readStrictToken(token: unknown): TokenParts {
  if (typeof token !== 'string' || token === '') throw refused('there is no token');
  if (token.length > mostBytes) throw refused(`the token is longer than ${mostBytes} bytes`);
  const parts = token.split('.');
  const [head = '', body = '', signature = ''] = parts;
  if (parts.length !== 3) throw refused(`the token has ${parts.length} parts, not three`);
  if (signature === '') throw refused('the token has no signature');
  if (!isCanonical(signature)) throw refused('the signature is not written in base64url');
  const header = objectOf(head, 'header');
  const odd = Object.keys(header).filter((name) => !headerNames.includes(name));
  if (odd.length > 0) throw refused('the header has more than alg, kid and typ');
  if (typeof header['kid'] !== 'string' || header['kid'] === '') throw refused('the header names no key (kid)');
  if (header['typ'] !== undefined && header['typ'] !== 'JWT') throw refused('the type of the token is not JWT');
  return { header, claims: objectOf(body, 'payload') };
}

function objectOf(part: string, what: string): Readonly<Record<string, unknown>> {
  if (!isCanonical(part)) throw refused(`the ${what} is not written in base64url`);
  const bytes = Buffer.from(part, 'base64url');
  const text = bytes.toString('utf8');
  if (!Buffer.from(text, 'utf8').equals(bytes)) throw refused(`the ${what} is no UTF-8`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refused(`the ${what} is no JSON`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw refused(`the ${what} is no JSON object`);
  const fault = faultOfNames(text);
  if (fault !== undefined) throw refused(`the ${what} ${fault}`);
  return Object.assign(Object.create(null), value);
}

/** Whether these are the only letters that give these bytes. */
function isCanonical(part: string): boolean {
  return Buffer.from(part, 'base64url').toString('base64url') === part;
}

/** Of JSON that is valid: names that an object has twice (RFC 8259 §4 leaves it open which counts), and objects in objects without end. */
function faultOfNames(json: string): string | undefined {
  /** Names of each object that is open; undefined for an array. */
  const open: (Set<string> | undefined)[] = [];
  const tokens = /"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\]]/gs;
  for (const [text, colon] of json.matchAll(tokens)) {
    if (text === '{') open.push(new Set());
    else if (text === '[') open.push(undefined);
    else if (text === '}' || text === ']') open.pop();
    else if (colon !== undefined) {
      const name: unknown = JSON.parse(text.slice(0, -colon.length));
      const names = open.at(-1);
      if (names?.has(String(name)) === true) return 'has a name twice';
      names?.add(String(name));
    }
    if (open.length > mostDepth) return `is nested deeper than ${mostDepth}`;
  }
  return undefined;
}

function refused(message: string): CellwallError {
  return new CellwallError('unauthenticated', message);
}

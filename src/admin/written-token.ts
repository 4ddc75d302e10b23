// A token as text, in the question of who may call what: `jwt:<issuer>,aud=<audience>,<claim>=<value>…`
import { CellwallError } from '../lib/errors.ts';
import type { ClaimValue } from '../policy/claims.ts';
import type { Token } from '../policy/decide/request.ts';
import type { MeshIr } from '../policy/ir.ts';

type Claims = Map<string, Claims | readonly ClaimValue[]>;

/**
 * Several values of one claim are a list; a "." in a name leads into an object. Text does not tell 1 from "1", nor true from "true": the
 * token says both. Throws `not_found` for an issuer that the mesh does not name, `invalid_argument` for what is no claim.
 */
export function writtenToken({ jwtIssuers }: MeshIr, text: string): Token {
  const [issuer = '', ...parts] = text.slice('jwt:'.length).split(',');
  if (!jwtIssuers.has(issuer)) {
    throw new CellwallError('not_found', `no JWT issuer ${JSON.stringify(issuer)}`, {
      hint: `known: ${[...jwtIssuers.keys()].join(', ') || 'none'}`,
    });
  }
  const audiences: string[] = [];
  const claims: Claims = new Map();
  for (const part of parts) {
    const at = part.indexOf('=');
    if (at < 1) throw noClaim(part);
    const [name, value] = [part.slice(0, at), part.slice(at + 1)];
    if (name === 'aud') audiences.push(value);
    else put(claims, name.split('.'), value, part);
  }
  return { issuer, audiences, claims: asObject(claims) };
}

function put(claims: Claims, [name = '', ...rest]: readonly string[], value: string, part: string): void {
  const there = claims.get(name);
  if (rest.length === 0) {
    if (there instanceof Map || name === '') throw noClaim(part);
    claims.set(name, [...(there ?? []), ...readings(value)]);
    return;
  }
  const inner: Claims | readonly ClaimValue[] = there ?? new Map();
  if (!(inner instanceof Map)) throw noClaim(part);
  claims.set(name, inner);
  put(inner, rest, value, part);
}

function readings(value: string): readonly ClaimValue[] {
  if (value === 'true' || value === 'false') return [value, value === 'true'];
  return /^-?(0|[1-9]\d{0,14})$/.test(value) ? [value, Number(value)] : [value];
}

function asObject(claims: Claims): Token['claims'] {
  return Object.fromEntries([...claims].map(([name, value]) => [name, value instanceof Map ? asObject(value) : value]));
}

function noClaim(part: string): CellwallError {
  return new CellwallError('invalid_argument', `not a claim: ${JSON.stringify(part)}`, {
    hint: 'as in "jwt:router,aud=topology,common_name=abc,gitlab.origin_id=7"',
  });
}

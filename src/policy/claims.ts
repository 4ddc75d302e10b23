// What a token must say, and whether it does: the comparison that the proxy makes with its metadata (translate/rbac/jwt-claims.ts).

export type ClaimValue = string | number | boolean;

/** A value; any of some; or, of an object, what must be in it. */
export type ClaimIr = ClaimValue | readonly ClaimValue[] | ClaimsIr;

export interface ClaimsIr {
  readonly [name: string]: ClaimIr;
}

/** What a verified token says, as JSON. */
export interface Claims {
  readonly [name: string]: unknown;
}

/** Of a claim that is a list, one item is enough. Types count: 1 is not "1". */
export function matchClaims(wanted: ClaimsIr, claims: Claims): boolean {
  return Object.entries(wanted).every(
    ([name, value]) => Object.hasOwn(claims, name) && matchClaim(value, claims[name]),
  );
}

function matchClaim(wanted: ClaimIr, said: unknown): boolean {
  if (isValue(wanted)) return said === wanted || (Array.isArray(said) && said.includes(wanted));
  if (isList(wanted)) return wanted.some((one) => matchClaim(one, said));
  return isClaims(said) && matchClaims(wanted, said);
}

export function isValue(wanted: ClaimIr): wanted is ClaimValue {
  return typeof wanted !== 'object';
}

export function isList(wanted: ClaimIr): wanted is readonly ClaimValue[] {
  return Array.isArray(wanted);
}

function isClaims(said: unknown): said is Claims {
  return typeof said === 'object' && said !== null && !Array.isArray(said);
}

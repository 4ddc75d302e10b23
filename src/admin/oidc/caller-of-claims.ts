// Who somebody is here, by the claims of a verified ID token. Pure. Fails closed: no role that applies is no role.
import { type Caller, roles } from '../caller.ts';
import type { AdminOidcOptions } from './admin-oidc-options.ts';

export type Claims = Readonly<Record<string, unknown>>;

/** Why somebody who has signed in at the provider is nobody here. */
export type WhyNobody = 'no-name' | 'no-role' | 'groups-elsewhere';

/** The author's name is prefixed, so that it is nobody else's: of tokens, of operators, or of the file system. */
export function callerOfClaims(
  claims: Claims,
  { nameClaim, roles: rules }: Pick<AdminOidcOptions, 'nameClaim' | 'roles'>,
): Caller | WhyNobody {
  const name = nameOf(claims, nameClaim);
  if (name === undefined) return 'no-name';
  const applying = rules.filter(({ claim, values }) =>
    textsOf(own(claims, claim)).some((text) => values.includes(text)),
  );
  const role = roles.findLast((one) => applying.some((rule) => rule.role === one));
  if (role === undefined) return rules.some(({ claim }) => isElsewhere(claims, claim)) ? 'groups-elsewhere' : 'no-role';
  return { name: `oidc:${name}`, role, rawResources: applying.some(({ rawResources }) => rawResources) };
}

/**
 * Undefined for what would not be read as one name, or is not proved to be theirs. What providers put into `sub` is read: a colon
 * (Keycloak, of users that are stored elsewhere), base64 (ADFS), a bar (Auth0), an apostrophe (addresses).
 */
function nameOf(claims: Claims, claim: string): string | undefined {
  const name = own(claims, claim);
  if (typeof name !== 'string' || !/^(?=.*[\p{L}\p{N}])[\p{L}\p{N}._@+|:/=~'-]{1,128}$/u.test(name)) return undefined;
  // OpenID Connect Core §5.1: without it, the address is what somebody typed.
  if (claim === 'email' && own(claims, 'email_verified') !== true) return undefined;
  return name.normalize('NFC') === name ? name : undefined;
}

/**
 * Whether the provider says where else to ask for it (OpenID Connect Core §5.6.2): Entra ID does so for members of more than 200 groups.
 * Nobody asks there.
 */
function isElsewhere(claims: Claims, claim: string): boolean {
  const names = own(claims, '_claim_names');
  return typeof names === 'object' && names !== null && Object.hasOwn(names, claim) && !Object.hasOwn(claims, claim);
}

/** A claim with one value, or a list of them. */
function textsOf(value: unknown): readonly string[] {
  const all: readonly unknown[] = Array.isArray(value) ? value : [value];
  return all.filter((one) => typeof one === 'string');
}

function own(claims: Claims, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined;
}

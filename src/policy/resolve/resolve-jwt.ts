// Issuers of tokens, and the rules that accept them: beside an identity, or in its place while there is none.
import { defined } from '../../lib/defined.ts';
import type { Mesh } from '../../model/documents/mesh.ts';
import type { TokenSource } from '../../model/documents/token.ts';
import type { FieldPath } from '../../model/field-path.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import type { TokenIr } from '../authorization-ir.ts';
import type { JwtIssuerIr } from '../ir.ts';
import { jwksFault } from './jwks-fault.ts';
import { legacyCertificateFault } from './legacy-certificates.ts';
import { nameHint } from './names.ts';
import type { Problems } from './problems.ts';
import type { PortDraft } from './resolve-service.ts';

/** Removed from every request before a filter could read it, or not under the caller's control. */
const notForTokens = /^(x-cellwall-|x-envoy-|x-forwarded-|x-client-cert-|host$|cookie$|connection$|te$)/;

/** By name. Of two with one name the first is kept, and the other is a problem. */
export function resolveJwtIssuers(parsed: ParsedDocument<Mesh>, problems: Problems): Map<string, JwtIssuerIr> {
  const issuers = new Map<string, JwtIssuerIr>();
  for (const [index, issuer] of parsed.document.spec.jwtIssuers.entries()) {
    const place = ['spec', 'jwtIssuers', index];
    if (issuers.has(issuer.name)) {
      problems.error(parsed, [...place, 'name'], {
        code: 'duplicate-name',
        message: `two JWT issuers are named "${issuer.name}"`,
        hint: 'put all keys of one issuer into one entry',
      });
      continue;
    }
    const { jwks, jwksUri, jwksCa, ...rest } = issuer;
    if ((jwks === undefined) === (jwksUri === undefined)) {
      problems.error(parsed, [...place, ...(jwks === undefined ? [] : ['jwksUri'])], {
        code: 'keys-of-issuer',
        message: `the JWT issuer "${issuer.name}" has ${jwks === undefined ? 'neither jwks nor jwksUri' : 'both jwks and jwksUri'}`,
        hint: 'write its keys in jwks, or in jwksUri the https address where it publishes them',
      });
    }
    const fault = jwks === undefined ? undefined : jwksFault(jwks);
    if (fault !== undefined) problems.error(parsed, [...place, 'jwks'], { code: 'bad-jwks', ...fault });
    const ca = jwksCa === undefined ? undefined : legacyCertificateFault(jwksCa);
    if (ca !== undefined) problems.error(parsed, [...place, 'jwksCa'], { code: 'bad-certificate', ...ca });
    if (notForTokens.test(issuer.header)) {
      problems.error(parsed, [...place, 'header'], {
        code: 'bad-token-header',
        message: `the header ${issuer.header} cannot carry a token`,
        hint: '"authorization", or the header that the issuer\'s clients use, as in "cf-access-jwt-assertion"',
      });
    }
    const keysFrom = jwksUri === undefined ? undefined : { url: jwksUri, ...defined({ ca: jwksCa }) };
    issuers.set(issuer.name, { ...rest, ...defined({ jwks, keysFrom }) });
  }
  return issuers;
}

/** What a rule needs to know to accept a token. */
export interface JwtSourceContext {
  readonly issuers: ReadonlyMap<string, JwtIssuerIr>;
  /** Path of the rule. */
  readonly ports: readonly PortDraft[];
  readonly action: 'allow' | 'deny';
  readonly problems: Problems;
}

/** Undefined with a problem. `place`: of the source that asks for it. */
export function resolveToken(
  jwt: TokenSource,
  parsed: ParsedDocument,
  place: FieldPath,
  { issuers, ports, action, problems }: JwtSourceContext,
): TokenIr | undefined {
  if (action === 'deny') {
    problems.error(parsed, [...place, 'jwt'], {
      code: 'jwt-denied',
      message: 'a deny rule for a token keeps nobody out: the caller can leave the token out',
      hint: 'change the allow rule that lets it in',
    });
    return undefined;
  }
  const tcp = ports.find(({ protocol }) => protocol === 'tcp');
  if (tcp !== undefined) {
    problems.error(parsed, [...place, 'jwt'], {
      code: 'http-on-tcp',
      message: `${tcp.id} is a TCP service, whose callers can send no token`,
      hint: 'name callers by their identity',
    });
    return undefined;
  }
  if (!issuers.has(jwt.issuer)) {
    problems.error(parsed, [...place, 'jwt', 'issuer'], {
      code: 'unknown-jwt-issuer',
      message: `the mesh has no JWT issuer "${jwt.issuer}"`,
      hint: nameHint(jwt.issuer, [...issuers.keys()], "it in the Mesh's spec.jwtIssuers"),
    });
    return undefined;
  }
  return { issuer: jwt.issuer, audience: jwt.audience, claims: jwt.claims };
}

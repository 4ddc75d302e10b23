// What is wrong with a JWT-SVID that somebody has (JWT-SVID §2 to §4): header, subject, audience, times, and the key that verifies it.
// Unlike `verifyJwt`, which stops at the first fault, this finds all of them. Keys that a token brings along are never used.
import { constants, createPublicKey, verify } from 'node:crypto';
import { clip as clipTo } from '../../lib/clip.ts';
import { defined } from '../../lib/defined.ts';
import { utc } from '../cause-words.ts';
import { lookAtId } from './look-at-id.ts';
import type { SvidFault } from './svid-fault.ts';
import type { SvidLook } from './svid-report.ts';

interface TokenParts {
  readonly place: string;
  /** Hostile. */
  readonly token: string;
  /** Of the trust domain, for tokens. Hostile. */
  readonly keys?: readonly JwtKey[];
  readonly audience?: string;
  readonly trustDomain?: string;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** A JWK. */
export type JwtKey = Readonly<Record<string, unknown>>;

const mostBytes = 16_384;
/** Between two hosts' clocks; as our own verifier has it. */
const skewMs = 30_000;
const mostNames = 5;
const hashes: Readonly<Record<string, string>> = { '256': 'sha256', '384': 'sha384', '512': 'sha512' };

/** Whether a text is meant to be one. */
export function looksLikeToken(text: string): boolean {
  return /^\s*eyJ[\w-]*\.[\w-]*\.[\w-]*\s*$/.test(text);
}

export function lookAtToken(parts: TokenParts): SvidLook {
  const { place, keys, audience, trustDomain, now } = parts;
  const token = parts.token.trim();
  const nothing = { place, kind: 'jwt-svid', checked: [], unseen: [] } as const;
  const malformed = (why: string): SvidLook => ({ ...nothing, faults: [{ kind: 'token-malformed', why }] });
  if (token.length > mostBytes) return malformed(`it is longer than ${mostBytes} bytes`);
  const pieces = token.split('.');
  if (pieces.length !== 3) return malformed(`it has ${pieces.length} parts, not three`);
  const [header, claims] = [objectIn(pieces[0]), objectIn(pieces[1])];
  if (header === undefined || claims === undefined) {
    return malformed(`its ${header === undefined ? 'header' : 'payload'} is no JSON object in base64url`);
  }
  const id = lookAtId(typeof claims['sub'] === 'string' ? [claims['sub']] : [], trustDomain);
  const ends = timeIn(claims['exp']);
  const signed = lookAtSignature(token, header, keys);
  return {
    place,
    kind: 'jwt-svid',
    ...defined({ spiffeId: id.spiffeId, notAfter: ends }),
    faults: [
      ...headerFaults(header),
      ...id.faults.map(ofSubject),
      ...audienceFaults(claims['aud'], audience),
      ...timeFaults(ends, [timeIn(claims['nbf']), timeIn(claims['iat'])], now),
      ...signed.faults,
    ],
    checked: [
      ...(id.spiffeId === undefined ? [] : [`it is of ${id.spiffeId}`]),
      ...(ends !== undefined && ends > now ? [`it is valid until ${utc(ends)} by this host's clock`] : []),
      ...signed.checked,
    ],
    unseen: [
      ...(keys === undefined
        ? ['its signature was not looked at: give the SPIFFE bundle of its trust domain with --bundle']
        : []),
      ...(audience === undefined ? ['whether it is for its reader was not looked at: give that with --audience'] : []),
    ],
  };
}

function ofSubject(fault: SvidFault): SvidFault {
  return fault.kind === 'no-spiffe-id'
    ? { kind: 'spiffe-id-malformed', uri: '', why: 'the token has no subject (sub)' }
    : fault;
}

/** JWT-SVID §2. */
function headerFaults(header: JwtKey): readonly SvidFault[] {
  const { alg, typ = 'JWT' } = header;
  const odd = Object.keys(header).filter((name) => !['alg', 'kid', 'typ'].includes(name));
  return [
    ...(typeof alg === 'string' && /^(RS|PS|ES)(256|384|512)$/.test(alg)
      ? []
      : [{ kind: 'algorithm', alg: typeof alg === 'string' ? clip(alg) : 'no algorithm' } as const]),
    ...(typ === 'JWT' || typ === 'JOSE'
      ? []
      : [{ kind: 'token-header', what: 'has a "typ" that is neither JWT nor JOSE' } as const]),
    ...(odd.length === 0
      ? []
      : [
          {
            kind: 'token-header',
            what: `has ${odd.slice(0, mostNames).map(clip).join(', ')}, which no JWT-SVID has`,
          } as const,
        ]),
  ];
}

function audienceFaults(aud: unknown, wanted: string | undefined): readonly SvidFault[] {
  const all: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  const has = all.filter((one): one is string => typeof one === 'string' && one !== '');
  if (has.length === 0) return [{ kind: 'audience-missing' }];
  return wanted === undefined || has.includes(wanted)
    ? []
    : [{ kind: 'other-audience', has: has.slice(0, mostNames).map(clip), wants: wanted }];
}

function timeFaults(
  ends: number | undefined,
  begins: readonly (number | undefined)[],
  now: number,
): readonly SvidFault[] {
  const begin = begins.find((at) => at !== undefined && at > now + skewMs);
  return [
    ...(ends === undefined ? [{ kind: 'no-end' } as const] : []),
    ...(begin === undefined ? [] : [{ kind: 'not-yet', what: 'the token', at: begin, inMs: begin - now } as const]),
    ...(ends !== undefined && ends <= now
      ? [{ kind: 'ended', what: 'the token', at: ends, agoMs: now - ends } as const]
      : []),
  ];
}

function lookAtSignature(
  token: string,
  { alg, kid }: JwtKey,
  keys: readonly JwtKey[] | undefined,
): { readonly faults: readonly SvidFault[]; readonly checked: readonly string[] } {
  if (typeof kid !== 'string' || kid === '') return { faults: [{ kind: 'key-not-named' }], checked: [] };
  if (keys === undefined) return { faults: [], checked: [] };
  const named = keys.filter((key) => key['kid'] === kid);
  if (named.length === 0) {
    const known = keys.flatMap((key) => (typeof key['kid'] === 'string' ? [clip(key['kid'])] : []));
    return { faults: [{ kind: 'key-unknown', kid: clip(kid), known: known.slice(0, mostNames) }], checked: [] };
  }
  return named.some((key) => isSignedBy(token, String(alg), key))
    ? { faults: [], checked: [`its signature is by the key ${JSON.stringify(clip(kid))} of the bundle`] }
    : { faults: [{ kind: 'signature-wrong', kid: clip(kid) }], checked: [] };
}

function isSignedBy(token: string, alg: string, key: JwtKey): boolean {
  const hash = hashes[alg.slice(2)];
  const at = token.lastIndexOf('.');
  if (hash === undefined) return false;
  try {
    const publicKey = createPublicKey({ key: { ...key }, format: 'jwk' });
    const type = alg.startsWith('ES') ? 'ec' : 'rsa';
    if (publicKey.asymmetricKeyType !== type) return false;
    const how = alg.startsWith('ES')
      ? { key: publicKey, dsaEncoding: 'ieee-p1363' as const }
      : {
          key: publicKey,
          ...(alg.startsWith('PS')
            ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
            : {}),
        };
    return verify(hash, Buffer.from(token.slice(0, at)), how, Buffer.from(token.slice(at + 1), 'base64url'));
  } catch {
    return false;
  }
}

function objectIn(part = ''): JwtKey | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** Seconds, as claims have them (RFC 7519 §2), in milliseconds. */
function timeIn(claim: unknown): number | undefined {
  return typeof claim === 'number' && Math.abs(claim) < 8e12 ? claim * 1000 : undefined;
}

function clip(text: string): string {
  return clipTo(text, 100);
}

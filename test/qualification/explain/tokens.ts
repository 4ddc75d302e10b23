// Tokens of random callers: two issuers that the documents name, and what is wrong with a token that is none.
import { createTokenKey, type MintOptions, mintToken } from '../../support/mint-token.ts';
import type { Random } from './random.ts';

export const issuers = {
  edge: { issuer: 'https://edge.test', header: 'cf-access-jwt-assertion' },
  bearer: { issuer: 'https://bearer.test', header: 'authorization' },
} as const;
export type IssuerName = keyof typeof issuers;

export const issuerNames = Object.keys(issuers) as readonly IssuerName[];
export const audiences = ['topology', 'topology2', 'rails'] as const;
export const teams = ['a', 'b'] as const;

/** What makes a token none at all. */
const faults = ['another key', 'another issuer', 'expired', 'without an end', 'in another header', 'garbage'] as const;

export interface GeneratedToken {
  readonly issuer: IssuerName;
  readonly audiences: readonly string[];
  /** Absent: it does not say one. */
  readonly team?: string;
  readonly fault?: (typeof faults)[number];
}

/** What a rule asks for. */
export interface GeneratedTokenRule {
  readonly issuer: IssuerName;
  readonly audience: string;
  readonly team?: string;
}

export function randomToken(random: Random): GeneratedToken {
  return {
    ...tokenFor(random, { issuer: random.pick(issuerNames), audience: random.pick(audiences) }),
    ...(random.chance(0.25) ? { fault: random.pick(faults) } : {}),
  };
}

/** As a rule asks for it, or but for one thing. */
export function aimedToken(random: Random, wanted: GeneratedTokenRule): GeneratedToken {
  const token = tokenFor(random, wanted);
  if (random.chance(0.5)) return token;
  switch (random.pick(['issuer', 'audience', 'team', 'fault'] as const)) {
    case 'issuer':
      return { ...token, issuer: token.issuer === 'edge' ? 'bearer' : 'edge' };
    case 'audience':
      return { ...token, audiences: [random.pick(audiences.filter((audience) => audience !== wanted.audience))] };
    case 'team': {
      const { team: _, ...without } = token;
      const other = random.pick([undefined, ...teams.filter((team) => team !== wanted.team)].map((team) => ({ team })));
      return other.team === undefined ? without : { ...without, team: other.team };
    }
    case 'fault':
      return { ...token, fault: random.pick(faults) };
    default:
      throw new Error('no such flaw');
  }
}

function tokenFor(random: Random, { issuer, audience, team }: GeneratedTokenRule): GeneratedToken {
  const said = team ?? (random.chance(0.5) ? random.pick(teams) : undefined);
  return {
    issuer,
    audiences: random.chance(0.3) ? [random.pick(audiences), audience] : [audience],
    ...(said === undefined ? {} : { team: said }),
  };
}

export interface Tokens {
  /** Public keys of an issuer, as in a document. */
  jwks(issuer: IssuerName): string;
  /** The header that brings the token. */
  header(token: GeneratedToken): readonly [name: string, value: string];
}

export function createTokens(): Tokens {
  const keys = { edge: createTokenKey(), bearer: createTokenKey() };
  const made = new Map<string, string>();
  const mint = ({ issuer, audiences: aud, team, fault }: GeneratedToken): string => {
    const other = issuer === 'edge' ? 'bearer' : 'edge';
    const good: MintOptions = {
      iss: issuers[issuer].issuer,
      // RFC 7519 §4.1.3: one text, or a list of them.
      aud: aud.length === 1 ? (aud[0] ?? '') : aud,
      claims: team === undefined ? {} : { team },
      expiresIn: 3600,
      by: keys[issuer].privateKey,
    };
    switch (fault) {
      case 'another key':
        return mintToken({ ...good, by: keys[other].privateKey });
      case 'another issuer':
        return mintToken({ ...good, iss: 'https://nobody.test' });
      case 'expired':
        return mintToken({ ...good, expiresIn: -120 });
      case 'without an end':
        return mintToken({ ...good, expiresIn: null });
      case 'garbage':
        return 'garbage';
      case 'in another header':
      case undefined:
        return mintToken(good);
      default:
        return fault satisfies never;
    }
  };
  return {
    jwks: (issuer) => `{"keys": [${keys[issuer].jwk}]}`,
    header(token) {
      const key = JSON.stringify(token);
      const text = made.get(key) ?? mint(token);
      made.set(key, text);
      const { header } = issuers[token.issuer];
      if (token.fault === 'in another header') return ['x-token', text];
      return [header, header === 'authorization' ? `Bearer ${text}` : text];
    },
  };
}

// Documents, SPIFFE IDs, JWK Sets and join tokens: text that somebody else wrote.
import { expect, it } from 'vitest';
import { stringify } from 'yaml';
import { formatJoinToken, parseJoinToken } from '../../../src/identity/join-token.ts';
import { CellwallError } from '../../../src/lib/errors.ts';
import { parseDocuments } from '../../../src/model/parse.ts';
import { parseSpiffeId } from '../../../src/model/spiffe-id.ts';
import { jwksFault } from '../../../src/policy/resolve/jwks-fault.ts';
import { resolve } from '../../../src/policy/resolve/resolve.ts';
import { sourceFiles } from '../../support/source-files.ts';
import { fuzz } from './fuzz.ts';

const minutes = 60_000;

/** SPIFFE-ID §2, as its text has it, and apart from ours. */
function isSpiffeId(text: string): boolean {
  const parts = /^spiffe:\/\/([a-z0-9._-]+)((?:\/[a-zA-Z0-9._-]+)+)$/.exec(text);
  if (parts === null || text.length > 2048 || (parts[1] ?? '').length > 255) return false;
  return !(parts[2] ?? '').split('/').some((segment) => segment === '.' || segment === '..');
}

it(
  'documents: a problem has its place, and what is taken says the same when it is written again',
  { timeout: 30 * minutes },
  () =>
    fuzz({
      name: 'documents',
      seeds: [
        ...sourceFiles(['examples/cells'], ['.yaml']).map(({ text }) => text),
        `apiVersion: cellwall/v1\nkind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1}\n`,
        `apiVersion: cellwall/v1\nkind: Service\nmetadata: {name: a, cell: c}\nspec: {protocol: http1, dependsOn: ` +
          `[{service: b, listen: 'unix:/run/a.sock'}]}\n`,
        `kind: AuthorizationPolicy\nmetadata: &a {name: p}\nspec: {target: *a, action: allow, rules: [{from: ` +
          `[{everyone: true}], to: [{path: {template: "/a/{b}/**"}}]}]}\n`,
      ],
      dictionary: [
        ...[
          'apiVersion: cellwall/v1\n',
          'kind: Service\n',
          '---\n',
          'metadata: ',
          'spec: ',
          '{',
          '}',
          '[',
          ']',
          ': ',
          '- ',
          '&a ',
          '*a',
          '<<: *a',
        ],
        ...[
          '!!binary ',
          '!!js/function ',
          '__proto__: ',
          'constructor: ',
          '"',
          "'",
          '|\n',
          '>-\n',
          '? ',
          '# ',
          '%YAML 1.1\n',
          '\t',
          '0x10',
          '.nan',
          '~',
        ],
        ...[
          'dependsOn: ',
          'rules: ',
          'path: {prefix: /',
          'template: "/{a}',
          'everyone: true',
          'eachCell: true',
          'spiffe://td1/',
          'mode: permissive',
        ],
      ],
      sources: [
        'src/model/parse.ts',
        'src/model/yaml/read-yaml.ts',
        'src/policy/resolve/resolve.ts',
        'src/policy/resolve/resolve-service.ts',
      ],
      run(input) {
        const text = input.toString('utf8');
        const parsed = parseDocuments(text, 'f.yaml');
        if (parsed.kind === 'invalid') {
          expect(parsed.problems.length).toBeGreaterThan(0);
          for (const { source, message } of parsed.problems) {
            if (!(source.line >= 1 && source.column >= 1 && message !== ''))
              throw new Error('a problem without its place');
          }
          return `invalid ${[...new Set(parsed.problems.map(({ code }) => code))].sort().slice(0, 3).join(' ')}`;
        }
        const written = parsed.documents
          .map(({ document }) => stringify(document, { aliasDuplicateObjects: false }))
          .join('---\n');
        const again = parseDocuments(written, 'f.yaml');
        if (again.kind === 'invalid' && written.length < text.length * 20) {
          // A default that is worked out, as durations are, is written in other words: the kinds stay.
          if (again.problems.some(({ code }) => code === 'yaml')) throw new Error('not read again as YAML');
        }
        const resolution = resolve(parsed.documents);
        if (resolution.kind === 'unresolved')
          return `unresolved ${[...new Set(resolution.problems.map(({ code }) => code))].sort().slice(0, 3).join(' ')}`;
        for (const [id] of resolution.mesh.serviceOf)
          if (!isSpiffeId(id)) throw new Error(`a service with the identity ${id}`);
        return `resolved ${Math.min(9, resolution.mesh.services.size)} ${Math.min(9, resolution.warnings.length)}`;
      },
    }),
);

it('SPIFFE IDs: taken if and only if the standard takes them', { timeout: 10 * minutes }, () =>
  fuzz({
    name: 'spiffe-ids',
    seeds: [
      'spiffe://td1/service/api',
      'spiffe://example.org/cell/cell-1/service/api',
      'spiffe://a/.../b',
      `spiffe://${'a'.repeat(255)}/b`,
    ],
    dictionary: [
      'spiffe://',
      'SPIFFE://',
      '/',
      '//',
      '.',
      '..',
      '/./',
      '%2e',
      ':8443',
      'user@',
      '?q',
      '#f',
      'é',
      'A',
      '_',
      '-',
      ' ',
      '\n',
      '\0',
      'x'.repeat(300),
    ],
    sources: ['src/model/spiffe-id.ts'],
    run(input) {
      const text = input.toString('latin1');
      const taken = parseSpiffeId(text);
      if ((taken !== undefined) !== isSpiffeId(text))
        throw new Error(`${taken === undefined ? 'refused' : 'taken'}, unlike the standard`);
      if (taken !== undefined && taken !== text) throw new Error('changed');
      return `${taken === undefined ? 'refused' : 'taken'} ${text.startsWith('spiffe://')} ${Math.min(6, text.split('/').length)}`;
    },
  }),
);

it('JWK Sets: no secret, and no key without its algorithm', { timeout: 10 * minutes }, () =>
  fuzz({
    name: 'jwk-sets',
    seeds: [
      '{"keys":[{"kty":"RSA","alg":"RS256","n":"AQAB","e":"AQAB"}]}',
      '{"keys":[{"kty":"EC","alg":"ES256","crv":"P-256","x":"a","y":"b"},{"kty":"OKP","alg":"EdDSA","crv":"Ed25519","x":"a"}]}',
      '{"keys":[{"kty":"oct","k":"c2VjcmV0","alg":"HS256"}]}',
    ],
    dictionary: [
      '"kty":"oct"',
      '"alg":"none"',
      '"alg":"HS256"',
      '"d":"x"',
      '"k":"x"',
      '"keys":',
      '{',
      '}',
      '[',
      ']',
      ',',
      '"__proto__":',
      '"constructor"',
      'null',
      '"RSA"',
      '"hasOwnProperty"',
    ],
    sources: ['src/policy/resolve/jwks-fault.ts'],
    run(input) {
      const text = input.toString('utf8');
      const fault = jwksFault(text);
      if (fault !== undefined) return fault.message.replaceAll(/\d+|"[^"]*"/g, '').slice(0, 40);
      const { keys } = JSON.parse(text) as { keys: Record<string, unknown>[] };
      for (const { kty, alg, d, k, p, q } of keys) {
        const family = { RSA: /^[RP]S(256|384|512)$/, EC: /^ES(256|384|512)$/, OKP: /^EdDSA$/ }[String(kty)];
        if (family?.test(String(alg)) !== true) throw new Error(`taken: ${String(kty)} ${String(alg)}`);
        if ([d, k, p, q].some((part) => part !== undefined)) throw new Error('taken with a private part');
      }
      return `taken ${Math.min(4, keys.length)}`;
    },
  }),
);

it(
  'join tokens: what is taken is written again as it was, and what is not is never quoted',
  { timeout: 10 * minutes },
  () =>
    fuzz({
      name: 'join-tokens',
      seeds: [`cw1.${'a'.repeat(43)}.${'B'.repeat(43)}`, `  cw1.${'-'.repeat(43)}.${'_'.repeat(43)}\n`],
      dictionary: ['cw1.', 'cw2.', '.', '=', '+', '/', ' ', '\n', 'a'.repeat(43), '\0'],
      sources: ['src/identity/join-token.ts'],
      run(input) {
        const text = input.toString('latin1');
        try {
          const token = parseJoinToken(text);
          if (formatJoinToken(token) !== text.trim()) throw new Error('changed');
          return `taken ${text === text.trim()}`;
        } catch (reason) {
          if (!(reason instanceof CellwallError)) throw reason;
          const secret = /[A-Za-z0-9_-]{20,}/.exec(text)?.[0];
          if (secret !== undefined && `${reason.message}${reason.hint}`.includes(secret))
            throw new Error('a token in an error');
          return `refused ${text.startsWith('cw1.')} ${Math.min(4, text.split('.').length)}`;
        }
      },
    }),
);

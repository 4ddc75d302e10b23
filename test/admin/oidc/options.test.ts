import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { readAdminOidcOptions } from '../../../src/admin/oidc/admin-oidc-options.ts';
import { callerOfClaims } from '../../../src/admin/oidc/caller-of-claims.ts';
import { CellwallError } from '../../../src/lib/errors.ts';

const folder = mkdtempSync(join(tmpdir(), 'cellwall-admin-oidc-'));
afterAll(() => rmSync(folder, { recursive: true }));

const whole = [
  'name: GitLab',
  'issuer: https://gitlab.example.com',
  'clientId: a',
  'pageUrl: https://cellwall.example.com:18443',
  'roles: [{role: viewer, claim: groups_direct, values: [platform]}]',
];

function read(lines: readonly string[]) {
  const file = join(folder, 'oidc.yaml');
  writeFileSync(file, lines.join('\n'));
  try {
    return readAdminOidcOptions(file);
  } catch (reason) {
    return `${CellwallError.from(reason).message} | ${CellwallError.from(reason).hint}`.replaceAll(file, 'FILE');
  }
}

it('a whole file has careful defaults', () => {
  expect(read(whole)).toMatchObject({
    nameClaim: 'sub',
    sessionMinutes: 60,
    scopes: [],
    roles: [{ rawResources: false }],
  });
});

it.each([
  ['', 'there is nothing in it'],
  [whole.filter((line) => !line.startsWith('roles')).join('\n'), 'roles'],
  [[...whole, 'rolse: []'].join('\n'), 'FILE:6:1'],
  [whole.join('\n').replace('https://gitlab', 'http://gitlab'), 'FILE:2:9: '],
  [whole.join('\n').replace('https://cellwall', 'http://cellwall'), 'FILE:4:10: '],
  [whole.join('\n').replace(':18443', ':18443/page'), 'FILE:4:10: '],
  [whole.join('\n').replace('viewer', 'owner'), 'FILE:5:16: '],
  [whole.join('\n').replace('[platform]', '[]'), 'FILE:5:'],
])('what is wrong is told with its place: %#', (text, told) => {
  const found = read([text]);
  expect(found).toContain('--admin-oidc: FILE');
  expect(found).toContain(told);
  expect(found).toContain('docs/page.md');
});

it.each(['caFile', 'clientSecretFile'])('a file that is not there is told at the start: %s', (name) => {
  const found = read([...whole, `${name}: ${join(folder, 'nowhere')}`]);
  expect(found).toContain(`--admin-oidc: FILE: ${name}: `);
  expect(found).toContain('ENOENT');
});

it('an address beyond loopback without TLS is refused, one on it is not', () => {
  expect(read(whole.map((line) => line.replace('https://cellwall.example.com', 'http://127.0.0.1')))).toMatchObject({
    clientId: 'a',
  });
});

const rules = {
  nameClaim: 'email',
  roles: [{ role: 'editor' as const, rawResources: false, claim: 'groups', values: ['a'] }],
};

it.each([
  [
    { email: 'x@example.org', email_verified: true, groups: 'a' },
    { name: 'oidc:x@example.org', role: 'editor' },
  ],
  [{ email: 'x@example.org', email_verified: 'true', groups: 'a' }, 'no-name'],
  [{ email: 'x@example.org', groups: ['a'] }, 'no-name'],
  [{ email: 'x y', email_verified: true, groups: ['a'] }, 'no-name'],
  [{ email: `${'x'.repeat(129)}`, email_verified: true, groups: ['a'] }, 'no-name'],
  [{ email: 'x@example.org', email_verified: true, groups: [['a']] }, 'no-role'],
  [{ email: 'x@example.org', email_verified: true, groups: { a: 'a' } }, 'no-role'],
  [{ email: 'x@example.org', email_verified: true, groups: ['A', 'a '] }, 'no-role'],
  [Object.create({ email: 'x@example.org', email_verified: true, groups: ['a'] }), 'no-name'],
])('claims make somebody, or nobody: %#', (claims, expected) => {
  const found = callerOfClaims(claims, rules);
  if (typeof expected === 'string') expect(found).toBe(expected);
  else expect(found).toMatchObject(expected);
});

it.each([
  ['of Keycloak, for users that are stored elsewhere', 'f:d859e431-a45f-4474-8877-fbdfadc31d15:531'],
  ['of ADFS', '+lvyg/PkAtlCmoJtTqbT+W8AJ743J2PaovD5oe6mrHs='],
  ['of Auth0', 'samlp|corp|ann@example.org'],
  ['that is an address', "ann.o'donnel@example.org"],
])('a subject %s is a name', (_, sub) => {
  const found = callerOfClaims({ sub, groups: 'a' }, { ...rules, nameClaim: 'sub' });
  expect(found).toMatchObject({ name: `oidc:${sub}`, role: 'editor' });
});

it.each(['', ' ', '--', '::', 'a b', 'a\nb', 'a"b', 'a<b', 'a\\b', 'a\u202eb', 'a,b', 'x'.repeat(129)])(
  'a subject %j is none',
  (sub) => {
    expect(callerOfClaims({ sub, groups: 'a' }, { ...rules, nameClaim: 'sub' })).toBe('no-name');
  },
);

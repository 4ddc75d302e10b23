// `cellwall get envoy`: what a proxy was sent, in every format, and what is said where that cannot be.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { SentToProxy } from '../../src/admin/deps.ts';
import type { DocumentKey } from '../../src/model/documents/document.ts';
import { type AdminHarness, adminToken, startAdmin } from '../support/admin-harness.ts';
import { type CliResult, runCli } from '../support/cli-harness.ts';

const node = 'spiffe://td1/service/api~a';
const rule = (document: string, index: number, line: number) => ({
  document: document as DocumentKey,
  path: ['spec', 'rules', index],
  source: { file: 'mesh.yaml', line, column: 3 },
});
const sent: SentToProxy = {
  node,
  revision: 7,
  resources: [
    {
      typeUrl: 'type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig',
      name: 'api/authz-allow',
      version: 'abc',
      madeBy: [
        rule('AuthorizationPolicy/a', 0, 12),
        rule('AuthorizationPolicy/b', 1, 30),
        rule('AuthorizationPolicy/b', 2, 34),
      ],
      message: { name: 'api/authz-allow' },
    },
  ],
};
let admin: AdminHarness;

beforeEach(async () => {
  admin = await startAdmin({ sentTo: (name) => (name === node ? sent : undefined) });
});

afterEach(() => admin.close());

function cellwall(...args: readonly string[]): Promise<CliResult> {
  const env = { CELLWALL_ADMIN: `127.0.0.1:${admin.address.port}`, CELLWALL_ADMIN_TOKEN: adminToken };
  return runCli(args, { env, stdin: '', clock: admin.clock });
}

it('a line a resource, with the documents that made it', async () => {
  const { code, stdout } = await cellwall('get', 'envoy', 'td1/service/api~a');
  expect(code).toBe(0);
  expect(stdout.split('\n').map((line) => line.split(/ {3,}/))).toEqual([
    ['TYPE', 'NAME', 'VERSION', 'MADE BY'],
    [
      'TypedExtensionConfig',
      'api/authz-allow',
      'abc',
      'AuthorizationPolicy/a spec.rules[0] (mesh.yaml:12), AuthorizationPolicy/b spec.rules[1] (mesh.yaml:30) and 1 more',
    ],
    [''],
  ]);
});

it('whole for machines', async () => {
  const json = JSON.parse((await cellwall('get', 'envoy', node, '-o', 'json')).stdout);
  expect(json).toMatchObject({
    node,
    revision: 7,
    resources: [
      { madeBy: [{ path: 'spec.rules[0]', source: { line: 12 } }, {}, {}], message: { name: 'api/authz-allow' } },
    ],
  });
  expect(parse((await cellwall('get', 'envoy', node, '-o', 'yaml')).stdout)).toEqual(json);
});

it('what is missing, or too much', async () => {
  const nobody = await cellwall('get', 'envoy', 'td1/service/api~b');
  expect([nobody.code, nobody.stderr]).toEqual([
    1,
    'error: no proxy "td1/service/api~b" that was sent anything\n  hint: "cellwall status" names them: ' +
      'give the whole name, including the part after the "~"\n',
  ]);
  const without = await cellwall('get', 'envoy');
  expect([without.code, without.stderr]).toEqual([2, expect.stringContaining('get envoy needs the name of a proxy')]);
  const more = await cellwall('get', 'service/api', 'b');
  expect([more.code, more.stderr]).toEqual([2, expect.stringContaining('only "get envoy" takes a proxy')]);
});

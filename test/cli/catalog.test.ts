// Every command there is, one after the other: what it prints with -o json, and how it fails. A new command fails here until it says
// what it prints, and is called below.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { leafCommands } from '../../scripts/cli-reference.ts';
import { createSealer, noHash } from '../../src/audit/audit-record.ts';
import { exitCodes } from '../../src/cli/output/exit-codes.ts';
import { printedBy } from '../../src/cli/output/prints.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { reportFileOf } from '../../src/report/report-file.ts';
import { type AdminHarness, adminToken, startAdmin } from '../support/admin-harness.ts';
import { type CliResult, runCli } from '../support/cli-harness.ts';
import { descriptorSet } from '../support/descriptor-set.ts';
import { keyOf } from '../support/documents.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { type HostileAdmin, startHostileAdmin } from '../support/hostile-admin.ts';
import { createMemoryAudit } from '../support/memory-audit.ts';
import { meshText, policyText, serviceText, yaml } from '../support/resolve-text.ts';
import { shortRuns } from '../support/short-runs.ts';
import { projectRoot, sourceFiles } from '../support/source-files.ts';
import { createTestCa } from '../support/test-ca.ts';
import { signTestReport, testReport } from '../support/test-report.ts';
import { createUnreadPipe } from '../support/unread-pipe.ts';

const leaves = leafCommands();
const base = yaml(
  meshText(),
  serviceText('web'),
  serviceText('api'),
  policyText('api', 'api', 'allow', '[{from: [{service: web}]}]'),
);
let admin: AdminHarness;
let folder: string;
/** Of tokens, each of another name. */
let made = 0;
/** What waits. */
const held: string[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-catalog-'));
  const now = Date.parse('2026-01-01T00:00:00Z');
  const certificate = {
    serial: 'ab',
    spiffeId: 'spiffe://td1/service/web',
    notBefore: now,
    notAfter: now + 1,
    node: 'n',
  };
  const ca = {
    roots: [{ name: 'abcdefghijkl', state: 'active' as const, notBefore: now, notAfter: now + 1 }],
    intermediate: { root: 'abcdefghijkl', notAfter: now + 1 },
  };
  const record = { number: 1, time: '2026-01-01T00:00:00.000Z', event: { kind: 'store-sealed', revision: 1 } } as const;
  const line = JSON.stringify(createSealer(new Redacted('a key')).make(noHash, record));
  writeFileSync(join(folder, 'audit.jsonl'), `${line}\n`);
  const checkpoint = { log: 'a', number: 1, hash: 'b', at: 'c', protected: 'd', signature: 'e' };
  admin = await startAdmin({
    audit: { ...createMemoryAudit(createFakeClock()), checkpoints: async () => [checkpoint] },
    certificates: () => [{ purpose: 'svid-pushed', ...certificate }],
    jwtSvids: () => [
      {
        ...{ serial: 'a', key: 'b', spiffeId: 'spiffe://td1/service/web', audience: ['c'], nodeKey: 'd', address: 'e' },
        ...{ issuedAt: now, expiresAt: now + 60_000 },
      },
    ],
    rotate: () => ({ rotated: 1 }),
    sentTo: (node) => ({ node, revision: 1, resources: [] }),
    logLevels: async () => 3,
    refusedSvids: () => [
      {
        ...{ by: 'attest' as const, address: '10.0.0.7', code: 'permission_denied', reason: 'no', why: [] },
        ...{ count: 1, firstAt: now, lastAt: now },
      },
    ],
    ca: () => ({ status: () => ca, rotate: async () => ca, abort: async () => ca }),
  });
  writeFileSync(join(folder, 'base.yaml'), base);
  const { certificate: pem } = await (await createTestCa('catalog')).issue({ uri: 'spiffe://td1/service/web' });
  writeFileSync(join(folder, 'svid.pem'), pem);
  writeFileSync(join(folder, 'job.json'), JSON.stringify({ id: 7, job_info: { project_id: 42 }, variables: [] }));
  const { signed, bundle } = await signTestReport(testReport());
  writeFileSync(join(folder, 'report.json'), JSON.stringify(reportFileOf(signed)));
  writeFileSync(join(folder, 'reports.pem'), bundle);
  writeFileSync(join(folder, 'descriptor.binpb'), descriptorSet('pkg.Topology', [{ name: 'GetCells', access: [1] }]));
  await cellwall(['apply', '-f', join(folder, 'base.yaml')]);
  await cellwall(['apply', '-f', '-'], yaml(serviceText('web', 'tcp')));
  await cellwall(['admin-token', 'create', 'ann', '--role', 'editor']);
  await cellwall(['bootstrap-secret', 'create', join(folder, 'secret')]);
  await cellwall(['context', 'add', 'here', '--data', folder, '--use']);
  await cellwall(['context', 'add', 'gone', '--data', folder]);
  for (const name of ['one', 'two']) {
    const changes = [{ key: keyOf(`Service/${name}`), after: yaml(serviceText(name)) }];
    held.push((await admin.deps.held.hold({ author: 'ann', changes, reasons: [] })).rev);
  }
});

afterAll(async () => {
  await admin.close();
  rmSync(folder, { recursive: true, force: true });
});

function cellwall(
  args: readonly string[],
  stdin = '',
  address = `127.0.0.1:${admin.address.port}`,
): Promise<CliResult> {
  const env = { CELLWALL_ADMIN: address, CELLWALL_ADMIN_TOKEN: adminToken, XDG_CONFIG_HOME: folder };
  return runCli(args, { env, stdin, run: shortRuns, clock: admin.clock });
}

/** Arguments with which each command does something, and does no harm to the next. */
const calls: Readonly<Record<string, () => readonly string[]>> = {
  serve: () => ['--documents', folder],
  sidecar: () => ['--service', 'web'],
  'runner serve': () => ['--spiffe-id', 'spiffe://td1/runner/5', '--dir', folder, '--job-users', '200000-200099'],
  'runner open': () => ['--response', join(folder, 'job.json'), '--builds-dir', '/builds'],
  'runner close': () => ['--response', join(folder, 'job.json')],
  validate: () => [join(folder, 'base.yaml')],
  apply: () => ['-f', join(folder, 'base.yaml'), '--dry-run'],
  get: () => [],
  delete: () => ['policy/api', '--dry-run'],
  diff: () => ['-f', join(folder, 'base.yaml')],
  simulate: () => ['-f', join(folder, 'base.yaml')],
  history: () => [],
  rollback: () => ['--dry-run'],
  waiting: () => [],
  approve: () => [held[0] ?? '', '--dry-run'],
  reject: () => [held[1] ?? ''],
  'import grpc-access': () => ['--descriptor', join(folder, 'descriptor.binpb'), '--service', 'api'],
  'store export': () => [join(folder, 'export'), '--documents', folder],
  'store import': () => [join(folder, 'export'), '--documents', folder],
  'store migrate': () => ['--documents', folder, '--to-store', 'redis'],
  schema: () => [],
  status: () => [],
  signals: () => [],
  page: () => [],
  explain: () => ['web', 'api'],
  'proxy log-level': () => ['td1/service/api~a', 'http=debug'],
  'audit list': () => [],
  'audit mtls': () => [],
  'audit verify-report': () => [join(folder, 'report.json'), '--bundle', join(folder, 'reports.pem')],
  'audit verify': () => [join(folder, 'audit.jsonl')],
  'audit checkpoints': () => [],
  'doctor call': () => ['web', 'api'],
  'doctor svid': () => [],
  'admin-token list': () => [],
  'admin-token create': () => [`somebody-${++made}`, '--role', 'viewer'],
  'admin-token revoke': () => ['ann'],
  'token create': () => ['--service', 'web'],
  'token list': () => [],
  'token revoke': () => ['abababababab'],
  'node list': () => [],
  'node history': () => [],
  'node evict': () => ['0123456789ab'],
  'ban add': () => ['--node', '0123456789ab'],
  'ban list': () => [],
  unban: () => ['spiffe://td1/service/web'],
  'certs list': () => [],
  'certs jwt': () => [],
  'certs rotate': () => [],
  'ca status': () => [],
  'ca rotate': () => [],
  'svid fetch': () => ['--service', 'web', '--dir', folder],
  'svid exchange': () => ['--dir', 'x', '--id-token', 'a.e30.b', '--trust-bundle', join(folder, 'svid.pem')],
  'svid show': () => [join(folder, 'svid.pem')],
  bootstrap: () => ['--dir', folder],
  'bootstrap-secret create': () => [join(folder, `secret-${++made}`)],
  'bootstrap-secret rotate': () => [join(folder, 'secret')],
  'context add': () => [`c${++made}`, '--admin', 'https://td1.test', '--admin-token-file', join(folder, 'join.token')],
  'context use': () => ['here'],
  'context list': () => [],
  'context show': () => ['here'],
  'context remove': () => ['gone'],
  completion: () => ['bash'],
};

function argsOf(name: string): readonly string[] {
  return [...name.split(' '), ...(calls[name]?.() ?? [])];
}

it('knows how every command is called', () => {
  expect(Object.keys(calls)).toEqual(leaves.map(({ name }) => name));
});

describe.each(leaves)('$name', ({ name, command }) => {
  it('says what it prints, and prints that, alone, with -o json', async () => {
    const printed = printedBy(command);
    expect(printed, 'declare it with prints()').toBeDefined();
    const { code, stdout, stderr } = await cellwall([...argsOf(name), '-o', 'json']);
    expect([0, 3, 6], stderr).toContain(code);
    if (printed === undefined || printed.kind === 'nothing') return expect(stdout).toBe('');
    const value: unknown = JSON.parse(stdout);
    if (printed.kind === 'other') return;
    const item = printed.kind === 'array' && Array.isArray(value) ? value[0] : value;
    const fields = Object.keys(Object(item));
    expect(fields).toEqual(expect.arrayContaining([...printed.fields]));
    const known = new Set([...printed.fields, ...printed.optional]);
    expect(fields.filter((field) => !known.has(field))).toEqual([]);
  });

  it('fails as one error object, for a wrong command line', async () => {
    const { code, stdout, stderr } = await cellwall([...argsOf(name), '--nope', '-o', 'json']);
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toEqual({
      error: { code: 'invalid_argument', message: expect.stringContaining('--nope') },
    });
    expect(stderr).toContain(`cellwall ${name} --help`);
    expect((await cellwall([...argsOf(name), '--nope'])).stdout).toBe('');
  });

  it('has a help that fits a terminal', async () => {
    const { code, stdout } = await cellwall([...name.split(' '), '--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`^Usage: cellwall ${name}`));
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(125);
  });
});

describe.each(leaves.filter(({ command }) => command.options.some(({ long }) => long === '--admin-token')))(
  '$name',
  ({ name }) => {
    it('fails as one error object without a control plane', async () => {
      if (enrols.includes(name)) return;
      const { code, stdout, stderr } = await cellwall([...argsOf(name), '-o', 'json'], '', '127.0.0.1:1');
      expect(code).toBe(1);
      const { error } = JSON.parse(stdout);
      expect(error).toEqual({
        code: 'unavailable',
        message: 'cannot reach the control plane at 127.0.0.1:1 (ECONNREFUSED)',
        hint: expect.stringContaining('cellwall serve'),
      });
      expect(stderr).toBe(`error: ${error.message}\n  hint: ${error.hint}\n`);
    });
  },
);

/** These get their identity elsewhere, and ask only for a token. */
const enrols = ['sidecar', 'svid fetch', 'runner serve'];

/** Of a program that fell over, wherever it shows itself: frames of a stack, places in sources or in the bundle. */
const innards = /^\s+at |\.[cm]?[jt]s:\d|node:internal|dist\//m;

describe('an output that nobody reads', () => {
  it('is no failure of any command, and not a word of it', async () => {
    const pipe = createUnreadPipe(folder);
    pipe.leave();
    const lines = leaves.flatMap(({ name }) => [
      argsOf(name),
      [...argsOf(name), '-o', 'json'],
      [...name.split(' '), '--help'],
    ]);
    const program = fileURLToPath(new URL('../support/unread-program.ts', import.meta.url));
    const env = {
      ...process.env,
      CELLWALL_ADMIN: `127.0.0.1:${admin.address.port}`,
      CELLWALL_ADMIN_TOKEN: adminToken,
      XDG_CONFIG_HOME: folder,
    };
    const child = spawn(process.execPath, [program], {
      env: { ...env, CELLWALL_LINES: JSON.stringify(lines) },
      stdio: ['ignore', pipe.fd, 'pipe'],
    });
    let told = '';
    child.stderr?.setEncoding('utf8').on('data', (text) => {
      told += text;
    });
    const code = await new Promise((resolve) => child.once('close', resolve));
    pipe.close();
    expect(code).toBe(0);
    expect(told).not.toMatch(innards);
    expect(told).not.toMatch(/EPIPE|bug in cellwall/);
    const codes: readonly number[] = JSON.parse(told.trim().split('\n').at(-1) ?? '');
    // What can be done only once has been done before.
    const once = /^(?:reject|approve|(?:admin-)?token revoke|context remove|bootstrap-secret create)\b/;
    const failed = lines.filter((line, at) => ![0, 3].includes(codes[at] ?? -1) && !once.test(line.join(' ')));
    expect(failed, told).toEqual([]);
  }, 60_000);
});

describe("an answer that is no control plane's", () => {
  const wrong = {
    status: 3,
    services: 'x',
    proxies: [null],
    traffic: {},
    documents: 7,
    revisions: [7],
    waiting: 1,
    bans: {},
  };
  const many = {
    roots: {},
    records: null,
    resources: [1],
    edges: 'x',
    findings: 3,
    problems: 'x',
    nodeKeys: 1,
    signed: [],
  };
  const callers = leaves
    .filter(
      ({ name, command }) => command.options.some(({ long }) => long === '--admin-token') && !enrols.includes(name),
    )
    .map(({ name }) => name);
  it.each([
    ['nothing', '', 200],
    ['null', 'null', 200],
    ['an empty object', '{}', 200],
    ['a list of nothing', '[null]', 200],
    ['other types', JSON.stringify({ ...wrong, ...many }), 200],
    ['an error of other types', '{"code": {}, "message": 7, "hint": [], "problems": [1], "reasons": 3}', 500],
    ['reasons of other types', '{"reasons": [null]}', 412],
    [
      'what a terminal obeys',
      '{"code": "not_found", "message": "\\u001b[2J\\u202e", "hint": "\\u001b]0;x\\u0007"}',
      404,
    ],
  ])(
    '%s: said in words, by every command',
    async (name, body, status) => {
      const hostile = await startHostileAdmin();
      hostile.answers(body, status);
      try {
        for (const call of callers) await holds(call, [], hostile);
        if (/other types|object/.test(name)) for (const call of callers) await holds(call, ['-o', 'json'], hostile);
      } finally {
        hostile.close();
      }
    },
    60_000,
  );

  async function holds(name: string, form: readonly string[], { address }: HostileAdmin): Promise<void> {
    const { code, stdout, stderr } = await cellwall([...argsOf(name), ...form], '', address);
    const about = `${name} ${form}: ${stderr}`;
    expect([0, 1, 3, 4], about).toContain(code);
    expect(stdout + stderr, about).not.toMatch(innards);
    expect(stderr, about).not.toContain('bug in cellwall');
    expect((stdout + stderr).replaceAll(/[\n\t]/g, ''), about).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    if (code !== 1) return;
    expect(stderr, about).toMatch(/^(?:error: |\d+ (?:error|problem))/m);
    if (form.length > 0) expect(() => JSON.parse(stdout), about).not.toThrow();
  }

  it.each([
    ['no end', 65, 'resource_exhausted', /^error: the answer is larger than 64 MiB\n {2}hint: /m],
    ['depth', '['.repeat(200_000), 'unavailable', /but not like an admin API/],
  ])(
    'with %s is cut off',
    async (_name, body, code, told) => {
      const hostile = await startHostileAdmin();
      hostile.answers(body);
      const { stdout, stderr } = await cellwall(['history', '-o', 'json'], '', hostile.address);
      hostile.close();
      expect(JSON.parse(stdout)).toMatchObject({ error: { code } });
      expect(stderr).toMatch(told);
    },
    60_000,
  );

  it('with names of megabytes is a table all the same', async () => {
    const hostile = await startHostileAdmin();
    const source = { file: 'x'.repeat(3_000_000), line: 1, column: 1 };
    const documents = Array.from({ length: 5 }, (_, n) => ({
      key: `Service/${'\u05d0\u4e2d'.repeat(500_000)}${n}`,
      source,
    }));
    hostile.answers(JSON.stringify({ revision: 1, documents }));
    const { code, stdout } = await cellwall(['get'], '', hostile.address);
    hostile.close();
    expect(code).toBe(0);
    expect(stdout.length).toBeLessThan(500_000);
    expect(stdout).toContain('characters)');
  });
});

describe('exit codes', () => {
  it('are all in docs/cli.md and in the help, and no command leaves with another', async () => {
    const page = readFileSync(join(projectRoot, 'docs/cli.md'), 'utf8');
    const { stdout } = await cellwall(['--help']);
    for (const [code, { short, means }] of Object.entries(exitCodes)) {
      expect(page).toContain(`| ${code} | ${means} |`);
      expect(stdout).toContain(`${code} ${short}`);
    }
    const left = sourceFiles(['src/cli'], ['.ts']).flatMap(({ text }) =>
      [...text.matchAll(/(?:\bfinish\(|exitCode: )(\d+)/g)].map(([, code]) => String(code)),
    );
    expect(left.length).toBeGreaterThan(10);
    expect(left.filter((code) => !Object.keys(exitCodes).includes(code))).toEqual([]);
  });

  it('tell a fault of the command line from what it names and cannot be taken', async () => {
    expect((await cellwall(['explain', 'web'])).code).toBe(2);
    expect((await cellwall(['apply', '-f', '/nowhere'])).code).toBe(1);
    expect((await cellwall(['explain', 'web', 'nobody'])).code).toBe(1);
  });
});

describe('flags', () => {
  const all = leaves.flatMap(({ name, command }) => command.options.map((option) => ({ name, option })));

  it('of one name take one kind of value, in every command', () => {
    const forms = new Map<string, Set<string>>();
    for (const { option } of all) {
      const long = option.long ?? option.flags;
      forms.set(long, (forms.get(long) ?? new Set()).add(option.flags));
    }
    expect([...forms.values()].filter((flags) => flags.size > 1).map((flags) => [...flags])).toEqual([]);
  });

  it('are in docs/cli.md, each with its commands', () => {
    const page = readFileSync(join(projectRoot, 'docs/cli.md'), 'utf8');
    expect(leaves.map(({ name }) => name).filter((name) => !page.includes(`| \`${name}\` |`))).toEqual([]);
    expect(all.map(({ option }) => option.flags).filter((flags) => !page.includes(`| \`${flags}\` |`))).toEqual([]);
  });

  it('that the pages name are those there are', () => {
    const known = new Set(['--help', '--version', '--output', ...all.map(({ option }) => option.long)]);
    const pages = [
      ...sourceFiles(['docs', 'examples', 'envoy'], ['.md', '.yaml']),
      { path: 'README.md', text: readFileSync(join(projectRoot, 'README.md'), 'utf8') },
    ];
    const unknown = pages.flatMap(({ path, text }) =>
      [...text.matchAll(/\bcellwall (?!-)[a-z][^`\n|;)]*/g)]
        .flatMap(([line]) => [...line.matchAll(/ (--[a-z][a-z-]*)/g)].map(([, flag]) => `${path}: ${flag}`))
        .filter((named) => !known.has(named.slice(named.indexOf(': ') + 2))),
    );
    expect(unknown).toEqual([]);
  });
});

// An admin API on a free port over a memory store and what a test wants proxies, traffic and identity to say.
import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { type AdminAddress, createAdminApi } from '../../src/admin/admin-api.ts';
import { answerExplain, serviceIdentity } from '../../src/admin/answer-explain.ts';
import { answerExplainRequest } from '../../src/admin/answer-explain-request.ts';
import type { AdminDeps } from '../../src/admin/deps.ts';
import { createHeldChanges } from '../../src/admin/held-changes.ts';
import { createNamedTokens } from '../../src/admin/named-tokens.ts';
import { createPageFiles } from '../../src/admin/page/page-files.ts';
import { pageFolder } from '../../src/config.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import type { Log } from '../../src/lib/log.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { parseSpiffeId } from '../../src/model/spiffe-id.ts';
import type { MeshIr } from '../../src/policy/ir.ts';
import { check } from '../../src/policy/resolve/check.ts';
import { createMemoryStore } from '../../src/store/memory.ts';
import { knownSecret } from './canary/keep-output.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';
import { heardLog } from './heard-log.ts';
import { createMemoryAudit } from './memory-audit.ts';
import { createMemoryTable } from './memory-table.ts';
import { signTestReport, testReport } from './test-report.ts';

/** Of this process: random, so that it is in no text but for a leak. */
export const adminToken = randomBytes(32).toString('base64url');

export interface AdminReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  json(): unknown;
}

export interface AdminCall {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON, text as it is. */
  readonly body?: object | string;
  /** Without a token. */
  readonly anonymous?: boolean;
  /** Another token than `adminToken`. */
  readonly token?: string;
}

export interface AdminHarness {
  readonly address: AdminAddress;
  readonly deps: AdminDeps;
  readonly clock: FakeClock;
  /** What was logged, one text an entry. */
  readonly logged: readonly string[];
  call(path: string, call?: AdminCall): Promise<AdminReply>;
  close(): Promise<void>;
}

export async function startAdmin(given: Partial<AdminDeps> = {}, port = 0): Promise<AdminHarness> {
  knownSecret('admin token', Buffer.from(adminToken, 'base64url'));
  const clock = createFakeClock();
  const logged: string[] = [];
  const write = (fields: object, message: string): void => void logged.push(`${message} ${JSON.stringify(fields)}`);
  const log: Log = heardLog({ debug: write, info: write, warn: write, error: write, child: () => log });
  const store = given.store ?? createMemoryStore({ check, log: silentLog, clock });
  const mesh = (): MeshIr => {
    const found = store.state()?.mesh;
    if (found === undefined) throw new CellwallError('unavailable', 'no documents are in force');
    return found;
  };
  const banned = { target: { kind: 'host', nodeKey: 'ab'.repeat(32) }, at: 0, until: 0 } as const;
  const apiId = parseSpiffeId('spiffe://td1/service/api');
  if (apiId === undefined) throw new Error('no id');
  const joinToken = {
    id: 'ab'.repeat(6),
    spiffeId: apiId,
    createdAt: 0,
    expiresAt: clock.now(),
    uses: 2,
    roots: [],
    used: 1,
  };
  const ca = { roots: [], intermediate: { root: 'abcdefghijkl', notAfter: 0 } };
  const deps: AdminDeps = {
    store,
    record: { calls: () => [], coverage: () => ({ gaps: [], gone: [], ports: [] }) },
    held: createHeldChanges({ table: createMemoryTable(), clock }),
    approveOwn: true,
    cutOver: { services: () => [], judge: async () => [] },
    audit: createMemoryAudit(clock),
    explain: (query) => answerExplain(mesh(), query),
    explainRequest: (id) => answerExplainRequest(mesh(), { by: 'caller', refusals: [] }, id),
    proxies: () => [],
    traffic: () => [],
    signals: { read: async ({ since }) => ({ since, level: 'minute', edges: [], dropped: new Map() }) },
    reports: { mtls: async () => (await signTestReport(testReport())).signed },
    tokens: {
      create: async ({ spiffeId, ttlMs }) => ({
        token: new Redacted(`token-for-${spiffeId}`),
        expiresAt: clock.now() + ttlMs,
        id: 'ab'.repeat(6),
      }),
      list: async () => [joinToken],
      revoke: async () => joinToken,
    },
    hosts: {
      list: async () => [{ nodeKey: 'ab'.repeat(32), spiffeId: 'spiffe://td1/service/api', seenAt: 0, proxies: [] }],
      history: async () => [
        { nodeKey: 'ab'.repeat(32), spiffeId: apiId, attestor: 'join-token', values: {}, address: '10.0.0.1', at: 0 },
      ],
      evict: async () => ({ nodeKeys: [], proxies: [] }),
    },
    bans: {
      list: () => [],
      waiting: async () => [],
      ban: async (_query, { author }) => ({ ban: { ...banned, author }, proxies: [] }),
      lift: async () => undefined,
    },
    ca: () => ({ status: () => ca, rotate: async () => ca, abort: async () => ca }),
    certificates: () => [],
    jwtSvids: () => [],
    rotate: () => ({ rotated: 0 }),
    logLevels: async () => 0,
    metrics: async () => '# metrics\n',
    ready: () => ({ ready: true, reasons: [] }),
    resolveService: (ref) => serviceIdentity(mesh(), ref),
    status: () => ({ version: '9.9.9', trustDomain: 'td1', problems: [], startedAt: clock.now() }),
    log,
    token: new Redacted(adminToken),
    namedTokens: await createNamedTokens({
      ...{ table: createMemoryTable(), secret: new Redacted('of the data folder'), shared: false, clock, log },
    }),
    clock,
    page: createPageFiles(pageFolder()),
    ...given,
  };
  const api = createAdminApi(deps);
  const address = await api.listen({ host: '127.0.0.1', port });
  return {
    address,
    deps,
    clock,
    logged,
    call: (path, call = {}) => send(address, path, call),
    close: () => api.close(),
  };
}

function send({ host, port }: AdminAddress, path: string, call: AdminCall): Promise<AdminReply> {
  const { method = call.body === undefined ? 'GET' : 'POST', body, anonymous = false, token = adminToken } = call;
  const payload = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
  const headers = {
    ...(anonymous ? {} : { authorization: `Bearer ${token}` }),
    ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
    ...call.headers,
  };
  return new Promise((resolve, reject) => {
    const outgoing = request({ host, port, path, method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: () => JSON.parse(text) });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(payload);
  });
}

// A whole identity plane for tests: built-in CA in a temporary folder, issuer, attestors, identity API on a free port.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Entitlement } from '../../src/control/entitlement.ts';
import type { AttestorDeps } from '../../src/identity/attestor/attestor.ts';
import type { AttestorOptions } from '../../src/identity/attestor/attestor-options.ts';
import { createAttestors } from '../../src/identity/attestor/catalog.ts';
import { createJoinTokenAttestor, type JoinTokenAttestor } from '../../src/identity/attestor/join-token.ts';
import { createNodeRegistry, type NodeRegistry } from '../../src/identity/attestor/node-registry.ts';
import { createEntitled } from '../../src/identity/entitled.ts';
import type { IssuancePolicy } from '../../src/identity/issuance-policy.ts';
import { createIssuer, type Issuer } from '../../src/identity/issuer.ts';
import { createJwtIssuer } from '../../src/identity/jwt/jwt-issuer.ts';
import { createJwtKeys } from '../../src/identity/jwt/jwt-keys.ts';
import { type OpenAuthority, openAuthority } from '../../src/identity/open-authority.ts';
import { createServerSvid, type ServerSvid } from '../../src/identity/server-svid.ts';
import { bundlePem, type TrustBundle } from '../../src/identity/trust-bundle.ts';
import type { AuthorityKind } from '../../src/identity/upstream-authority.ts';
import type { Exchanges } from '../../src/identity-api/exchanges.ts';
import type { Followed } from '../../src/identity-api/follow-routes.ts';
import { createIdentityApi, type IdentityApi } from '../../src/identity-api/identity-api.ts';
import type { CountersReceiver } from '../../src/identity-api/receive-counters.ts';
import type { LeaveReceiver } from '../../src/identity-api/receive-leave.ts';
import type { RefusedSvids } from '../../src/identity-api/refused-svids.ts';
import { type Clock, systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import type { Redacted } from '../../src/lib/redacted.ts';
import type { Table } from '../../src/lib/table.ts';
import { createWatched, type Watched } from '../../src/lib/watchable.ts';
import { type Evidence, tokenKey } from '../../src/model/evidence.ts';
import { parseSpiffeId, parseTrustDomain, type SpiffeId, type TrustDomain } from '../../src/model/spiffe-id.ts';
import { createMemoryTable } from './memory-table.ts';

export interface IdentityHarness {
  /** Temporary folder, removed by close(). */
  readonly dir: string;
  readonly authority: OpenAuthority;
  /** The authority's, and what a test makes of it. */
  readonly bundle: Watched<TrustBundle>;
  /** PEM of that bundle. */
  roots(): string;
  readonly issuer: Issuer;
  readonly nodes: NodeRegistry;
  readonly tokens: JoinTokenAttestor;
  readonly server: ServerSvid;
  /** What a host's helper says that it has. */
  readonly inUse: IdentityApi['inUse'];
  readonly address: { readonly host: string; readonly port: number };
  token(spiffeId: string, ttlMs?: number, uses?: number): Promise<Redacted<string>>;
  close(): Promise<void>;
}

export interface IdentityHarnessOptions {
  readonly clock?: Clock;
  readonly trustDomain?: string;
  readonly policy?: (spiffeId: SpiffeId) => IssuancePolicy | undefined;
  /** What documents give. Default: everyone, as `policy` says. */
  readonly entitlement?: (nodes: NodeRegistry) => Pick<Entitlement, 'identify' | 'policy'>;
  /** Default 0: a free one. */
  readonly port?: number;
  /** Takes reports of Envoy's counters. */
  readonly counters?: CountersReceiver;
  /** Takes goodbyes. */
  readonly leave?: LeaveReceiver;
  /** Default: the built-in one. */
  readonly ca?: AuthorityKind;
  readonly attestors?: AttestorOptions;
  /** What was used once. Default: in memory. */
  readonly tokens?: Table;
  /** Why evidence earns nothing. */
  readonly whyNot?: Entitlement['whyNot'];
  /** Told of the tokens of jobs. */
  readonly exchanges?: Exchanges;
  /** Told of who gets no SVID. */
  readonly refused?: RefusedSvids;
  /** Control planes of cells. Default: there are none. */
  readonly followed?: Followed;
}

const hour = 3_600_000;

export async function createIdentityHarness(options: IdentityHarnessOptions = {}): Promise<IdentityHarness> {
  const { clock = systemClock, policy = () => ({ lifetimeMs: hour, dnsNames: [] }), port = 0 } = options;
  const trustDomain = domainOf(options.trustDomain ?? 'td1');
  const dir = mkdtempSync(join(tmpdir(), 'cellwall-identity-'));
  const { ca } = options;
  const authority = await openAuthority(
    ca === undefined ? {} : { kind: 'test' },
    { dir: join(dir, 'ca'), trustDomain, clock, log: silentLog },
    ca === undefined ? undefined : { test: async () => ca },
  );
  const bundle = createWatched(authority.bundle.value());
  authority.bundle.watch(bundle.set);
  const nodes = createNodeRegistry({ nodes: createMemoryTable(), evicted: createMemoryTable(), clock });
  const { identify, policy: may } = options.entitlement?.(nodes) ?? {
    policy,
    identify: ({ values }: Evidence): SpiffeId => idOf(values[tokenKey] ?? ''),
  };
  const issued = createMemoryTable();
  const issuer = createIssuer({
    signer: authority.signer,
    trustDomain,
    policy: may,
    table: issued,
    clock,
    log: silentLog,
  });
  const attesting: AttestorDeps = {
    tokens: options.tokens ?? createMemoryTable(),
    nodes,
    clock,
    bundle,
    options: options.attestors ?? {},
    log: silentLog,
  };
  const attestors = await createAttestors(attesting);
  const server = await createServerSvid({ issuer, trustDomain, clock, log: silentLog });
  const tokens = createJoinTokenAttestor(attesting);
  const jwtKeys = await createJwtKeys({
    ...{ file: join(dir, 'jwt-keys.json'), table: createMemoryTable(), clock, log: silentLog },
  });
  const jwtIssuer = createJwtIssuer({
    keys: jwtKeys,
    entitled: createEntitled({ trustDomain, policy: may }),
    ...{ trustDomain, clock },
  });
  const api = createIdentityApi({
    jwt: { keys: jwtKeys, issuer: jwtIssuer },
    ...{ issuer, bundle, trustDomain, attestors, identify, nodes, server, clock, log: silentLog },
    ...(options.counters === undefined ? {} : { counters: options.counters }),
    ...(options.leave === undefined ? {} : { leave: options.leave }),
    ...{ whyNot: options.whyNot, refused: options.refused, exchanges: options.exchanges, followed: options.followed },
  });
  const address = await api.listen({ host: '127.0.0.1', port });
  return {
    dir,
    authority,
    bundle,
    roots: () => bundlePem(bundle.value()),
    issuer,
    nodes,
    tokens,
    server,
    inUse: api.inUse,
    address,
    token: async (spiffeId, ttlMs = hour, uses = 1) =>
      (await tokens.createJoinToken({ spiffeId: idOf(spiffeId), ttlMs, uses })).token,
    async close() {
      jwtKeys.close();
      await api.close();
      server.close();
      await authority.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

export function idOf(text: string): SpiffeId {
  const id = parseSpiffeId(text);
  if (id === undefined) throw new Error(`no SPIFFE ID: ${text}`);
  return id;
}

export function domainOf(text: string): TrustDomain {
  const domain = parseTrustDomain(text);
  if (domain === undefined) throw new Error(`no trust domain: ${text}`);
  return domain;
}

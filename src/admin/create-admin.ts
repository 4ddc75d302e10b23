// The admin API over the running parts. It opens before the rest; what is not there yet answers `unavailable`.

import type { AuditLog } from '../audit/audit-log.ts';
import type { Control } from '../control/control.ts';
import type { Entitlement } from '../control/entitlement.ts';
import type { Hosts } from '../control/hosts.ts';
import { becomesStrict } from '../cutover/becomes-strict.ts';
import type { CutOver } from '../cutover/cut-over.ts';
import type { EndpointWatch } from '../cutover/endpoint-watch.ts';
import type { AttestedLog } from '../identity/attested-log.ts';
import type { JoinTokenAttestor } from '../identity/attestor/join-token.ts';
import type { ForeignBundles } from '../identity/federation/foreign-bundles.ts';
import type { Issuer } from '../identity/issuer.ts';
import type { IssuedJwt } from '../identity/jwt/issued-jwts.ts';
import type { MeshKeys } from '../identity/jwt/mesh-keys.ts';
import type { Publishers } from '../identity/publisher/publishers.ts';
import type { Clock } from '../lib/clock.ts';
import type { Countdown } from '../lib/countdown.ts';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Redacted } from '../lib/redacted.ts';
import type { SpiffeId } from '../model/spiffe-id.ts';
import type { Coverage } from '../observe/coverage.ts';
import type { CrossCheck } from '../observe/cross-check.ts';
import type { Handshakes } from '../observe/handshakes.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { Refusals } from '../observe/refusals.ts';
import { rollUp } from '../observe/roll-up.ts';
import type { Traffic } from '../observe/traffic.ts';
import type { MeshIr } from '../policy/ir.ts';
import type { ProxyStatus } from '../registry/proxy-status.ts';
import { createReports } from '../report/reports.ts';
import type { ReadSignals } from '../signals/read-signals.ts';
import type { Store } from '../store/store.ts';
import { type AdminApi, createAdminApi } from './admin-api.ts';
import { answerExplain, serviceIdentity } from './answer-explain.ts';
import { answerExplainRequest } from './answer-explain-request.ts';
import type { AdminDeps, BansAdmin, ChangeLimits } from './deps.ts';
import type { RootsAdmin } from './deps-ca.ts';
import { createEarnedToken } from './earned-token.ts';
import { createEdgeEverywhere, createRefusalsEverywhere, type OtherReplicas } from './everywhere.ts';
import { createHeldChanges } from './held-changes.ts';
import { createLogLevelsEverywhere, type SetLogLevels } from './log-levels-everywhere.ts';
import type { NamedTokens } from './named-tokens.ts';
import type { AdminOidcOptions } from './oidc/admin-oidc-options.ts';
import type { PageFiles } from './page/page-files.ts';
import { readiness } from './readiness.ts';
import { createRefusedSvidsEverywhere } from './refused-svids-everywhere.ts';
import { createRotateEverywhere } from './rotate-everywhere.ts';
import { whyNoMesh } from './why-no-mesh.ts';
import type { Explanation } from './wire.ts';
import type { IssuedCertificate } from './wire-certificates.ts';
import type { MissingCredential } from './wire-credentials.ts';
import type { FollowerAnswer, ParentAnswer } from './wire-following.ts';
import type { RefusedSvidRow } from './wire-refused-svids.ts';
import { withEnforcement } from './with-enforcement.ts';

export interface RunningParts {
  readonly control: Control;
  /** Its proxies and those of other replicas, with what each has accepted. */
  everywhere(): Promise<readonly ProxyStatus[]>;
  readonly identity: {
    readonly entitlement: Pick<Entitlement, 'knows' | 'takesToken'>;
    readonly tokens: Pick<JoinTokenAttestor, 'createJoinToken' | 'list' | 'revoke'>;
    readonly attested: Pick<AttestedLog, 'list'>;
    readonly jwt: { list(): Promise<readonly IssuedJwt[]> };
    readonly issuer: Pick<Issuer, 'issue'>;
    readonly refusedSvids: { list(): readonly RefusedSvidRow[] };
  };
  /** New certificates now for the proxies whose streams are here: of one identity, or all. Resolves with how many. */
  readonly rotate: (spiffeId?: SpiffeId) => Promise<number>;
  readonly logLevels: SetLogLevels;
  readonly cutOver: CutOver;
  readonly endpoints: Pick<EndpointWatch, 'of'>;
  readonly hosts: Hosts;
  readonly bans: BansAdmin;
  missingCredentials(): readonly MissingCredential[];
  readonly issuerKeys: Pick<MeshKeys, 'status'>;
  readonly federation: Pick<ForeignBundles, 'status'>;
  readonly publishers: Pick<Publishers, 'status'>;
  readonly roots?: RootsAdmin;
  /** The control plane that this one follows. */
  readonly parent?: () => ParentAnswer;
  /** Control planes that follow this one. */
  readonly followers?: () => readonly FollowerAnswer[];
  /** Proxies that disappeared without a goodbye, and are missed. */
  away(): readonly ProxyStatus[];
  /** With what else is known here of a proxy: of its host, and of its applications. */
  also(proxy: ProxyStatus): ProxyStatus;
  certificates(): Promise<readonly IssuedCertificate[]>;
}

export interface AdminParts {
  /** What ends one day. */
  readonly countdowns: () => readonly Countdown[];
  readonly store: Store;
  readonly audit: AuditLog;
  readonly coverage: Coverage;
  readonly crossCheck: Pick<CrossCheck, 'of'>;
  readonly metrics: Metrics;
  readonly traffic: Traffic;
  readonly handshakes: Pick<Handshakes, 'failed'>;
  readonly signals: ReadSignals;
  readonly refusals: Refusals;
  readonly clock: Clock;
  readonly log: Log;
  readonly version: string;
  readonly token: Redacted<string>;
  readonly namedTokens: NamedTokens;
  readonly claim: () => () => void;
  /** Whether somebody may approve what they wrote themselves. */
  readonly approveOwn: boolean;
  /** What a change may make without being confirmed. */
  readonly limits?: ChangeLimits;
  readonly traces: AdminDeps['traces'] | undefined;
  /** Control planes that share the store. */
  readonly others: OtherReplicas | undefined;
  /** Reads what they heard up to now; resolves with those that do not tell. */
  readonly refresh?: () => Promise<readonly string[]>;
  /** Why it takes no new streams, as others can reach the store and it cannot. */
  readonly isolated?: () => string | undefined;
  /** The page in a browser. Absent: it is not served. */
  readonly page?: PageFiles;
  /** Who signs in to it by OpenID Connect. Absent: nobody. */
  readonly oidc?: AdminOidcOptions;
}

export interface Admin {
  readonly api: AdminApi;
  /** There is a Mesh document: the rest is starting. */
  starting(): void;
  /** The rest is running. */
  attach(parts: RunningParts): void;
}

/** Until `attach`, routes that need the running parts answer `unavailable`, with the reason. */
export function createAdmin(given: AdminParts): Admin {
  const { store, audit, coverage, crossCheck, metrics, traffic, refusals, clock, log, version, token } = given;
  const startedAt = clock.now();
  let parts: RunningParts | undefined;
  let starting = false;
  const running = (): RunningParts => {
    if (parts === undefined) {
      throw starting
        ? new CellwallError('unavailable', 'the control plane is starting', { hint: 'try again in a moment' })
        : new CellwallError('unavailable', `the control plane is not serving: ${whyNoMesh(store)}`, {
            hint: store.problems().length > 0 ? '"cellwall status" shows every problem' : 'apply one',
          });
    }
    return parts;
  };
  const mesh = (): MeshIr => {
    const found = running().control.mesh();
    if (found === undefined) throw new CellwallError('unavailable', 'no documents are in force yet');
    return found;
  };
  const enforced = async (answer: Explanation): Promise<Explanation> => {
    const { control, everywhere } = running();
    return withEnforcement(answer, { ...control, proxies: await everywhere() });
  };
  const refused = createRefusalsEverywhere(given.others, refusals.find);
  const api = createAdminApi({
    store,
    clock,
    token,
    namedTokens: given.namedTokens,
    claim: given.claim,
    ...defined({ limits: given.limits, traces: given.traces }),
    log: log.child({ room: 'admin' }),
    explain: async (query) => enforced(answerExplain(mesh(), query)),
    explainRequest: async (id) => enforced(answerExplainRequest(mesh(), await refused(id), id)),
    edge: createEdgeEverywhere(given.others, refusals.about),
    ...defined({ others: given.others }),
    audit,
    record: { calls: traffic.calls, coverage: coverage.of, ...defined({ refresh: given.refresh }) },
    crossChecked: crossCheck.of,
    endpoints: (service) => parts?.endpoints.of(service) ?? [],
    held: createHeldChanges({ table: store.table('held'), clock }),
    approveOwn: given.approveOwn,
    cutOver: {
      services: becomesStrict,
      judge: async (before, after, windowMs) => running().cutOver.judge(before, after, windowMs),
    },
    proxies: () => (parts === undefined ? [] : [...parts.control.proxies().map(parts.also), ...parts.away()]),
    sentTo: (node) => running().control.sentTo(node),
    missingCredentials: () => parts?.missingCredentials() ?? [],
    issuerKeys: () => parts?.issuerKeys.status() ?? [],
    foreignBundles: () => parts?.federation.status() ?? [],
    countdowns: given.countdowns,
    publishers: () => parts?.publishers.status() ?? [],
    ca: () => parts?.roots,
    parent: () => parts?.parent?.(),
    followers: () => parts?.followers?.() ?? [],
    traffic: () => rollUp(traffic.counts()),
    handshakes: () => given.handshakes.failed(),
    signals: given.signals,
    reports: createReports({
      ...{ traffic, coverage, handshakes: given.handshakes, refresh: given.refresh, version, clock },
      issuer: () => running().identity.issuer,
      inForce: () => ({ mesh: mesh(), revision: running().control.revision() ?? 0 }),
    }),
    tokens: {
      create: async (request) => createEarnedToken(running().identity, request),
      list: async () => running().identity.tokens.list(),
      revoke: async (id) => running().identity.tokens.revoke(id),
    },
    hosts: {
      list: async () => running().hosts.list(),
      history: async () => running().identity.attested.list(),
      evict: async (target) => running().hosts.evict(target),
    },
    bans: {
      list: () => parts?.bans.list() ?? [],
      waiting: async () => parts?.bans.waiting() ?? [],
      ban: async (query, order) => running().bans.ban(query, order),
      lift: async (query) => running().bans.lift(query),
    },
    certificates: () => running().certificates(),
    jwtSvids: () => running().identity.jwt.list(),
    refusedSvids: createRefusedSvidsEverywhere(given.others, () => parts?.identity.refusedSvids.list() ?? []),
    logLevels: createLogLevelsEverywhere(given.others, async (wanted) => running().logLevels(wanted)),
    rotate: createRotateEverywhere(given.others, async (spiffeId) => running().rotate(spiffeId)),
    metrics: (named) => metrics.text(named),
    ready() {
      const documents = parts === undefined ? undefined : parts.control.mesh() !== undefined;
      return readiness({ store, isolated: given.isolated, starting, ...defined({ documents }) });
    },
    published: () => parts?.control.published(),
    ...defined({ page: given.page, oidc: given.oidc }),
    resolveService: (ref) => serviceIdentity(mesh(), ref),
    status() {
      const trustDomain = parts?.control.mesh()?.trustDomain;
      return { version, startedAt, problems: [], ...defined({ trustDomain }) };
    },
  });
  return {
    api,
    starting() {
      starting = true;
    },
    attach(running) {
      parts = running;
    },
  };
}

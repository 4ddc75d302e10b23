// A typed client of the admin API, used by the command line. Only Node's own https, so that it loads fast.

import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Problem } from '../model/problem.ts';
import { type Credential, createExchange, type Waited } from './exchange.ts';
import { errorCode, parseJson, textsOf } from './read-answer.ts';
import type { SvidCredential } from './svid-tls.ts';
import { type TokenSource, tokenRefused } from './token-refused.ts';
import type {
  ApplyAnswer,
  ApplyBody,
  DiffAnswer,
  DiffBody,
  DocumentAnswer,
  DocumentsAnswer,
  ErrorBody,
  ExplainQuery,
  Explanation,
  RollbackBody,
  SimulateBody,
  StatusAnswer,
  TrafficAnswer,
} from './wire.ts';
import type { NamedTokenAnswer, NamedTokenBody, NamedTokensAnswer, RevokeTokenAnswer } from './wire-access.ts';
import type { BanAnswer, BanBody, BansAnswer, LiftAnswer } from './wire-bans.ts';
import type { CaAnswer, RotateRootBody } from './wire-ca.ts';
import type { CertificatesAnswer, CertificatesQuery } from './wire-certificates.ts';
import type { DiagnosisAnswer, DoctorQuery, MeshDiagnosisAnswer } from './wire-doctor.ts';
import type { LogLevelsAnswer, LogLevelsBody, SentAnswer } from './wire-envoy.ts';
import type { EvictAnswer, HostHistoryAnswer, HostsAnswer } from './wire-hosts.ts';
import type { KnownTokenAnswer, RotateAnswer, TokenAnswer, TokenBody, TokensAnswer } from './wire-identity.ts';
import type { JwtSvidsAnswer, JwtSvidsQuery } from './wire-jwt-svids.ts';
import type { ProxiesAnswer } from './wire-proxies.ts';
import type { AuditAnswer, CheckpointsAnswer, CutOverRow, HistoryAnswer, SimulationAnswer } from './wire-record.ts';
import type { RefusedSvidsAnswer } from './wire-refused-svids.ts';
import type { MtlsReportAnswer } from './wire-report.ts';
import type { ServicesAnswer } from './wire-services.ts';
import type { SessionCodeAnswer } from './wire-session.ts';
import type { SignalsAnswer, SignalsQueryFields } from './wire-signals.ts';
import type { TroublesAnswer } from './wire-troubles.ts';
import type { ApproveBody, RejectAnswer, RejectBody, WaitingAnswer } from './wire-waiting.ts';

/** Why, for the history and the audit log. */
interface Reasoned {
  readonly reason?: string;
}

export interface AdminClient {
  documents(kind?: string): Promise<DocumentsAnswer>;
  document(key: string): Promise<DocumentAnswer>;
  apply(body: ApplyBody): Promise<ApplyAnswer | InvalidAnswer>;
  /** Back to an earlier revision. */
  rollback(body: RollbackBody): Promise<ApplyAnswer | InvalidAnswer>;
  diff(body: DiffBody): Promise<DiffAnswer | InvalidAnswer>;
  simulate(body: SimulateBody): Promise<SimulationAnswer | InvalidAnswer>;
  history(): Promise<HistoryAnswer>;
  /** What waits for approval. */
  waiting(): Promise<WaitingAnswer>;
  approve(body: ApproveBody): Promise<ApplyAnswer | InvalidAnswer>;
  reject(body: RejectBody): Promise<RejectAnswer>;
  /** `all`: also what is recorded all the time. */
  audit(last?: number, all?: boolean): Promise<AuditAnswer>;
  auditCheckpoints(): Promise<CheckpointsAnswer>;
  status(): Promise<StatusAnswer>;
  services(): Promise<ServicesAnswer>;
  proxies(): Promise<ProxiesAnswer>;
  /** Has that proxy log something else for a while. */
  logLevels(body: LogLevelsBody): Promise<LogLevelsAnswer>;
  /** What that proxy was sent. */
  envoy(proxy: string): Promise<SentAnswer>;
  traffic(): Promise<TrafficAnswer>;
  /** How calls went. */
  signals(wanted?: SignalsQueryFields): Promise<SignalsAnswer>;
  /** The mTLS coverage since then (`30d`), signed. */
  mtlsReport(since: string): Promise<MtlsReportAnswer>;
  explain(query: ExplainQuery): Promise<Explanation>;
  explainRequest(id: string): Promise<Explanation>;
  /** What is wrong with the calls of one caller to one service. */
  doctor(query: DoctorQuery): Promise<DiagnosisAnswer>;
  /** What the page shows: which edges fail, and why. */
  troubles(): Promise<TroublesAnswer>;
  /** What is wrong in the whole mesh. */
  doctorMesh(): Promise<MeshDiagnosisAnswer>;
  createToken(body: TokenBody): Promise<TokenAnswer>;
  tokens(): Promise<TokensAnswer>;
  revokeToken(id: string, why?: Reasoned): Promise<KnownTokenAnswer>;
  certificates(wanted?: CertificatesQuery): Promise<CertificatesAnswer>;
  jwtSvids(wanted?: JwtSvidsQuery): Promise<JwtSvidsAnswer>;
  /** Who asked for an SVID and got none. */
  refusedSvids(): Promise<RefusedSvidsAnswer>;
  /** For one identity, or all. */
  rotate(selector?: string, why?: Reasoned): Promise<RotateAnswer>;
  ca(): Promise<CaAnswer>;
  rotateRoot(body: RotateRootBody): Promise<CaAnswer>;
  abortRotation(why?: Reasoned): Promise<CaAnswer>;
  hosts(): Promise<HostsAnswer>;
  hostHistory(): Promise<HostHistoryAnswer>;
  evict(target: string, why?: Reasoned): Promise<EvictAnswer>;
  bans(): Promise<BansAnswer>;
  ban(body: BanBody): Promise<BanAnswer>;
  unban(body: BanBody): Promise<LiftAnswer>;
  /** Signs a browser in, once. */
  sessionCode(): Promise<SessionCodeAnswer>;
  namedTokens(): Promise<NamedTokensAnswer>;
  createNamedToken(body: NamedTokenBody): Promise<NamedTokenAnswer>;
  revokeNamedToken(name: string, why?: Reasoned): Promise<RevokeTokenAnswer>;
}

export type AdminClientOptions = {
  /** `127.0.0.1:18080`, `http://127.0.0.1:18080`, `unix:/path`; or `https://…` for its TLS port, or a server in front of it. */
  readonly url: string;
  /** For one request, plus 20 s for each MiB of it. Default 30 s. */
  readonly timeoutMs?: number;
  /** Of W3C Trace Context: changes are traced as a part of that. */
  readonly traceparent?: string;
  /** Called while an answer takes longer than a moment. */
  readonly onWait?: (waited: Waited) => void;
  /** Called with every answer that is a success, before anybody reads it. */
  readonly onAnswer?: (host: string) => void;
} & (TokenSource | { readonly svid: SvidCredential });

/**
 * Documents that the server refused, with every problem (`invalid_documents`); a change that is held until it is confirmed, with the
 * reasons as problems (`failed_precondition`); or, without problems, one that the gate refused for its `reasons`.
 */
export interface InvalidAnswer {
  readonly kind: 'invalid';
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly problems: readonly Problem[];
  readonly reasons?: readonly CutOverRow[];
}

/**
 * Answers that are errors are thrown as CellwallErrors, except for problems of documents and reasons of the gate,
 * which are returned.
 */
export function createAdminClient({
  url,
  timeoutMs = 30_000,
  traceparent,
  onWait,
  onAnswer = () => {},
  ...given
}: AdminClientOptions): AdminClient {
  const credential: Credential = 'svid' in given ? { kind: 'svid', ...given.svid } : { kind: 'token', ...given };
  const exchange = createExchange({ url, credential, timeoutMs, ...defined({ traceparent, onWait }) });
  const send = async <T>(method: 'GET' | 'POST', path: string, body?: object): Promise<T | InvalidAnswer> => {
    const { status, text } = await exchange.send(method, path, body);
    const value = parseJson(text, exchange.host, status);
    onAnswer(exchange.host);
    // The server's answers are generated from the same schemas as these types. Whoever reads another's meets its fault there.
    if (status >= 200 && status < 300) return value as T;
    const { problems, reasons }: Partial<ErrorBody> = value;
    const { code, message, hint } = textsOf(value, `the control plane answered ${status}`);
    // Written by the server from model/problem's own type.
    if (Array.isArray(problems)) {
      const found = problems as readonly Problem[];
      return { kind: 'invalid', code: code ?? 'invalid_documents', message, problems: found, ...defined({ hint }) };
    }
    if (Array.isArray(reasons)) {
      return {
        kind: 'invalid',
        code: 'failed_precondition',
        message,
        problems: [],
        reasons,
        ...defined({ hint }),
      };
    }
    const known = errorCode(code) ?? 'unavailable';
    if (known === 'unauthenticated' && credential.kind === 'token' && credential.tokenFrom !== undefined) {
      throw tokenRefused(exchange.host, credential);
    }
    const look = known === 'internal' ? 'the log of the control plane says why' : undefined;
    throw new CellwallError(known, message, defined({ hint: hint ?? look }));
  };
  const call = async <T extends object>(method: 'GET' | 'POST', path: string, body?: object): Promise<T> => {
    const answer = await send<T>(method, path, body);
    if ('problems' in answer && 'kind' in answer && answer.kind === 'invalid') {
      throw new CellwallError('unavailable', `${exchange.host} answered what nobody asked: ${answer.message}`, {
        hint: 'is it a control plane, and of this version?',
      });
    }
    return answer as T;
  };
  const query = (fields: Readonly<Record<string, string | undefined>>): string => {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(fields)) if (value !== undefined) search.set(name, value);
    return search.size === 0 ? '' : `?${search}`;
  };
  return {
    documents: (kind) => call('GET', `/v1/documents${query({ kind })}`),
    document: (key) => call('GET', `/v1/documents/${key.split('/').map(encodeURIComponent).join('/')}`),
    apply: (body) => send('POST', '/v1/apply', body),
    rollback: (body) => send('POST', '/v1/rollback', body),
    diff: (body) => send('POST', '/v1/diff', body),
    simulate: (body) => send('POST', '/v1/simulate', body),
    history: () => call('GET', '/v1/history'),
    waiting: () => call('GET', '/v1/waiting'),
    approve: (body) => send('POST', '/v1/waiting/approve', body),
    reject: (body) => call('POST', '/v1/waiting/reject', body),
    audit: (last, all) =>
      call('GET', `/v1/audit${query({ last: last?.toString(), all: all === true ? 'yes' : undefined })}`),
    auditCheckpoints: () => call('GET', '/v1/audit/checkpoints'),
    status: () => call('GET', '/v1/status'),
    services: () => call('GET', '/v1/services'),
    proxies: () => call('GET', '/v1/proxies'),
    logLevels: (body) => call('POST', '/v1/envoy/log-levels', body),
    envoy: (proxy) => call('GET', `/v1/envoy${query({ proxy })}`),
    traffic: () => call('GET', '/v1/traffic'),
    signals: (wanted = {}) => call('GET', `/v1/signals${query({ ...wanted })}`),
    mtlsReport: (since) => call('GET', `/v1/reports/mtls${query({ since })}`),
    explain: (fields) => call('GET', `/v1/explain${query({ ...fields })}`),
    doctor: (asked) => call('GET', `/v1/doctor${query({ ...asked })}`),
    troubles: () => call('GET', '/v1/troubles'),
    doctorMesh: () => call('GET', '/v1/doctor/mesh'),
    explainRequest: (request) => call('GET', `/v1/explain${query({ request })}`),
    createToken: (body) => call('POST', '/v1/tokens', body),
    tokens: () => call('GET', '/v1/tokens'),
    revokeToken: (id, why) => call('POST', '/v1/tokens/revoke', { id, ...why }),
    jwtSvids: (wanted = {}) => call('GET', `/v1/jwt-svids${query({ ...wanted })}`),
    refusedSvids: () => call('GET', '/v1/refused-svids'),
    certificates: (wanted = {}) => call('GET', `/v1/certificates${query({ ...wanted })}`),
    ca: () => call('GET', '/v1/ca'),
    rotateRoot: (body) => call('POST', '/v1/ca/rotate', body),
    abortRotation: (why) => call('POST', '/v1/ca/rotate/abort', { ...why }),
    hosts: () => call('GET', '/v1/hosts'),
    hostHistory: () => call('GET', '/v1/hosts/history'),
    evict: (target, why) => call('POST', '/v1/hosts/evict', { target, ...why }),
    bans: () => call('GET', '/v1/bans'),
    ban: (body) => call('POST', '/v1/bans', body),
    unban: (body) => call('POST', '/v1/bans/lift', body),
    rotate: (selector, why) => call('POST', '/v1/certificates/rotate', { ...defined({ selector }), ...why }),
    sessionCode: () => call('POST', '/v1/session/code', {}),
    namedTokens: () => call('GET', '/v1/admin-tokens'),
    createNamedToken: (body) => call('POST', '/v1/admin-tokens', body),
    revokeNamedToken: (name, why) => call('POST', '/v1/admin-tokens/revoke', { name, ...why }),
  };
}

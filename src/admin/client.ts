// The admin API from the outside, typed: what the command line uses. Node's own http only, so that it loads at once.
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { CellwallError, type ErrorCode } from '../lib/errors.ts';
import { isLoopback } from '../lib/loopback.ts';
import type { Redacted } from '../lib/redacted.ts';
import type { Problem } from '../model/problem.ts';
import type {
  ApplyAnswer,
  ApplyBody,
  CertificatesAnswer,
  DiffAnswer,
  DiffBody,
  DocumentAnswer,
  DocumentsAnswer,
  ErrorBody,
  ExplainQuery,
  Explanation,
  ProxiesAnswer,
  RollbackBody,
  RotateAnswer,
  SimulateBody,
  StatusAnswer,
  TokenAnswer,
  TokenBody,
  TrafficAnswer,
} from './wire.ts';
import type { AuditAnswer, CutOverRow, HistoryAnswer, SimulationAnswer } from './wire-record.ts';
import type { ServicesAnswer } from './wire-services.ts';

export interface AdminClient {
  documents(kind?: string): Promise<DocumentsAnswer>;
  document(key: string): Promise<DocumentAnswer>;
  apply(body: ApplyBody): Promise<ApplyAnswer | InvalidAnswer>;
  /** Back to an earlier revision. */
  rollback(body: RollbackBody): Promise<ApplyAnswer | InvalidAnswer>;
  diff(body: DiffBody): Promise<DiffAnswer | InvalidAnswer>;
  simulate(body: SimulateBody): Promise<SimulationAnswer | InvalidAnswer>;
  history(): Promise<HistoryAnswer>;
  audit(last?: number): Promise<AuditAnswer>;
  status(): Promise<StatusAnswer>;
  services(): Promise<ServicesAnswer>;
  proxies(): Promise<ProxiesAnswer>;
  traffic(): Promise<TrafficAnswer>;
  explain(query: ExplainQuery): Promise<Explanation>;
  explainRequest(id: string): Promise<Explanation>;
  createToken(body: TokenBody): Promise<TokenAnswer>;
  certificates(): Promise<CertificatesAnswer>;
  rotate(selector?: string): Promise<RotateAnswer>;
}

export interface AdminClientOptions {
  /** `http://127.0.0.1:18080`, or `https://…`. */
  readonly url: string;
  readonly token: Redacted<string>;
  /** Where the token was found: told when it is refused. */
  readonly tokenFrom?: string;
  /** For one request. Default 30 s. */
  readonly timeoutMs?: number;
}

/** Documents that the server refused, with every problem; or, without any, those that the gate refused for its reasons. */
export interface InvalidAnswer {
  readonly kind: 'invalid';
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly problems: readonly Problem[];
  readonly reasons?: readonly CutOverRow[];
}

const maxAnswerBytes = 64 * 1024 * 1024;

export function createAdminClient({ url, token, tokenFrom, timeoutMs = 30_000 }: AdminClientOptions): AdminClient {
  const base = readUrl(url);
  const send = async <T>(method: 'GET' | 'POST', path: string, body?: object): Promise<T | InvalidAnswer> => {
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const { status, text } = await exchange(base, timeoutMs, payload, {
      method,
      path,
      headers: {
        accept: 'application/json',
        authorization: `Bearer ${token.reveal()}`,
        ...(payload === undefined ? {} : { 'content-type': 'application/json', 'content-length': payload.length }),
      },
    });
    const value = parseJson(text, base, status);
    // The server's answers are made from the same schemas as these types.
    if (status >= 200 && status < 300) return value as T;
    const {
      code,
      message = `the control plane answered ${status}`,
      hint,
      problems,
      reasons,
    } = value as Partial<ErrorBody>;
    // Written by the server from model/problem's own type.
    if (problems !== undefined) {
      return { kind: 'invalid', code: 'invalid_documents', message, problems: problems as readonly Problem[] };
    }
    if (reasons !== undefined) {
      return {
        kind: 'invalid',
        code: 'failed_precondition',
        message,
        problems: [],
        reasons,
        ...(hint === undefined ? {} : { hint }),
      };
    }
    const known = code !== undefined && Object.hasOwn(codes, code) ? (code as ErrorCode) : 'internal';
    if (known === 'unauthenticated' && tokenFrom !== undefined) {
      throw new CellwallError(known, `${base.host} does not take the token of ${tokenFrom}`, {
        hint: 'the right one is in admin.token in the data directory of that control plane ("cellwall serve" prints where): give it with --admin-token-file, or the directory with --data',
      });
    }
    throw new CellwallError(known, message, hint === undefined ? {} : { hint });
  };
  const call = async <T extends object>(method: 'GET' | 'POST', path: string, body?: object): Promise<T> => {
    const answer = await send<T>(method, path, body);
    if ('problems' in answer && 'kind' in answer && answer.kind === 'invalid') {
      throw new CellwallError('internal', answer.message);
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
    audit: (last) => call('GET', `/v1/audit${query({ last: last?.toString() })}`),
    status: () => call('GET', '/v1/status'),
    services: () => call('GET', '/v1/services'),
    proxies: () => call('GET', '/v1/proxies'),
    traffic: () => call('GET', '/v1/traffic'),
    explain: (fields) => call('GET', `/v1/explain${query({ ...fields })}`),
    explainRequest: (request) => call('GET', `/v1/explain${query({ request })}`),
    createToken: (body) => call('POST', '/v1/tokens', body),
    certificates: () => call('GET', '/v1/certificates'),
    rotate: (selector) => call('POST', '/v1/certificates/rotate', selector === undefined ? {} : { selector }),
  };
}

function readUrl(text: string): URL {
  if (!text.includes('://') && !/^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):\d{1,5}$/.test(text)) {
    throw new CellwallError('invalid_argument', `not host:port: ${JSON.stringify(text)}`, {
      hint: '--admin (CELLWALL_ADMIN) is the address of an admin API, as in 127.0.0.1:18080 or https://cellwall.example:18080',
    });
  }
  const url = URL.parse(text.includes('://') ? text : `http://${text}`);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new CellwallError('invalid_argument', `not an address of an admin API: ${text}`, {
      hint: 'as in 127.0.0.1:18080 or https://cellwall.example:18080',
    });
  }
  const host = url.hostname.replaceAll(/[[\]]/g, '');
  if (url.protocol === 'http:' && !isLoopback(host)) {
    throw new CellwallError('invalid_argument', `the token is not sent to ${url.host} without TLS`, {
      hint: 'use https://, or run the command on the host of the control plane',
    });
  }
  return url;
}

async function exchange(
  base: URL,
  timeoutMs: number,
  payload: Buffer | undefined,
  options: RequestOptions,
): Promise<{ readonly status: number; readonly text: string }> {
  const open = base.protocol === 'https:' ? (await import('node:https')).request : httpRequest;
  const host = base.hostname.replaceAll(/[[\]]/g, '');
  const port = base.port === '' ? (base.protocol === 'https:' ? 443 : 80) : Number(base.port);
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = open({ ...options, host, port, signal, agent: false }, resolve);
      request.on('error', reject);
      request.end(payload);
    });
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxAnswerBytes) throw new Error('the answer is too large');
      chunks.push(chunk);
    }
    return { status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') };
  } catch (cause) {
    if (signal.aborted) {
      throw new CellwallError('deadline_exceeded', `${base.host} did not answer within ${timeoutMs} ms`, { cause });
    }
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new CellwallError('unavailable', `cannot reach the control plane at ${base.host} (${code})`, {
      hint: 'start it with "cellwall serve", or name its admin address with --admin (CELLWALL_ADMIN)',
      cause,
    });
  }
}

function parseJson(text: string, base: URL, status: number): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CellwallError('unavailable', `${base.host} answered ${status}, and not as an admin API does`, {
      hint: 'check the address given with --admin (CELLWALL_ADMIN)',
      cause,
    });
  }
}

const codes: Readonly<Record<ErrorCode, true>> = {
  invalid_argument: true,
  not_found: true,
  already_exists: true,
  permission_denied: true,
  unauthenticated: true,
  failed_precondition: true,
  resource_exhausted: true,
  aborted: true,
  unavailable: true,
  deadline_exceeded: true,
  unimplemented: true,
  internal: true,
};

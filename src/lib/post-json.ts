// JSON to a collector of somebody else's: webhooks, and whatever speaks OpenTelemetry.
import { readFileSync } from 'node:fs';
import { boundedCall } from './bounded-call.ts';
import { defined } from './defined.ts';
import { CellwallError } from './errors.ts';

export interface Collector {
  readonly url: string;
  /** PEM. Default: the system's roots. */
  readonly caFile?: string | undefined;
  /** A bearer token. */
  readonly tokenFile?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** Returns its answer. Files are read each time: they may be exchanged. Throws what logs may show, as `boundedCall` does. */
export async function postJson(collector: Collector, who: string, body: string): Promise<string> {
  const { url, caFile, tokenFile, timeoutMs, signal } = collector;
  const token = tokenFile === undefined ? undefined : readCollectorFile(tokenFile).trim();
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) {
    throw new CellwallError('failed_precondition', `${tokenFile} does not hold a token`);
  }
  const headers = {
    ...collector.headers,
    'content-type': 'application/json',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
  const ca = caFile === undefined ? undefined : readCollectorFile(caFile);
  return boundedCall({ who, url, method: 'POST', headers, body, ...defined({ ca, timeoutMs, signal }) });
}

export function readCollectorFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new CellwallError('unavailable', `cannot read ${file}: ${CellwallError.from(cause).message}`, { cause });
  }
}

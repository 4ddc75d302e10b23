// Records as an array, in one POST: whoever receives it answers 2xx when it has them. Other collectors are sent JSON in the same way.
import { readFileSync } from 'node:fs';
import { boundedCall } from '../../lib/bounded-call.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { AuditSink } from '../sink.ts';
import type { SinkOptionsOf } from '../sinks-file.ts';

export function createWebhookSink(options: SinkOptionsOf<'webhook'>, { id }: { readonly id: string }): AuditSink {
  return {
    async send(records) {
      const lines = records.map(({ line }) => line).join(',');
      await postJson(options, 'the webhook', `{"log":${JSON.stringify(id)},"records":[${lines}]}`);
    },
  };
}

export interface Collector {
  readonly url: string;
  readonly caFile?: string | undefined;
  readonly tokenFile?: string | undefined;
}

/** Its files are read each time: they may be exchanged. Throws what logs may show. */
export async function postJson({ url, caFile, tokenFile }: Collector, who: string, body: string): Promise<string> {
  const token = tokenFile === undefined ? undefined : read(tokenFile).trim();
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) {
    throw new CellwallError('failed_precondition', `${tokenFile} does not hold a token`);
  }
  const headers = {
    'content-type': 'application/json',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
  const ca = caFile === undefined ? {} : { ca: read(caFile) };
  return boundedCall({ who, url, method: 'POST', headers, body, ...ca });
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new CellwallError('unavailable', `cannot read ${file}: ${CellwallError.from(cause).message}`, { cause });
  }
}

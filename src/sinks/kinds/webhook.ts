// Records as an array, in one POST: whoever receives it answers 2xx when it has them.
import { postJson } from '../../lib/post-json.ts';
import type { AuditSink } from '../sink.ts';
import type { SinkOptionsOf } from '../sinks-file.ts';

export function createWebhookSink(options: SinkOptionsOf<'webhook'>, { id }: { readonly id: string }): AuditSink {
  return {
    async send(records, signal) {
      const lines = records.map(({ line }) => line).join(',');
      await postJson({ ...options, signal }, 'the webhook', `{"log":${JSON.stringify(id)},"records":[${lines}]}`);
    },
  };
}

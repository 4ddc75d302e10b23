// The kinds of sinks. Each is loaded only if it is used.
import type { AuditSink, SinkDeps } from './sink.ts';
import type { SinkOptions } from './sinks-file.ts';

/** Throws `invalid_argument` for what cannot be right. Whether a place can be reached is found out by `send`. */
export async function createSink(options: SinkOptions, deps: SinkDeps): Promise<AuditSink> {
  switch (options.kind) {
    case 'file':
      return (await import('./kinds/file.ts')).createFileSink(options);
    case 'stdout':
      return (await import('./kinds/file.ts')).createStdoutSink();
    case 'redis':
      return (await import('./kinds/redis.ts')).createRedisSink(options, deps);
    case 'otlp':
      return (await import('./kinds/otlp.ts')).createOtlpSink(options, deps);
    case 'webhook':
      return (await import('./kinds/webhook.ts')).createWebhookSink(options, deps);
    default:
      return options satisfies never;
  }
}

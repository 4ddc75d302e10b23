// Says at the start of a sidecar that its application speaks TLS: Envoy would speak HTTP to it in plaintext, and every call would fail
// with a 503 that names no cause. One hello, once the application is there; nothing is verified, and nothing sent after it.
import type { Log } from '../lib/log.ts';
import { type ApplicationAddress, formatApplication } from './application-address.ts';
import { pause } from './pause.ts';

export interface WarnOfTlsOptions {
  readonly application: ApplicationAddress;
  readonly log: Log;
  /** Ends the wait for the application. */
  readonly signal: AbortSignal;
  /** Between two looks at an application that is not there yet. Default 1 s. */
  readonly everyMs?: number;
}

const helloMs = 2000;

/** Never throws. */
export async function warnOfTls({ application, log, signal, everyMs = 1000 }: WarnOfTlsOptions): Promise<void> {
  while (!signal.aborted) {
    const found = await greets(application, signal);
    if (found === 'tls') {
      log.error(
        {
          application: formatApplication(application),
          hint:
            'give it a plaintext port on loopback for its sidecar, or declare its Service as "protocol: tcp", which ' +
            'passes its own TLS through',
        },
        'the application speaks TLS itself: as HTTP or gRPC no call would reach it',
      );
    }
    if (found !== 'away') return;
    await pause(everyMs, signal);
  }
}

async function greets(application: ApplicationAddress, signal: AbortSignal): Promise<'tls' | 'other' | 'away'> {
  const { connect } = await import('node:tls');
  return new Promise((resolve) => {
    // Whether the certificate is good is not asked.
    const socket = connect({ ...application, rejectUnauthorized: false, checkServerIdentity: () => undefined });
    let there = false;
    const end = (found: 'tls' | 'other' | 'away'): void => {
      signal.removeEventListener('abort', stop);
      socket.destroy();
      resolve(found);
    };
    const stop = (): void => end('away');
    signal.addEventListener('abort', stop, { once: true });
    socket.setTimeout(helloMs, () => end('other'));
    socket.on('connect', () => {
      there = true;
    });
    socket.on('secureConnect', () => end('tls'));
    // An alert is TLS as well: it wants a certificate, or a name.
    socket.on('error', (reason) =>
      end(!there ? 'away' : 'code' in reason && /ALERT/.test(String(reason.code)) ? 'tls' : 'other'),
    );
    socket.on('close', () => end(there ? 'other' : 'away'));
  });
}

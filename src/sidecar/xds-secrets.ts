// The secrets of Envoy's own xDS connection, as file-based SDS: they name the SVID's files and the folder in which a rename
// puts a new version in force (TlsCertificate.watched_directory).
import { join } from 'node:path';
import { xdsSecretNames } from './bootstrap.ts';
import { svidFileNames } from './svid-files.ts';

export interface XdsSecrets {
  /** JSON of each file. */
  readonly certificate: string;
  readonly bundle: string;
}

/** `svidDir` is absolute: the folder that svid-files.ts writes. */
export function xdsSecrets(svidDir: string): XdsSecrets {
  const current = (name: string): object => ({ filename: join(svidDir, 'current', name) });
  const watched_directory = { path: svidDir };
  return {
    certificate: secret({
      name: xdsSecretNames.certificate,
      tls_certificate: {
        certificate_chain: current(svidFileNames.chain),
        private_key: current(svidFileNames.key),
        watched_directory,
      },
    }),
    bundle: secret({
      name: xdsSecretNames.bundle,
      validation_context: { trusted_ca: current(svidFileNames.bundle), watched_directory },
    }),
  };
}

function secret(content: object): string {
  const type = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';
  return `${JSON.stringify({ resources: [{ '@type': type, ...content }] }, undefined, 2)}\n`;
}

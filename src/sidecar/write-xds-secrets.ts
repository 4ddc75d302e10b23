// The two files by which an Envoy finds the certificate of its xDS connection, and sees each new one.
import { join, resolve } from 'node:path';
import { writeSecretFile } from '../identity/secret-file.ts';
import { xdsSecrets } from './xds-secrets.ts';

export interface XdsSecretFiles {
  readonly certificate: string;
  readonly bundle: string;
}

/** `svidDir`: the folder that svid-files.ts writes. */
export function writeXdsSecrets(dir: string, svidDir: string): XdsSecretFiles {
  const files = { certificate: join(dir, 'xds-certificate.json'), bundle: join(dir, 'xds-bundle.json') };
  const content = xdsSecrets(resolve(svidDir));
  // Not synced: they hold paths only, and are written again at every start.
  writeSecretFile(files.certificate, content.certificate, 0o600, false);
  writeSecretFile(files.bundle, content.bundle, 0o600, false);
  return files;
}

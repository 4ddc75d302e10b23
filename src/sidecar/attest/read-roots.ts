// Whom a host believes that has no SVID yet: the file of `--trust-bundle`, which people fill by hand. One of anything else is told by its
// name, before anybody is asked.
import { X509Certificate } from 'node:crypto';
import { fromPem, toPem } from '../../identity/x509/pem.ts';
import { CellwallError } from '../../lib/errors.ts';

const asPem = 'PEM: "-----BEGIN CERTIFICATE-----…", as in the bundle.pem of `serve --publish directory:`';

/**
 * `text`: the content of `file`. Returns its certificates as TLS reads them: of a block that is indented, or all on one line, as forms and
 * YAML leave it, OpenSSL would see nothing. Throws `invalid_argument` if it has no certificate, or one that cannot be read.
 */
export function checkRoots(text: string, file: string): string {
  try {
    return fromPem(text, 'CERTIFICATE').map(readable).join('');
  } catch (reason) {
    const json = text.trimStart().startsWith('{');
    throw new CellwallError('invalid_argument', `--trust-bundle: ${file}: ${CellwallError.from(reason).message}`, {
      hint: json ? `this is JSON, as in bundle.json; it must be ${asPem}` : `it must be ${asPem}`,
    });
  }
}

function readable(der: Buffer): string {
  try {
    return toPem(new X509Certificate(der).raw, 'CERTIFICATE');
  } catch {
    throw new CellwallError('invalid_argument', 'a certificate in it cannot be read: is it whole?');
  }
}

// Whom a host believes that has no SVID yet: the file of `--trust-bundle`, which people fill by hand. One of anything else is told by its
// name, before anybody is asked.
import { fromPem } from '../../identity/x509/pem.ts';
import { CellwallError } from '../../lib/errors.ts';

const asPem = 'PEM: "-----BEGIN CERTIFICATE-----…", as in the bundle.pem of `serve --publish directory:`';

/** `text`: the content of `file`. Returns it as it is. Throws `invalid_argument` if it has no certificate. */
export function checkRoots(text: string, file: string): string {
  try {
    fromPem(text, 'CERTIFICATE');
    return text;
  } catch (reason) {
    const json = text.trimStart().startsWith('{');
    throw new CellwallError('invalid_argument', `--trust-bundle: ${file}: ${CellwallError.from(reason).message}`, {
      hint: json ? `this is JSON, as in bundle.json; it must be ${asPem}` : `it must be ${asPem}`,
    });
  }
}

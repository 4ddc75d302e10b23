// Reads the roots that somebody kept to verify with, or says where they are.
import { CellwallError } from '../../lib/errors.ts';
import { readFile } from './read-file.ts';

export function readRoots(bundle: string): string {
  try {
    return readFile(bundle, 'the roots in ').toString('utf8');
  } catch (cause) {
    const { code, message } = CellwallError.from(cause);
    throw new CellwallError(code, message, {
      hint: 'the roots are in bundle.pem of "serve --publish", or of the folder that "svid fetch" wrote',
      cause,
    });
  }
}

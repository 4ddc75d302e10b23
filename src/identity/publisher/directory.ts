// Publishes into a folder on this host, for programs that read their CA from files: the roots as PEM, and as the SPIFFE bundle that
// go-spiffe and others accept. Each file is complete at any time.
import { resolve } from 'node:path';
import { CellwallError } from '../../lib/errors.ts';
import { formatSpiffeBundle, newerSequence } from '../spiffe-bundle.ts';
import { bundlePem, type TrustBundle } from '../trust-bundle.ts';
import { type Found, readPublicFile, writePublicFile } from './public-file.ts';
import { openedOrMade, openPublicFolder, toDisk } from './public-folder.ts';
import type { Confirmation, Publisher } from './publisher.ts';

/** The content of the folder. */
export const bundleFiles = { pem: 'bundle.pem', json: 'bundle.json' } as const;

/** `place`: a folder, made if it does not exist. Throws `invalid_argument` if it cannot be one. */
export function createDirectoryPublisher(place: string): Publisher {
  if (place === '' || place.includes('\0')) {
    throw new CellwallError('invalid_argument', 'a publisher of the kind directory needs a folder', {
      hint: 'as in directory:/srv/trust',
    });
  }
  const folder = resolve(place);
  return {
    async publish(bundle, signal) {
      signal.throwIfAborted();
      const opened = await openedOrMade(folder);
      try {
        for (const [name, text] of filesOf(bundle)) {
          const found = await readPublicFile(opened.at, name, folder);
          signal.throwIfAborted();
          if (!isText(found, text)) await writePublicFile(opened.at, name, text, folder);
        }
        await toDisk(opened.handle);
      } finally {
        await opened.handle.close();
      }
    },
    async confirm(bundle, signal) {
      const opened = await openPublicFolder(folder);
      if (opened === undefined) return { kind: 'missing' };
      try {
        const found: (readonly [name: string, wanted: string, found: Found])[] = [];
        for (const [name, text] of filesOf(bundle)) {
          signal.throwIfAborted();
          found.push([name, text, await readPublicFile(opened.at, name, folder)]);
        }
        return judge(found, bundle);
      } finally {
        await opened.handle.close();
      }
    },
  };
}

function filesOf(bundle: TrustBundle): readonly (readonly [name: string, text: string])[] {
  // The JSON last: its sequence implies that the PEM is there.
  return [
    [bundleFiles.pem, bundlePem(bundle)],
    [bundleFiles.json, formatSpiffeBundle(bundle)],
  ];
}

function isText(found: Found, text: string): boolean {
  return found.kind === 'text' && found.text === text;
}

function judge(
  files: readonly (readonly [name: string, wanted: string, found: Found])[],
  bundle: TrustBundle,
): Confirmation {
  if (files.every(([, text, found]) => isText(found, text))) return { kind: 'confirmed' };
  for (const [name, , found] of files) {
    const newer = name === bundleFiles.json && found.kind === 'text' ? newerSequence(found.text, bundle) : undefined;
    if (newer !== undefined) return { kind: 'newer', sequence: newer };
  }
  if (files.every(([, , { kind }]) => kind === 'missing')) return { kind: 'missing' };
  const why = files.flatMap(([name, text, found]) => {
    if (isText(found, text)) return [];
    return [
      `${name} ${found.kind === 'text' ? 'has other content' : found.kind === 'missing' ? 'is missing' : found.why}`,
    ];
  });
  return { kind: 'different', why: why.join(', ') };
}

// Publishes the documents for relying parties into a folder that any web server or CDN serves as the issuer's URL.
import { join, resolve } from 'node:path';
import { CellwallError } from '../../lib/errors.ts';
import { readPublicFile, writePublicFile } from '../publisher/public-file.ts';
import { type OpenFolder, openedOrMade, openPublicFolder, toDisk } from '../publisher/public-folder.ts';
import type { Confirmation, Publisher } from '../publisher/publisher.ts';
import { type OidcDocuments, oidcPaths } from './oidc-documents.ts';

/** `place`: a folder, made if it does not exist; not its parents. Throws `invalid_argument` if it cannot be one. */
export function createOidcFiles(place: string): Publisher<OidcDocuments> {
  if (place === '' || place.includes('\0')) {
    throw new CellwallError('invalid_argument', 'the documents of an issuer need a folder', {
      hint: 'as in /srv/oidc',
    });
  }
  const folder = resolve(place);
  return {
    async publish(documents, signal) {
      for (const { path, name, text } of filesIn(folder, documents)) {
        signal.throwIfAborted();
        const opened = await openedOrMade(path);
        try {
          if ((await found(opened, name, path)) !== text) await writePublicFile(opened.at, name, text, path);
          await toDisk(opened.handle);
        } finally {
          await opened.handle.close();
        }
      }
    },
    async confirm(documents, signal): Promise<Confirmation> {
      const wrong: string[] = [];
      for (const { path, name, text } of filesIn(folder, documents)) {
        signal.throwIfAborted();
        const opened = await openPublicFolder(path);
        try {
          const there = opened === undefined ? undefined : await found(opened, name, path);
          if (there !== text) wrong.push(there === undefined ? `${name} is missing` : `${name} has other content`);
        } finally {
          await opened?.handle.close();
        }
      }
      return wrong.length === 0 ? { kind: 'confirmed' } : { kind: 'different', why: wrong.join(', ') };
    },
  };
}

interface PublicFile {
  readonly path: string;
  readonly name: string;
  readonly text: string;
}

/** The keys first: whoever reads the other one asks for them. */
function filesIn(folder: string, { keys, configuration }: OidcDocuments): readonly PublicFile[] {
  const [inner = '', name = ''] = oidcPaths.configuration.split('/');
  return [
    { path: folder, name: oidcPaths.keys, text: keys },
    { path: join(folder, inner), name, text: configuration },
  ];
}

/** Its text; undefined if there is none. What is no file is other content. */
async function found(opened: OpenFolder, name: string, folder: string): Promise<string | undefined> {
  const file = await readPublicFile(opened.at, name, folder);
  return file.kind === 'text' ? file.text : file.kind === 'missing' ? undefined : '';
}

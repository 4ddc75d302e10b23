// The documents of the demo: examples/cells as they are, except that the loopback ports of `dependsOn` become free ones, since
// all sidecars share one host here. `permissive` gives them as they look while callers are still being moved.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Document, isSeq, parseAllDocuments } from 'yaml';
import type { Ports } from './ports.ts';

export interface DocumentFile {
  readonly name: string;
  readonly documents: readonly Document[];
}

export interface Dependency {
  /** `cell/name`, or `name`. */
  readonly caller: string;
  /** The same, with `:port` where that has a name. */
  readonly target: string;
  readonly listen: number;
}

export interface Documents {
  readonly files: readonly DocumentFile[];
  readonly trustDomain: string;
  /** Every service, `cell/name` or `name`. */
  readonly services: readonly string[];
  readonly dependencies: readonly Dependency[];
}

export async function readDocuments(folder: string, ports: Ports): Promise<Documents> {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .sort()
    .map((name) => ({ name, documents: parse(readFileSync(join(folder, name), 'utf8')) }));
  const all = files.flatMap(({ documents }) => documents);
  const services = all.filter((document) => document.get('kind') === 'Service');
  const names = services.map(keyOf);
  const dependencies: Dependency[] = [];
  for (const service of services) {
    const list = service.getIn(['spec', 'dependsOn']);
    if (!isSeq(list)) continue;
    for (let i = 0; i < list.items.length; i += 1) {
      const reference = String(service.getIn(['spec', 'dependsOn', i, 'service']));
      const own = `${service.getIn(['metadata', 'cell'])}/${reference}`;
      const listen = await ports.next();
      service.setIn(['spec', 'dependsOn', i, 'listen'], listen);
      const port = service.getIn(['spec', 'dependsOn', i, 'port']);
      const target = `${names.includes(own) ? own : reference}${port === undefined ? '' : `:${port}`}`;
      dependencies.push({ caller: keyOf(service), target, listen });
    }
  }
  const mesh = all.find((document) => document.get('kind') === 'Mesh');
  if (mesh === undefined) throw new Error(`no Mesh in ${folder}`);
  return { files, trustDomain: String(mesh.getIn(['spec', 'trustDomain'])), services: names, dependencies };
}

/** What `render` writes for the file, ready for the store or for `cellwall apply`. */
export function render(documents: readonly Document[]): string {
  return documents
    .map((document) => document.toString({ directives: false, flowCollectionPadding: false, lineWidth: 120 }))
    .join('---\n');
}

export interface LegacyAcceptance {
  readonly service: string;
  readonly authority: string;
  readonly certificates: string;
}

/** A copy in which the mesh is permissive and one service also takes certificates of a legacy CA. */
export function permissive(
  { files }: Documents,
  { service, authority, certificates }: LegacyAcceptance,
): DocumentFile[] {
  return files.map(({ name, documents }) => ({
    name,
    documents: documents.map((original) => {
      const document = original.clone() as Document;
      if (document.get('kind') === 'Mesh') {
        document.setIn(['spec', 'mtls', 'mode'], 'permissive');
        document.setIn(['spec', 'legacyAuthorities'], document.createNode([{ name: authority, certificates }]));
      }
      if (document.get('kind') === 'Service' && keyOf(document) === service) {
        document.setIn(['spec', 'mtls'], document.createNode({ mode: 'permissive', legacyAuthority: authority }));
      }
      return document;
    }),
  }));
}

/** One policy a service: for as long as callers are being moved, anonymous ones may call it, too. */
export function whileMigrating(services: readonly string[]): {
  readonly keys: readonly string[];
  readonly text: string;
} {
  const parts = services.map((key) => {
    const [name = '', cell] = key.split('/').reverse();
    return { cell, name, id: cell === undefined ? name : `${cell}/${name}` };
  });
  return {
    keys: parts.map(
      ({ cell, name }) => `AuthorizationPolicy/${cell === undefined ? '' : `${cell}/`}${name}-while-migrating`,
    ),
    text: parts
      .map(
        ({ cell, name }) => `apiVersion: cellwall/v1
kind: AuthorizationPolicy
metadata:
  name: ${name}-while-migrating
${cell === undefined ? '' : `  cell: ${cell}\n`}spec:
  target:
    service: ${name}
  action: allow
  rules:
    - from:
        - anonymous: true
`,
      )
      .join('---\n'),
  };
}

function keyOf(document: Document): string {
  const cell = document.getIn(['metadata', 'cell']);
  const name = String(document.getIn(['metadata', 'name']));
  return cell === undefined ? name : `${cell}/${name}`;
}

function parse(text: string): Document[] {
  const documents = parseAllDocuments(text);
  if (!Array.isArray(documents)) throw new Error('no documents');
  for (const { errors } of documents) if (errors[0] !== undefined) throw errors[0];
  return documents as Document[];
}

// What an import makes of the documents that are there: the service with its descriptors, and a policy of the import's own. Pure.
import { parseAllDocuments, stringify } from 'yaml';
import { CellwallError } from '../lib/errors.ts';
import type { ImportedAccess } from '../policy/resolve/import-grpc-access.ts';
import type { NamedText } from './output/problems.ts';

export interface ImportedDocument {
  readonly key: string;
  /** As it is; undefined if it is not there, or was never imported. */
  readonly before?: string;
  readonly after: string;
}

export function importedDocuments(
  files: readonly NamedText[],
  reference: string,
  { rules, descriptorSet }: ImportedAccess,
): readonly ImportedDocument[] {
  const [first = '', second] = reference.split('/');
  const metadata = second === undefined ? { name: first } : { name: second, cell: first };
  const all = files.flatMap(({ text }) => parseAllDocuments(text));
  const find = (kind: string, name: string) =>
    all.find(
      (document) =>
        document.getIn(['kind']) === kind &&
        document.getIn(['metadata', 'name']) === name &&
        document.getIn(['metadata', 'cell']) === metadata.cell,
    );
  const service = find('Service', metadata.name);
  if (service === undefined) {
    throw new CellwallError('not_found', `no service ${JSON.stringify(reference)}`, {
      hint: 'name the service whose descriptors these are with --service',
    });
  }
  const name = `${metadata.name}-grpc-access`;
  const policy = {
    apiVersion: 'cellwall/v1',
    kind: 'AuthorizationPolicy',
    metadata: { ...metadata, name },
    spec: { target: { service: reference }, action: 'allow', rules },
  };
  const imported = find('AuthorizationPolicy', name);
  return [
    ...describe(service, reference, descriptorSet, imported !== undefined),
    {
      key: `AuthorizationPolicy/${second === undefined ? '' : `${first}/`}${name}`,
      // Compared by what it says, not by how it is written.
      ...(imported === undefined ? {} : { before: stringify(imported.toJS()) }),
      after: stringify(policy),
    },
  ];
}

function describe(
  service: ReturnType<typeof parseAllDocuments>[number],
  reference: string,
  descriptorSet: string | undefined,
  importedBefore: boolean,
): ImportedDocument[] {
  const before = String(service);
  if (descriptorSet === undefined || service.getIn(['spec', 'grpc', 'descriptorSet']) === descriptorSet) return [];
  service.setIn(['spec', 'grpc'], { descriptorSet });
  return [{ key: `Service/${reference}`, ...(importedBefore ? { before } : {}), after: String(service) }];
}

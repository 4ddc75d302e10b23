// What an import makes of the documents that are there: the service with its descriptors, and a policy of the import's own. Pure.
import { isSeq, parseAllDocuments, stringify } from 'yaml';
import { CellwallError } from '../lib/errors.ts';
import type { ImportedAccess } from '../policy/resolve/import-grpc-access.ts';
import type { NamedText } from './output/problems.ts';

export interface ImportedDocument {
  readonly key: string;
  /** As it is; undefined if it does not exist, or was never imported. */
  readonly before?: string;
  readonly after: string;
}

/** `reference`: name or cell/name. Throws `not_found` if `files` do not contain the service. */
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
  const at = grpcPort(service, reference);
  const name = `${metadata.name}-grpc-access`;
  const policy = {
    apiVersion: 'cellwall/v1',
    kind: 'AuthorizationPolicy',
    metadata: { ...metadata, name },
    spec: { target: { service: reference, ...at.target }, action: 'allow', rules },
  };
  const imported = find('AuthorizationPolicy', name);
  return [
    ...describe(service, at.path, reference, descriptorSet, imported !== undefined),
    {
      key: `AuthorizationPolicy/${second === undefined ? '' : `${first}/`}${name}`,
      // Compared by meaning, not by formatting.
      ...(imported === undefined ? {} : { before: stringify(imported.toJS()) }),
      after: stringify(policy),
    },
  ];
}

type Document = ReturnType<typeof parseAllDocuments>[number];

/** The port whose methods these are: of a service with several ports, the one that speaks gRPC. */
function grpcPort(service: Document, reference: string) {
  const list = service.getIn(['spec', 'ports']);
  if (!isSeq(list)) return { path: ['spec'], target: {} };
  const speaking = list.items.flatMap((_, index) => {
    const path = ['spec', 'ports', index];
    if (service.getIn([...path, 'protocol']) !== 'grpc') return [];
    return [{ path, target: { port: String(service.getIn([...path, 'name'])) } }];
  });
  const [only] = speaking;
  if (only !== undefined && speaking.length === 1) return only;
  throw new CellwallError('invalid_argument', `${speaking.length} ports of ${JSON.stringify(reference)} speak gRPC`, {
    hint: 'the descriptors are those of one port: the service needs exactly one of `protocol: grpc`',
  });
}

function describe(
  service: Document,
  path: readonly (string | number)[],
  reference: string,
  descriptorSet: string | undefined,
  importedBefore: boolean,
): ImportedDocument[] {
  const before = String(service);
  if (descriptorSet === undefined || service.getIn([...path, 'grpc', 'descriptorSet']) === descriptorSet) return [];
  service.setIn([...path, 'grpc'], { descriptorSet });
  return [{ key: `Service/${reference}`, ...(importedBefore ? { before } : {}), after: String(service) }];
}

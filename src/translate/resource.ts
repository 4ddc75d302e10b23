// A message as a resource of its type, with the documents that made it.
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import type { Origin } from '../model/origin.ts';
import type { TranslatedResource } from './proxy.ts';

export function resource<D extends DescMessage>(
  schema: D,
  message: MessageShape<D> & ({ readonly name: string } | { readonly clusterName: string }),
  madeBy: () => readonly Origin[],
): TranslatedResource {
  const name = 'clusterName' in message ? message.clusterName : message.name;
  return { typeUrl: `type.googleapis.com/${schema.typeName}`, name, schema, message, madeBy };
}

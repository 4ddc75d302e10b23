// Raw resources ask for the proxy's own certificate by its SPIFFE ID, over the stream that they arrive on, as documents say it for all
// proxies. In a proxy whose helper keeps that certificate they ask for it there. Pure.
import { isMessage } from '@bufbuild/protobuf';
import { SdsSecretConfigSchema } from '#gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import type { SpiffeId } from '../../model/spiffe-id.ts';
import type { TranslatedResource } from '../proxy.ts';
import { rewrite } from '../rewrite.ts';
import { localSecretConfig } from './secret-config.ts';

/**
 * References to the secret named `spiffeId`, wherever they are, become references to the helper's file. Does not change its argument;
 * resources without such a reference stay the same objects.
 */
export function ownFromFile(
  resources: readonly TranslatedResource[],
  spiffeId: SpiffeId,
): readonly TranslatedResource[] {
  const { name, sdsConfig } = localSecretConfig();
  return rewrite(resources, (message) => {
    if (!isMessage(message, SdsSecretConfigSchema)) return undefined;
    if (message.name !== spiffeId || sdsConfig === undefined) return false;
    message.name = name;
    message.sdsConfig = sdsConfig;
    return true;
  });
}

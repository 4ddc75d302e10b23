// envoy/edge-sds.yaml for a test: its own text, with other names, addresses and files.
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parse } from 'yaml';
import { projectRoot } from './source-files.ts';

export interface EdgeParams {
  readonly trustDomain: string;
  /** Of the files of `svid fetch`. */
  readonly dir: string;
  readonly variant: 'delta' | 'sotw';
  readonly xdsPort: number;
  /** Where the sidecar of `spiffe://<trust domain>/cell/cell-1/service/api` listens, on 127.0.0.1. */
  readonly apiPort: number;
  /** Default: that of the example. */
  readonly secret?: string;
  /** Default 0: a free one. */
  readonly port?: number;
}

export function edgeBootstrap({ trustDomain, dir, variant, xdsPort, apiPort, secret, port = 0 }: EdgeParams): object {
  const text = readFileSync(join(projectRoot, 'envoy/edge-sds.yaml'), 'utf8');
  const own = 'spiffe://cells.example/edge/ingress\n';
  return parse(
    text
      .replaceAll(`name: ${own}`, `name: ${secret ?? own.trim()}\n`)
      // A name is one host's: whoever enrolled anew is another one.
      .replace('~e1', `~${basename(dir)}`)
      .replaceAll('cells.example', trustDomain)
      .replaceAll('/var/lib/cellwall', dir)
      .replaceAll('api_type: DELTA_GRPC', variant === 'delta' ? 'api_type: DELTA_GRPC' : 'api_type: GRPC')
      .replace('0.0.0.0, port_value: 8443', `127.0.0.1, port_value: ${port}`)
      .replace('api.cell-1.internal, port_value: 8443', `127.0.0.1, port_value: ${apiPort}`)
      .replace('cellwall.internal, port_value: 18000', `127.0.0.1, port_value: ${xdsPort}`)
      .replaceAll('STRICT_DNS', 'STATIC'),
  );
}

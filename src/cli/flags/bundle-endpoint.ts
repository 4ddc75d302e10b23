// The bundle endpoint, for trust domains that federate with this one: flags of `serve` that depend on one another.
import type { Command } from 'commander';
import type { HostPort } from '../../lib/host-port.ts';
import type { ServeOptions } from '../../serve/serve-options.ts';
import { parseHostPort } from './address.ts';
import { flag } from './environment.ts';

export interface BundleEndpointFlags {
  readonly bundleListen?: HostPort;
  readonly bundleTlsCert?: string;
  readonly bundleTlsKey?: string;
}

export function addBundleEndpointFlags(command: Command): Command {
  return command
    .addOption(
      flag(
        '--bundle-listen <host:port>',
        'where other trust domains fetch the trust bundle, over TLS (SPIFFE federation)',
        {
          env: 'CELLWALL_BUNDLE_LISTEN',
          defaultText: 'nowhere',
          parse: parseHostPort,
        },
      ),
    )
    .addOption(
      flag(
        '--bundle-tls-cert <file>',
        'with --bundle-listen: the certificate to use, PEM, with its chain (https_web)',
        {
          env: 'CELLWALL_BUNDLE_TLS_CERT',
          defaultText: "the control plane's own SVID (https_spiffe)",
        },
      ),
    )
    .addOption(flag('--bundle-tls-key <file>', 'the key of that certificate, PEM', { env: 'CELLWALL_BUNDLE_TLS_KEY' }));
}

/** Ends the command with exit code 2 for flags that need others. */
export function bundleEndpointOf(options: BundleEndpointFlags, command: Command): Pick<ServeOptions, 'bundleEndpoint'> {
  const { bundleListen: address, bundleTlsCert: certificate, bundleTlsKey: key } = options;
  if ((certificate === undefined) !== (key === undefined)) {
    return command.error('error: --bundle-tls-cert and --bundle-tls-key must be given together', { exitCode: 2 });
  }
  if (address === undefined) {
    if (certificate === undefined) return {};
    return command.error('error: --bundle-tls-cert needs --bundle-listen', { exitCode: 2 });
  }
  return { bundleEndpoint: { address, ...(certificate && key ? { files: { certificate, key } } : {}) } };
}

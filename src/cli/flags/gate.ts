// What the gate of the cut-over is told by every command that may make a service strict.
import { Option } from 'commander';
import { flag } from './environment.ts';
import { duration } from './number.ts';

export function sinceFlag(): Option {
  return flag('--since <duration>', 'how far the gate looks back when a service becomes strict', {
    defaultText: "the mesh's cutOverWindow",
    parse: duration,
  });
}

export function ignoreAddressFlag(): Option {
  return new Option(
    '--ignore-address <address...>',
    'addresses, or networks up to /16 (IPv6: /48), whose plaintext calls and failed handshakes the gate ' +
      'disregards; written to the audit log',
  );
}

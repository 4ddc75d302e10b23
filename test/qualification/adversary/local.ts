// Another user of the same machine: the admin port, the sidecar's files and listeners.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const localItems: readonly Item[] = [
  fromTests({
    name: 'admin-token',
    line:
      'Whoever listens in place of the admin API gets neither the admin token nor anything that it gives access to, ' +
      'from any command',
    bound: '0 bytes of a token seen by a false server or a relay; 12 of 12 urgent applies with the port filled',
    files: ['test/adversary/local/admin-port.test.ts', 'test/adversary/local/admin-socket.test.ts'],
  }),
  fromTests({
    name: 'loopback-port',
    line:
      'A foreign Host name is refused on a loopback port; applications are served with the names they use; a socket ' +
      'admits those whom its mode allows',
    bound: 'every foreign Host refused, every usual one served',
    files: ['test/adversary/local/loopback-port.test.ts'],
  }),
  fromTests({
    name: 'terminal-output',
    line: 'Text written by others cannot control a terminal: tables, -o json, -o yaml and the log; no value is lost',
    bound: '0 control characters',
    files: ['test/adversary/local/terminal-output.test.ts'],
  }),
  fromTests({
    name: 'pinned-envoy',
    line:
      'Another program in place of Envoy (PATH, ENVOY_BIN, the cache) is not run if ENVOY_SHA256 pins it; a compose ' +
      'sidecar sees only its own token',
    bound: 'never run',
    files: ['test/adversary/local/pinned-envoy.test.ts', 'test/deploy/compose.test.ts'],
  }),
  fromTests({
    name: 'long-data-path',
    line: "Envoy's admin interface is a socket of this user's, however long --data is",
    bound: 'never a TCP port',
    files: ['test/adversary/local/long-data-path.test.ts'],
  }),
];

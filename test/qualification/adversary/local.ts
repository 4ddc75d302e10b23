// Another user of the same machine: the admin port, the sidecar's files and listeners.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const localItems: readonly Item[] = [
  fromTests({
    name: 'admin-token',
    line: 'Whoever listens in the place of the admin API gets neither the admin token nor what it opens, of any command',
    bound: '0 bytes of a token seen by a false server or a relay; 12 of 12 urgent applies with the port filled',
    files: ['test/adversary/local/admin-port.test.ts', 'test/adversary/local/admin-socket.test.ts'],
  }),
  fromTests({
    name: 'loopback-port',
    line:
      'A name of somebody else is refused on a loopback port; applications are served as they call; a socket lets ' +
      'in whom its mode names',
    bound: 'every foreign Host refused, every usual one served',
    files: ['test/adversary/local/loopback-port.test.ts'],
  }),
  fromTests({
    name: 'terminal-output',
    line: 'What others wrote steers no terminal: tables, -o json, -o yaml and the log; no value is lost',
    bound: '0 control characters',
    files: ['test/adversary/local/terminal-output.test.ts'],
  }),
  fromTests({
    name: 'pinned-envoy',
    line:
      'Another program in the place of Envoy (PATH, ENVOY_BIN, the cache) is not run where ENVOY_SHA256 pins it; a ' +
      'compose sidecar sees its own token only',
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

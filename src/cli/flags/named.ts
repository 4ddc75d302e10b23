// Flags that say something of each port of a service: `--app 3000`, `--app grpc=9090 --app rest=8080`, `--app grpc=9090,rest=8080`.
import { InvalidArgumentError } from 'commander';
import { defaultPort } from '../../lib/port-name.ts';

/** By the port's name; what names none is of the port `default`. */
export function named<T>(parse: (text: string) => T): (text: string, before?: unknown) => ReadonlyMap<string, T> {
  return (text, before) => {
    const said = new Map<string, T>();
    // A path may have a comma, too.
    for (const part of text.split(/,(?=[a-z0-9][a-z0-9-]*=)/)) {
      const [, name = defaultPort, value = ''] = /^(?:([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)=)?(.*)$/s.exec(part) ?? [];
      if (said.has(name)) throw new InvalidArgumentError(`twice for the port ${name}`);
      said.set(name, parse(value));
    }
    // Of a flag that is given again for a port, the last counts, as of every flag.
    return new Map<string, T>([...(before instanceof Map ? before : []), ...said]);
  };
}

// Flags with a value for each port of a service: `--app 3000`, `--app grpc=9090 --app rest=8080`, `--app grpc=9090,rest=8080`.
import { InvalidArgumentError } from 'commander';
import { defaultPort } from '../../lib/port-name.ts';

/** By the port's name; a value without a name is for the port `default`. */
export function named<T>(parse: (text: string) => T): (text: string, before?: unknown) => ReadonlyMap<string, T> {
  return (text, before) => {
    const said = new Map<string, T>();
    // A path may contain a comma, too.
    for (const part of text.split(/,(?=[a-z0-9][a-z0-9-]*=)/)) {
      const [, name = defaultPort, value = ''] = /^(?:([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)=)?(.*)$/s.exec(part) ?? [];
      if (said.has(name)) throw new InvalidArgumentError(`twice for the port ${name}`);
      said.set(name, parse(value));
    }
    // If a flag is given again for a port, the last one counts, as for every flag.
    return new Map<string, T>([...(before instanceof Map ? before : []), ...said]);
  };
}

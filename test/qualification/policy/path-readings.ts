// How applications read the path that they are given: as frameworks and servers do before they choose a handler.

export interface Reading {
  readonly name: string;
  /** The handler's path. */
  /** `keep`: the application takes an escaped slash for a part of its segment; `reject`: for a slash, as file servers do. */
  read(path: string, escapedSlashes: Slashes): string;
}

type Slashes = 'reject' | 'keep';

export const readings: readonly Reading[] = [
  { name: 'as it is', read: (path) => withoutQuery(path) },
  { name: 'decoded once', read: (path, slashes) => decode(withoutQuery(path), slashes) },
  { name: 'decoded twice', read: (path, slashes) => decode(twice(withoutQuery(path)), slashes) },
  {
    name: 'decoded twice, then dot segments resolved',
    read: (path, slashes) => resolved(decode(twice(withoutQuery(path)), slashes)),
  },
  {
    name: 'decoded, then dot segments resolved',
    read: (path, slashes) => resolved(decode(withoutQuery(path), slashes)),
  },
  {
    name: 'dot segments resolved, then decoded',
    read: (path, slashes) => decode(resolved(withoutQuery(path)), slashes),
  },
  {
    name: 'parameters off, decoded, resolved (servlets)',
    read: (path, slashes) => resolved(decode(withoutParameters(withoutQuery(path)), slashes)),
  },
  {
    name: 'decoded, parameters off, resolved',
    read: (path, slashes) => resolved(withoutParameters(decode(withoutQuery(path), slashes))),
  },
  {
    name: 'backslashes turned, slashes merged, resolved',
    read: (path, slashes) => resolved(decode(withoutQuery(path), slashes).replaceAll('\\', '/')),
  },
  { name: 'trailing slash off', read: (path) => withoutQuery(path).replace(/(?<=.)\/+$/, '') },
  {
    name: 'decoded, then read as a URL (WHATWG: "%2e" is a dot)',
    read: (path, slashes) =>
      resolved(decode(withoutQuery(path), slashes).replace(/%252e/gi, '.').replaceAll('\\', '/')),
  },
];

function twice(path: string): string {
  return path.replace(/%25(?=[0-9a-f]{2})/gi, '%');
}

function withoutQuery(path: string): string {
  return path.split('?')[0] ?? path;
}

function withoutParameters(path: string): string {
  return path.replace(/;[^/]*/g, '');
}

function decode(path: string, escapedSlashes: Slashes): string {
  return path.replace(/%([0-9a-f]{2})/gi, (whole, hex: string) => {
    const char = String.fromCharCode(Number.parseInt(hex, 16));
    const kept = escapedSlashes === 'keep' && (char === '/' || char === '\\');
    // What no request target may hold is asked of explain in its escaped form again.
    return kept || !/[\x21-\x7e]/.test(char) || '#?%'.includes(char) ? whole : char;
  });
}

function resolved(path: string): string {
  const out: string[] = [];
  for (const segment of path.split('/').slice(1)) {
    if (segment === '..') out.pop();
    else if (segment !== '.' && segment !== '') out.push(segment);
  }
  return `/${out.join('/')}`;
}

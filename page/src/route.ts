// Where one is in the page: kept in the fragment, which no server sees. `#/service/cell-1%2Fapi?caller=web`.

export const views = ['map', 'services', 'proxies', 'policies', 'certificates', 'audit', 'explain'] as const;
export type View = (typeof views)[number];

export interface Place {
  readonly view: View;
  /** What of it: a service, a proxy, a document. */
  readonly item?: string;
  readonly query: Readonly<Record<string, string>>;
}

/** What is not a place is the map. */
export function placeOf(fragment: string): Place {
  const [path = '', search = ''] = fragment.replace(/^#\/?/, '').split('?');
  const [name = '', ...rest] = path.split('/');
  const view = views.find((one) => one === name) ?? 'map';
  const item = decode(rest.join('/'));
  return { view, query: Object.fromEntries(new URLSearchParams(search)), ...(item === '' ? {} : { item }) };
}

/** An href. Fields without a value are left out. */
export function hrefOf(view: View, item?: string, query: Readonly<Record<string, string | undefined>> = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined && value !== '') search.set(name, value);
  const path = item === undefined ? view : `${view}/${encodeURIComponent(item)}`;
  return search.size === 0 ? `#/${path}` : `#/${path}?${search}`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

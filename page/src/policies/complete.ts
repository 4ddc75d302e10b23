// What may stand where the cursor is in a document: fields and values of its JSON schema. It reads indentation, not YAML: the text is unfinished
// while it is written. Pure.

/** The part of JSON Schema that describes documents. */
export interface Schema {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly type?: string | readonly string[];
  readonly description?: string;
}

export interface Completion {
  readonly label: string;
  /** In place of what was typed of it. */
  readonly insert: string;
  readonly about?: string;
}

export interface Completions {
  /** Of what is replaced, up to the cursor. */
  readonly from: number;
  readonly items: readonly Completion[];
}

const none: Completions = { from: 0, items: [] };
const maxItems = 30;

/** `root`: of `cellwall schema`. */
export function completionsAt(text: string, cursor: number, root: Schema): Completions {
  const begin = Math.max(0, text.lastIndexOf('\n---', cursor - 1) + 1);
  const before = text.slice(begin, cursor).split('\n');
  const line = before.at(-1) ?? '';
  if (line.includes('#')) return none;
  const rest = text.slice(begin);
  const kind = /^kind: *(\w+)/m.exec(rest.split(/^---/m)[rest.startsWith('---') ? 1 : 0] ?? '')?.[1];
  const read = /^([ -]*)(?:([\w-]+): +)?(\S*)$/.exec(line);
  if (read === null) return none;
  const [, lead = '', key = '', typed = ''] = read;
  if (!/^ *(- +)*$/.test(lead)) return none;
  const column = lead.length;
  const path = pathTo(before.slice(0, -1), lead);
  const schemas = schemasAt(root, kind, path);
  const items =
    key === ''
      ? fieldsOf(schemas, root, column, siblings(before, column))
      : valuesOf(fieldSchemas(schemas, key, root), root);
  const found = path.length === 0 && key === 'kind' ? kindsOf(root) : items;
  const fitting = found.filter(({ label }) => label.toLowerCase().startsWith(typed.toLowerCase()) && label !== typed);
  return { from: cursor - typed.length, items: fitting.slice(0, maxItems) };
}

type Step = string | 0;

/** Keys, and 0 for items of lists, above a line that begins like that. */
function pathTo(above: readonly string[], lead: string): readonly Step[] {
  const path: Step[] = [];
  let column = lead.length;
  // Of the line itself: each dash is an item of a list, which began there.
  for (let dash = lead.lastIndexOf('-'); dash >= 0; dash = dash === 0 ? -1 : lead.lastIndexOf('-', dash - 1)) {
    path.unshift(0);
    column = dash;
  }
  for (const line of [...above].reverse()) {
    const found = /^( *(?:- +)*)([\w-]+):(?: |$)/.exec(line) ?? /^( *(?:- +)+)/.exec(line);
    if (found === null) continue;
    const [, start = '', name] = found;
    const dash = start.lastIndexOf('-');
    // A list may stand as deep as the key that it belongs to.
    const isOwner = name !== undefined && (start.length < column || (start.length === column && path[0] === 0));
    if (isOwner && name !== undefined) {
      path.unshift(name);
      column = start.length;
    }
    if (dash >= 0 && dash < column && start.length <= column) {
      path.unshift(0);
      column = dash;
    }
  }
  return path;
}

/** Keys beside this one, above it. */
function siblings(before: readonly string[], column: number): ReadonlySet<string> {
  const found = new Set<string>();
  for (const line of before.slice(0, -1).reverse()) {
    const [, start = '', name = ''] = /^( *(?:- +)*)([\w-]*)/.exec(line) ?? [];
    if (line.trim() === '' || start.length > column) continue;
    if (start.length < column) break;
    if (name !== '') found.add(name);
    if (start.includes('-')) break;
  }
  return found;
}

function schemasAt(root: Schema, kind: string | undefined, path: readonly Step[]): readonly Schema[] {
  const { $defs = {} } = root;
  const known = kind !== undefined && Object.hasOwn($defs, kind) ? $defs[kind] : undefined;
  let schemas = alternatives(known ?? root, root);
  for (const step of path) {
    schemas =
      step === 0
        ? schemas.flatMap(({ items }) => (items === undefined ? [] : alternatives(items, root)))
        : fieldSchemas(schemas, step, root);
  }
  return schemas;
}

/** A schema and all that it refers to, or may be. */
function alternatives(schema: Schema, root: Schema, depth = 0): readonly Schema[] {
  if (depth > 12) return [];
  const { $ref, anyOf = [], oneOf = [], allOf = [] } = schema;
  const target = $ref === undefined ? undefined : root.$defs?.[$ref.replace('#/$defs/', '')];
  const more = [...(target === undefined ? [] : [target]), ...anyOf, ...oneOf, ...allOf];
  return [schema, ...more.flatMap((one) => alternatives(one, root, depth + 1))];
}

function fieldSchemas(schemas: readonly Schema[], name: string, root: Schema): readonly Schema[] {
  return schemas.flatMap(({ properties, additionalProperties }) => {
    const own = properties !== undefined && Object.hasOwn(properties, name) ? properties[name] : undefined;
    const found = own ?? (typeof additionalProperties === 'object' ? additionalProperties : undefined);
    return found === undefined ? [] : alternatives(found, root);
  });
}

function fieldsOf(
  schemas: readonly Schema[],
  root: Schema,
  column: number,
  there: ReadonlySet<string>,
): readonly Completion[] {
  const found = new Map<string, Completion>();
  for (const { properties = {}, required = [] } of schemas) {
    for (const [label, schema] of Object.entries(properties)) {
      if (there.has(label) || found.has(label)) continue;
      const all = alternatives(schema, root);
      const list = all.some(({ items }) => items !== undefined);
      const object = all.some((one) => one.properties !== undefined);
      const deeper = `\n${' '.repeat(column + 2)}`;
      const about = all.find(({ description }) => description !== undefined)?.description;
      found.set(label, {
        label,
        insert: `${label}:${list ? `${deeper}- ` : object ? deeper : ' '}`,
        ...(about === undefined ? (required.includes(label) ? { about: 'required' } : {}) : { about }),
      });
    }
  }
  return [...found.values()];
}

function valuesOf(schemas: readonly Schema[], root: Schema): readonly Completion[] {
  const values = schemas
    .flatMap((schema) => alternatives(schema, root))
    .flatMap((schema) => {
      const booleans = schema.type === 'boolean' ? [true, false] : [];
      return [...(schema.enum ?? []), ...(schema.const === undefined ? [] : [schema.const]), ...booleans];
    });
  return [...new Set(values.map(String))].map((label) => ({ label, insert: label }));
}

function kindsOf({ $defs = {} }: Schema): readonly Completion[] {
  return Object.keys($defs).map((label) => ({ label, insert: label }));
}

// What the editor offers where the cursor (|) is.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { completionsAt, type Schema } from '../../page/src/policies/complete.ts';
import { documentJsonSchema } from '../../src/model/json-schema.ts';

const schema: Schema = documentJsonSchema();

function offered(text: string): readonly string[] {
  const cursor = text.indexOf('|');
  return completionsAt(text.replace('|', ''), cursor, schema).items.map(({ label }) => label);
}

const policy = 'apiVersion: cellwall/v1\nkind: AuthorizationPolicy\nmetadata:\n  name: a\nspec:\n';

describe('the editor', () => {
  it('offers kinds, and the fields of a kind', () => {
    expect(offered('apiVersion: cellwall/v1\nkind: |')).toEqual(
      expect.arrayContaining(['AuthorizationPolicy', 'Service', 'Mesh']),
    );
    expect(offered('kind: Auth|')).toEqual(['AuthorizationPolicy']);
    expect(offered(`${policy}|`)).not.toContain('spec');
    expect(offered(`${policy}  |`)).toEqual(expect.arrayContaining(['target', 'action', 'rules']));
    expect(offered(`${policy}  act|`)).toEqual(['action']);
  });

  it('offers no field that is there already', () => {
    expect(offered(`${policy}  action: allow\n  |`)).not.toContain('action');
  });

  it('offers the values of a field', () => {
    expect(offered(`${policy}  action: |`)).toEqual(expect.arrayContaining(['allow', 'deny']));
    expect(offered(`${policy}  action: d|`)).toEqual(['deny']);
  });

  it('knows items of lists, in both ways of writing them', () => {
    for (const list of [
      '  rules:\n    - |',
      '  rules:\n  - |',
      '  rules:\n    - from:\n        - service: web\n      |',
      '  rules:\n  - from:\n    - service: web\n    |',
    ]) {
      expect(offered(policy + list), list).toContain('to');
    }
    expect(offered(`${policy}  rules:\n    - from:\n        - |`)).toContain('service');
    expect(offered(`${policy}  rules:\n  - from:\n    - service: web\n      |`)).toContain('cell');
  });

  it('stays within the document of the cursor', () => {
    expect(offered(`${policy}---\nkind: Service\nmetadata:\n  name: a\nspec:\n  |`)).toContain('protocol');
    expect(offered(`kind: Service\nspec:\n  |\n---\n${policy}`)).toContain('protocol');
  });

  it('replaces what was typed of it, and only that', () => {
    const text = `${policy}  tar`;
    const { from, items } = completionsAt(text, text.length, schema);
    expect(text.slice(0, from) + (items[0]?.insert ?? '')).toBe(`${policy}  target:\n    `);
  });

  it('offers nothing in comments and texts, and nothing fails it', () => {
    expect(offered('# a|')).toEqual([]);
    expect(offered(`${policy}  target: some text |`)).toEqual([]);
    const piece = fc.constantFrom(
      'kind',
      'spec',
      'rules',
      '- ',
      ': ',
      '\n',
      '  ',
      '---',
      '#',
      'Service',
      '"',
      '{',
      '__proto__',
      'constructor',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), fc.nat(), (pieces, at) => {
        const text = pieces.join('');
        const cursor = at % (text.length + 1);
        const { from, items } = completionsAt(text, cursor, schema);
        expect(items.length === 0 || (from >= 0 && from <= cursor)).toBe(true);
      }),
    );
  });
});
